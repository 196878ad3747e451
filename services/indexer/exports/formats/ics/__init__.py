"""Events and reminders as iCalendar (RFC 5545), one file for a calendar or a list."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar

from services.indexer.exports.formats.cleaning import one_line
from services.indexer.exports.formats.protocol import (
    MOST_EMBEDDED_BYTES,
    Format,
    Group,
    Item,
    Place,
    Sink,
)
from shared.contracts.indexer import Artifact
from shared.member_names import name_part

if TYPE_CHECKING:
    from services.indexer.exports.formats.ics.zones import Zones

#: Files of events are attachments of the events themselves, but for large ones.
_MOST_ATTACHED_BYTES = MOST_EMBEDDED_BYTES


class Ics(Format):
    """Calendars and lists of reminders."""

    name = "ics"
    kinds: ClassVar = frozenset({"calendar_event", "reminder"})
    embeds = ("",)

    def place(self, group: Group, artifact: Artifact, n: int, size_bytes: int) -> Place | None:
        """Lay only files beside the calendar that are too large to be in it."""
        if size_bytes <= _MOST_ATTACHED_BYTES:
            return None
        return super().place(group, artifact, n, size_bytes)

    def begin_group(self, group: Group) -> None:
        """Open the file of a calendar."""
        from services.indexer.exports.formats.content_lines import line, text
        from services.indexer.exports.formats.ics.zones import Zones

        path = self.output.name(f"{name_part(group.title, most_bytes=80)}.ics")
        self._open = ExitStack()
        self._sink: Sink = self._open.enter_context(self.output.member(path))
        self._zones: Zones = Zones()
        self._sink.write(
            b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Keepsake//Keepsake//EN\r\n"
            b"CALSCALE:GREGORIAN\r\n"
        )
        named = text(one_line(group.title))
        self._sink.write(line("NAME", named) + line("X-WR-CALNAME", named))

    def add(self, item: Item) -> str | None:
        """Append one event or reminder, behind the rules of its time zones."""
        from services.indexer.exports.formats.ics.events import event_of
        from services.indexer.exports.formats.ics.reminders import reminder_of

        make = event_of if item.artifact.kind == "calendar_event" else reminder_of
        made = make(item, self._zones, self.about)
        if isinstance(made, str):
            return made
        written = made.to_ical()
        self._sink.write(self._zones.take_new() + written)
        return None

    def end_group(self) -> None:
        """Close the file."""
        self._sink.write(b"END:VCALENDAR\r\n")
        self._open.close()

    def end(self) -> None:
        """Nothing is about all of them."""


FORMAT = Ics
