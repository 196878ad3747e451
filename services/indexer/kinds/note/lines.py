"""From a text with runs to lines: what stands together, looks alike and is a list or a quote."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from services.indexer.kinds.note.body import Body, Run
from services.indexer.kinds.note.document import PLAIN, Line, Look, Span
from services.indexer.kinds.note.links import safe_link
from services.indexer.kinds.note.vocabulary import ALIGNS, FORMS, HIGHLIGHTS

#: Longer notes are shown up to here; the search knows more of them.
MOST_CHARACTERS = 400_000
MOST_SPANS = 40_000
#: Of all tables of a note; people paste lists of a few hundred rows.
MOST_CELLS = 20_000
#: Nobody indents further.
_DEEPEST = 12
_OBJECT = "\ufffc"
_PLAIN_RUN = Run(length=0)

#: Returns what stands in the place of an attachment, by its identity and type.
Resolve = Callable[[str, str | None], Span | None]


class Room(msgspec.Struct):
    """How much of one note may still be shown, with all its tables."""

    characters: int = MOST_CHARACTERS
    spans: int = MOST_SPANS
    cells: int = MOST_CELLS
    #: Whether something had to be left out.
    was_cut: bool = False

    def take(self, text: str) -> str:
        """Return as much of *text* as there is room for."""
        if len(text) > self.characters:
            text = text[: self.characters]
            self.was_cut = True
        self.characters -= len(text)
        return text


def lines_of(body: Body, resolve: Resolve, room: Room) -> tuple[Line, ...]:
    """Return the lines of *body*, with what *resolve* gives for attachments."""
    text = room.take(body.text)
    lines: list[Line] = []
    spans = _Spans(room)
    style: Run | None = None
    for piece, run in _pieces(text, body.runs):
        if room.spans <= 0:
            room.was_cut = True
            break
        look = _look(run, room)
        for number, part in enumerate(piece.split("\n")):
            if number:
                # The newline belongs to the line that it ends.
                lines.append(_line(spans.take(), style or run))
                style = None
                room.spans -= 1
            if part:
                style = style or run
                for span in _spans(part, run, look, resolve):
                    spans.add(span)
    rest = spans.take()
    if rest:
        lines.append(_line(rest, style or _PLAIN_RUN))
    return tuple(lines)


def _pieces(text: str, runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """Return the text of each run; one that ends inside of a character has it whole."""
    is_wide = not text.isascii() and max(text) > "\uffff"
    units = text.encode("utf-16-le", "surrogatepass") if is_wide else b""
    length = len(units) // 2 if is_wide else len(text)
    found: list[tuple[str, Run]] = []
    at = 0
    for run in runs:
        if at >= length:
            break
        end = min(at + run.length, length)
        if is_wide:
            if end < length and 0xDC <= units[end * 2 + 1] <= 0xDF:
                end += 1
            piece = units[at * 2 : end * 2].decode("utf-16-le", "replace")
        else:
            piece = text[at:end]
        if piece:
            found.append((piece, run))
        at = end
    if at < length:
        rest = units[at * 2 :].decode("utf-16-le", "replace") if is_wide else text[at:]
        found.append((rest, _PLAIN_RUN))
    return found


def _look(run: Run, room: Room) -> Look:
    if run is _PLAIN_RUN:
        return PLAIN
    link = safe_link(run.link)
    if link is not None and room.take(link) != link:
        link = None
    if (
        link is None
        and run.color is None
        and run.highlight is None
        and not (run.weight or run.underline or run.strike or run.script)
    ):
        return PLAIN
    return Look(
        bold=run.weight in {1, 3},
        italic=run.weight in {2, 3},
        # Notes underlines links by itself; what is said of them is that they are links.
        underline=run.underline and link is None,
        strike=run.strike,
        script=(run.script > 0) - (run.script < 0),
        color=None if run.color is None else _hex(run.color),
        highlight=None if run.highlight is None else HIGHLIGHTS.get(run.highlight, "other"),
        link=link,
    )


def _hex(color: tuple[float, float, float]) -> str | None:
    # NaN compares with nothing.
    if not all(0 <= part <= 1 for part in color):
        color = tuple(min(max(part, 0.0), 1.0) if part == part else 0.0 for part in color)  # type: ignore[assignment]  # noqa: PLR0124
    return "#" + "".join(f"{round(part * 255):02x}" for part in color)


def _spans(text: str, run: Run, look: Look, resolve: Resolve) -> list[Span]:
    if run.attachment is None or _OBJECT not in text:
        # An object without an attachment is a thing that is gone.
        text = text.replace(_OBJECT, "")
        return [Span(text, look)] if text else []
    found: list[Span] = []
    before, _, after = text.partition(_OBJECT)
    if before:
        found.append(Span(before, look))
    stands = resolve(run.attachment, run.uti)
    if stands is not None:
        found.append(stands)
    after = after.replace(_OBJECT, "")
    if after:
        found.append(Span(after, look))
    return found


class _Spans:
    """The spans of one line: runs that differ only in when they were typed become one."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._done: list[Span] = []
        self._texts: list[str] = []
        self._look = PLAIN

    def add(self, span: Span) -> None:
        if span.part is not None:
            self._close()
            self._done.append(span)
            self._room.spans -= 1
            return
        if self._texts and (span.look != self._look or span.look.role is not None):
            self._close()
        self._look = span.look
        self._texts.append(span.text)

    def _close(self) -> None:
        if self._texts:
            self._done.append(Span("".join(self._texts), self._look))
            self._texts = []
            self._room.spans -= 1

    def take(self) -> tuple[Span, ...]:
        """Return the line, and begin the next one."""
        self._close()
        taken, self._done = tuple(self._done), []
        return taken


def _line(spans: tuple[Span, ...], run: Run) -> Line:
    form = FORMS.get(run.style, "body") if run.style is not None else "body"
    return Line(
        spans=spans,
        form=form,
        align=None if run.align is None else ALIGNS.get(run.align),
        indent=min(run.indent, _DEEPEST),
        is_quote=run.is_quote,
        is_done=form == "check" and bool(run.done),
    )
