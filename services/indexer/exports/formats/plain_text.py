"""Plain text: a log per thread that is read from its beginning to its end, in any program.

    2024-07-20 11:04:00  Jonas Sandoval: Mostly. The cover flew away

Lines of a text that has several are indented, so that nothing in it looks like another message.
Lines are as long as they were written: nothing is wrapped.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, ClassVar

from services.indexer.exports.formats.answers import Answers
from services.indexer.exports.formats.cleaning import clean, one_line
from services.indexer.exports.formats.protocol import About, Format, Group, Item, Output, Sink
from services.indexer.exports.formats.told import Told, names_of, told
from shared.member_names import name_part

_TALKS = frozenset({"message", "whatsapp"})
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_INDENT = " " * 21
_MOST_DEPTH = 5
#: Fields for programs.
_TECHNICAL = frozenset({"html", "markdown", "raw", "files", "attachment_info"})


class PlainText(Format):
    """The format ``txt``."""

    name: ClassVar[str] = "txt"

    def __init__(self, output: Output, about: About) -> None:
        super().__init__(output, about)
        self._open = ExitStack()
        self._sink: Sink | None = None
        self._group: Group | None = None
        self._names: dict[str, str] = {}
        self._answers = Answers()
        self._day = ""

    def begin_group(self, group: Group) -> None:
        """Open the file of *group* and say what it is."""
        title = name_part(group.title, most_bytes=120)
        path = self.output.name(f"{group.kind}/{title}.txt")
        self._sink = self._open.enter_context(self.output.member(path))
        self._group, self._day = group, ""
        self._answers = Answers()
        self._names = names_of(group.thread)
        self._write(one_line(group.title))
        if group.thread is not None:
            with_whom = [
                one_line(one.name or one.handle, most=80) for one in group.thread.participants
            ]
            if with_whom:
                self._write("With: " + ", ".join(with_whom))
        kind = self.about.kind_titles.get(group.kind, group.kind)
        self._write(f"{kind} from {one_line(group.phones)}")
        self._write(f"All times are those of {self.about.time_zone}.")

    def add(self, item: Item) -> str | None:
        """Write what happened."""
        assert self._sink is not None
        at = item.artifact.occurred_at
        local = None if at is None else at.astimezone(self.about.zone)
        text = "\n".join(
            self._talk(item, local) if item.artifact.kind in _TALKS else self._entry(item, local)
        )
        today = "Without a date" if local is None else f"{local:%Y-%m-%d}"
        if today != self._day:
            self._day = today
            self._write(f"\n--- {today} ---\n")
        self._write(text)
        return None

    def end_group(self) -> None:
        """Close the file."""
        self._open.close()

    def end(self) -> None:
        """Nothing is about everything."""

    def _write(self, text: str) -> None:
        assert self._sink is not None
        self._sink.write((text + "\n").encode("utf-8", "replace"))

    def _talk(self, item: Item, local: dt.datetime | None) -> Iterator[str]:
        artifact = item.artifact
        said = told(artifact, self._names, self._moment)
        said = self._answers.with_quote(artifact, said)
        head = _head(local)
        if said.event is not None:
            yield f"{head}* {said.event}"
            return
        sender = artifact.sender
        who = "" if sender is None else "Me" if sender.is_me else sender.name or sender.handle or ""
        first, *more = list(_pieces(item, said)) or ["(nothing)"]
        yield f"{head}{one_line(who, most=80) or 'Somebody'}: {_indented(first)}"
        for piece in more:
            yield _INDENT + _indented(piece)

    def _moment(self, moment: dt.datetime) -> str:
        return f"{moment.astimezone(self.about.zone):%Y-%m-%d %H:%M}"

    def _told_in_zone(self, text: str) -> str:
        """Return *text*, in the time zone of the document if it is a time."""
        if not _MOMENT.fullmatch(text):
            return clean(text)
        try:
            return (
                f"{dt.datetime.fromisoformat(text).astimezone(self.about.zone):%Y-%m-%d %H:%M:%S}"
            )
        except (ValueError, OverflowError):
            return text

    def _entry(self, item: Item, local: dt.datetime | None) -> Iterator[str]:
        artifact = item.artifact
        yield f"{_head(local)}{one_line(artifact.title) or one_line(artifact.text) or 'Untitled'}"
        note = artifact.payload.get("markdown")
        if isinstance(note, str):
            yield _INDENT + _indented(clean(note))
        for line in _fields(artifact.payload, self._told_in_zone):
            yield _INDENT + _indented(line)
        for line in _files(item):
            yield _INDENT + line
        if artifact.removed_at is not None:
            yield f"{_INDENT}(no longer on the phone)"
        yield ""


def _pieces(item: Item, said: Told) -> Iterator[str]:
    if said.quote:
        yield f"> {said.quote}"
    if said.subject:
        yield f"[{said.subject}]"
    if said.text:
        yield said.text
    yield from said.extras
    yield from _files(item)
    yield from (f"({note})" for note in said.notes)
    yield from (f"[{reaction}]" for reaction in said.reactions)
    if item.artifact.removed_at is not None:
        yield "(no longer on the phone)"


def _files(item: Item) -> Iterator[str]:
    for attachment in item.artifact.attachments:
        media = item.media[attachment.n]
        name = one_line(attachment.name, most=120) or "file"
        if media.path is not None:
            yield f"[{name}: {media.path}]"
        else:
            reason = one_line(media.reason or attachment.reason)
            yield f"[{name}: {reason or 'not there'}]"


def _fields(
    fields: dict[str, Any], shown: Callable[[str], str], above: str = "", depth: int = 0
) -> Iterator[str]:
    for name, value in fields.items():
        if name in _TECHNICAL or value is None or value in ("", [], {}, False):
            continue
        label = f"{above}{name.replace('_', ' ')}"
        if isinstance(value, dict) and depth < _MOST_DEPTH:
            yield from _fields(value, shown, f"{label} / ", depth + 1)
        elif isinstance(value, list) and depth < _MOST_DEPTH:
            plain = [one for one in value if not isinstance(one, dict | list)]
            if plain:
                yield f"{label}: {', '.join(shown(str(one)) for one in plain)}"
            for one in value:
                if isinstance(one, dict):
                    yield from _fields(one, shown, f"{label} / ", depth + 1)
        else:
            yield f"{label}: {'yes' if value is True else shown(str(value))}"


def _head(local: dt.datetime | None) -> str:
    return _INDENT if local is None else f"{local:%Y-%m-%d %H:%M:%S}  "


def _indented(text: str) -> str:
    return text.replace("\n", "\n" + _INDENT)


FORMAT = PlainText
