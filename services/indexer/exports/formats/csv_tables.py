"""CSV: a table per kind, a line per thing; what the kind alone has stands in columns of its own.

UTF-8 with a byte order mark, because Excel takes a file without one for something else; lines end
with CR LF, cells are quoted where they have to be (RFC 4180). A cell that a spreadsheet would take
for a formula gets an apostrophe in front; plain numbers, those of phones among them, do not.

The first columns are the same for all kinds. Behind them come the fields of the kind's payload, the
same in every export: a field of a field has a dotted name (``payload.event.kind``), lists stand as
JSON, and ``payload.other`` has as JSON what no column is for. Lists of health stand in tables of
their own as well (``side_tables``).
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any, ClassVar

import msgspec

from services.indexer.exports.formats.cleaning import clean, is_formula
from services.indexer.exports.formats.payload_columns import payload_columns
from services.indexer.exports.formats.protocol import About, Format, Group, Item, Output, Sink
from services.indexer.exports.formats.side_tables import SideTables

#: What every table begins with.
COLUMNS = (
    *("id", "key", "device", "occurred_at", "local_time", "thread_id", "thread", "sender_name"),
    *("sender_handle", "sender_is_me", "title", "text", "attachments", "missing_attachments"),
    "removed_at",
)
#: What Excel takes; longer cells would spill over into the next lines.
_MOST_CELL = 32_767
_OTHER = "payload.other"
_MARK = b"\xef\xbb\xbf"


class CsvTables(Format):
    """The format ``csv``."""

    name: ClassVar[str] = "csv"
    spans_groups: ClassVar[bool] = True

    def __init__(self, output: Output, about: About) -> None:
        super().__init__(output, about)
        self._open = ExitStack()
        self._sink: Sink | None = None
        self._group: Group | None = None
        self._columns: tuple[tuple[str, ...], ...] = ()
        self._side = SideTables(output)

    def begin_group(self, group: Group) -> None:
        """Go on with the table of the kind, or begin the next one: kinds come in a row."""
        if self._group is None or self._group.kind != group.kind:
            self._close()
            self._columns = payload_columns(group.kind)
            path = self.output.name(f"{group.kind}.csv")
            self._sink = self._open.enter_context(self.output.member(path))
            self._sink.write(_MARK)
            names = [".".join(("payload", *path)) for path in self._columns]
            self._sink.write(_line([*COLUMNS, *names, _OTHER]))
        self._group = group

    def add(self, item: Item) -> str | None:
        """Write a line."""
        assert self._group is not None
        assert self._sink is not None
        # A payload that is no such thing has no lists, but a line.
        with suppress(msgspec.ValidationError):
            self._side.add(item.artifact)
        own, other = _told(item.artifact.payload, self._columns)
        rest = "" if not other else _safe(_text(other))
        self._sink.write(_line([*_common(item, self._group, self.about), *own, rest]))
        return None

    def end_group(self) -> None:
        """Nothing: the next group may be of the same kind, and go on in its table."""

    def end(self) -> None:
        """Close the last table."""
        self._close()

    def _close(self) -> None:
        self._open.close()
        if self._group is not None:
            self._side.write(self._group.kind)


def _line(cells: list[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue().encode("utf-8", "replace")


def _told(
    payload: Mapping[str, Any], columns: tuple[tuple[str, ...], ...]
) -> tuple[list[str], dict[str, Any]]:
    """Return a cell per column, and what has none."""
    told = [_cell(_at(payload, path)) for path in columns]
    known = {path[0] for path in columns}
    return told, {name: value for name, value in payload.items() if name not in known}


def _at(fields: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(fields, dict):
            return None
        fields = fields.get(name)
    return fields


def _common(item: Item, group: Group, about: About) -> list[str]:
    artifact = item.artifact
    sender = artifact.sender
    there = [one.path for one in item.media.values() if one.path]
    missing = [
        f"{artifact.attachments[n].name or 'file'}: {one.reason}"
        for n, one in item.media.items()
        if not one.path and one.reason
    ]
    local = None if artifact.occurred_at is None else artifact.occurred_at.astimezone(about.zone)
    return [
        _safe(one)
        for one in (
            artifact.id,
            artifact.key,
            artifact.device,
            _utc(artifact.occurred_at),
            "" if local is None else local.isoformat(sep=" ", timespec="seconds"),
            artifact.thread_id or "",
            group.title if group.thread else "",
            (sender.name if sender else None) or "",
            (sender.handle if sender else None) or "",
            "" if sender is None else "yes" if sender.is_me else "no",
            artifact.title or "",
            artifact.text or "",
            "\n".join(there),
            "\n".join(missing),
            _utc(artifact.removed_at),
        )
    ]


def _utc(moment: dt.datetime | None) -> str:
    if moment is None:
        return ""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _cell(value: Any) -> str:
    # Most fields say nothing.
    return "" if value is None or value in ("", [], {}) else _safe(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return msgspec.json.encode(value).decode()


def _safe(text: str) -> str:
    """Return a cell that is text in every spreadsheet; numbers may stay numbers."""
    if not text or (text.isalnum() and len(text) <= _MOST_CELL):
        return text
    text = clean(text)
    if len(text) > _MOST_CELL:
        text = text[: _MOST_CELL - 1] + "\u2026"
    if is_formula(text) and not _is_number(text):
        return "'" + text[: _MOST_CELL - 1]
    return text


def _is_number(text: str) -> bool:
    # Numbers of phones begin with a plus: nothing can be computed from one number.
    return text.isascii() and text[0] in "+-" and text[1:].replace(".", "", 1).isdigit()


FORMAT = CsvTables
