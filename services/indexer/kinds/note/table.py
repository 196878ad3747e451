"""The cells of a table.

Notes keeps a table as objects that several people may change at once: rows and columns are
identities in an order, and every cell is a note of its own. Entries point at one another by their
place in the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from services.indexer.kinds.note.body import BodyError, read_note, unpack
from services.indexer.kinds.note.document import Line, Table
from services.indexer.kinds.note.lines import MOST_CELLS, Resolve, Room, lines_of
from services.indexer.kinds.protobuf import Message, ProtobufError

T = TypeVar("T")

_ROWS, _COLUMNS, _CELLS, _DIRECTION = "crRows", "crColumns", "cellColumns", "crTableColumnDirection"
_TABLE = "com.apple.notes.ICTable"
_RIGHT_TO_LEFT = "CRTableColumnDirectionRightToLeft"
#: Fields of an entry.
_DICTIONARY, _NOTE, _MAP, _SET = 6, 10, 13, 16


class Grid:
    """A table as it is kept: where its rows and columns are, and the note of each cell."""

    def __init__(self, data: bytes) -> None:
        """Read the compressed *data*; raises BodyError."""
        try:
            self._read(data)
        except ProtobufError as error:
            raise BodyError(str(error)) from None

    def _read(self, data: bytes) -> None:
        content = Message(unpack(data)).find(2, 3)
        if content is None:
            raise BodyError("no table")
        self._entries = content.messages(3)
        self._keys = content.texts(4)
        self._types = content.texts(5)
        self._known: dict[int, int | None] = {}
        self._identities: dict[bytes, int] = {}
        for number, identity in enumerate(content.contents(6)):
            self._identities.setdefault(identity, number)
        parts = self._parts()
        rows, columns = self._order(parts.get(_ROWS)), self._order(parts.get(_COLUMNS))
        self.row_count = max(rows.values(), default=-1) + 1
        self.column_count = max(columns.values(), default=-1) + 1
        self.is_right_to_left = self._is_right_to_left()
        self.cells: dict[tuple[int, int], Message] = {}
        for column, in_column in self._pairs(self._at(parts.get(_CELLS))):
            if column not in columns:
                continue
            for row, cell in self._pairs(in_column):
                note = None if cell is None else cell.message(_NOTE)
                if note is not None and row in rows:
                    self.cells[rows[row], columns[column]] = note

    def _parts(self) -> dict[str, int]:
        """Return where the parts of the table are, by name."""
        for entry in self._entries:
            named = entry.message(_MAP)
            if named is None or _item(self._types, named.integer(1)) != _TABLE:
                continue
            found: dict[str, int] = {}
            for pair in named.messages(3):
                name, value = _item(self._keys, pair.integer(1)), pair.message(2)
                target = None if value is None else value.integer(6)
                if name is not None and target is not None:
                    found[name] = target
            return found
        raise BodyError("no table")

    def _at(self, place: int | None) -> Message | None:
        return _item(self._entries, place)

    def _identity(self, place: int | None) -> int | None:
        """Return which identity an entry stands for."""
        if place is None:
            return None
        if place not in self._known:
            value = _first_value(self._at(place))
            self._known[place] = None if value is None else value.integer(2)
        return self._known[place]

    def _order(self, place: int | None) -> dict[int, int]:
        """Return the place of each identity in a set of rows or columns."""
        found: dict[int, int] = {}
        entry = self._at(place)
        ordering = None if entry is None else entry.find(_SET, 1)
        if ordering is None:
            return found
        array = ordering.message(1)
        for at, item in enumerate([] if array is None else array.messages(2)):
            number = self._identities.get(item.content(2) or b"")
            if number is not None:
                found[number] = at
        if len(found) > MOST_CELLS:
            raise BodyError("too many rows")
        contents = ordering.message(2)
        for pair in [] if contents is None else contents.messages(1):
            key, value = pair.message(1), pair.message(2)
            if key is None or value is None:
                continue
            one, other = self._identity(key.integer(6)), self._identity(value.integer(6))
            if one is not None and one in found and other is not None:
                found[other] = found[one]
        return found

    def _pairs(self, entry: Message | None) -> list[tuple[int, Message | None]]:
        """Return the pairs of a dictionary: an identity, and the entry that belongs to it."""
        dictionary = None if entry is None else entry.message(_DICTIONARY)
        found: list[tuple[int, Message | None]] = []
        for pair in [] if dictionary is None else dictionary.messages(1):
            key, value = pair.message(1), pair.message(2)
            identity = None if key is None else self._identity(key.integer(6))
            if identity is not None and value is not None:
                found.append((identity, self._at(value.integer(6))))
        return found

    def _is_right_to_left(self) -> bool:
        if _DIRECTION not in self._keys:
            return False
        wanted = self._keys.index(_DIRECTION) + 1
        for entry in self._entries:
            pair = _first_pair(entry)
            if pair is not None and pair.integer(1) == wanted:
                value = pair.message(2)
                if value is not None and value.text(4) == _RIGHT_TO_LEFT:
                    return True
        return False


def read_table(data: bytes, resolve: Resolve, room: Room) -> Table:
    """Return the cells of a table row by row; raises BodyError."""
    grid = Grid(data)
    room.cells -= grid.row_count * grid.column_count
    if room.cells < 0:
        raise BodyError("too many cells")
    rows: list[tuple[tuple[Line, ...], ...]] = []
    for row in range(grid.row_count):
        cells = []
        for column in range(grid.column_count):
            note = grid.cells.get((row, column))
            cells.append(() if note is None else lines_of(read_note(note), resolve, room))
        rows.append(tuple(reversed(cells)) if grid.is_right_to_left else tuple(cells))
    return tuple(rows)


def gallery_order(data: bytes) -> list[str]:
    """Return the identities of a gallery's pictures in their order; raises BodyError.

    An entry names a picture, and one behind or before it says at which place it stands.
    """
    found: dict[int, str] = {}
    try:
        content = Message(unpack(data)).find(2, 3)
        name: str | None = None
        place: int | None = None
        for entry in [] if content is None else content.messages(3):
            if _MAP in entry:
                value = _first_value(entry)
                name = (None if value is None else value.text(4)) or name
            where = entry.find(9, 1)
            if where is not None:
                place = where.signed(2)
            if name is not None and place is not None:
                found[place] = name
                name = place = None
    except ProtobufError as error:
        raise BodyError(str(error)) from None
    return [found[place] for place in sorted(found)]


def _first_pair(entry: Message | None) -> Message | None:
    named = None if entry is None else entry.message(_MAP)
    return None if named is None else next(named.each(3), None)


def _first_value(entry: Message | None) -> Message | None:
    pair = _first_pair(entry)
    return None if pair is None else pair.message(2)


def _item(items: Sequence[T], place: int | None) -> T | None:
    return items[place] if place is not None and 0 <= place < len(items) else None
