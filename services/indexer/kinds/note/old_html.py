"""Notes of phones before iOS 9, which are HTML from mail servers, as lines.

Nothing is kept of it but text, simple looks, lists and safe links.
"""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec

from services.indexer.kinds.note.document import PLAIN, Form, Line, Look, Span
from services.indexer.kinds.note.lines import Room
from services.indexer.kinds.note.links import safe_link

#: Elements in elements; deeper ones are taken as text of the last.
_DEEPEST = 200
_BLOCKS = frozenset({"div", "p", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote",
                     "pre", "table", "tr", "td", "th", "body", "html", "object"})  # fmt: skip
#: What these hold is no text.
_SILENT = frozenset({"script", "style", "head", "title", "template", "noscript"})
_EMPTY = frozenset({"br", "img", "hr", "meta", "link", "input", "wbr", "col", "area", "base"})
_FORMS: dict[str, Form] = {
    "h1": "title", "h2": "heading", "h3": "subheading", "h4": "subheading", "h5": "subheading",
    "h6": "subheading", "pre": "monospaced",
}  # fmt: skip
_LOOKS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline",
    "s": "strike", "strike": "strike", "del": "strike",
}  # fmt: skip


class _State(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    tag: str = ""
    look: Look = PLAIN
    form: Form = "body"
    indent: int = -1
    item: Form = "dotted"
    is_quote: bool = False
    is_silent: bool = False


class _Reader(HTMLParser):
    def __init__(self, room: Room) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[Line] = []
        self._room = room
        self._stack = [_State()]
        self._spans: list[Span] = []
        self._was_broken = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._break(always=True)
            return
        if tag in _BLOCKS:
            self._break()
        if tag in _EMPTY or len(self._stack) >= _DEEPEST:
            return
        self._stack.append(self._inner(tag, attrs))

    def _inner(self, tag: str, attrs: list[tuple[str, str | None]]) -> _State:
        above = self._stack[-1]
        change: dict[str, object] = {"tag": tag}
        if tag in _LOOKS:
            change["look"] = msgspec.structs.replace(above.look, **{_LOOKS[tag]: True})
        elif tag == "a":
            link = safe_link(dict(attrs).get("href"))
            change["look"] = msgspec.structs.replace(above.look, link=link or above.look.link)
        elif tag in _FORMS:
            change["form"] = _FORMS[tag]
        elif tag in {"ul", "ol"}:
            change["indent"] = min(above.indent + 1, 12)
            change["item"] = "numbered" if tag == "ol" else "dotted"
        elif tag == "li":
            change["form"] = above.item
        elif tag == "blockquote":
            change["is_quote"] = True
        elif tag in _SILENT:
            change["is_silent"] = True
        return msgspec.structs.replace(above, **change)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._break()
        for at in range(len(self._stack) - 1, 0, -1):
            if self._stack[at].tag == tag:
                del self._stack[at:]
                return

    def handle_data(self, data: str) -> None:
        state = self._stack[-1]
        if state.is_silent or self._room.spans <= 0:
            return
        for number, row in enumerate(data.split("\n") if state.form == "monospaced" else [data]):
            if number:
                self._break(always=True)
            text = row if state.form == "monospaced" else " ".join(row.split())
            if text and text != row:
                # Space around words separates them from what stands beside.
                text = f"{' ' * row[0].isspace()}{text}{' ' * row[-1].isspace()}"
            if not text and not (row and self._spans):
                continue
            self._spans.append(Span(self._room.take(text or " "), state.look))
            self._room.spans -= 1

    def _break(self, *, always: bool = False) -> None:
        if not self._spans and not always:
            return
        state = self._stack[-1]
        self.lines.append(
            Line(
                spans=tuple(self._spans),
                form=state.form,
                indent=max(state.indent, 0),
                is_quote=state.is_quote,
            )
        )
        self._spans = []
        self._room.spans -= 1

    def finish(self) -> tuple[Line, ...]:
        self.close()
        self._break()
        return tuple(self.lines)


def read_html(content: str, room: Room) -> tuple[Line, ...]:
    """Return the lines of a note that is HTML."""
    reader = _Reader(room)
    reader.feed(room.take(content) if len(content) > room.characters else content)
    return reader.finish()
