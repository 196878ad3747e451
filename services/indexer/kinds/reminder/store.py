"""What is read from one store of reminders, by the columns and entities there.

Since about iOS 16 reminders have a table of their own; before, they were among all other objects.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec

from services.indexer.kinds.batched_rows import BatchedRows, numbers_in
from services.indexer.kinds.core_data import Entities
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, by_number
from services.indexer.kinds.reminder.lists import Lists
from services.indexer.kinds.reminder.objects import OBJECTS, Objects, columns_by_name, merged
from services.indexer.kinds.values import flag_of

_FIELDS = (
    "ZIDENTIFIER", "ZCKIDENTIFIER", "ZTITLE", "ZNOTES", "ZLIST", "ZACCOUNT", "ZPARENTREMINDER",
    "ZCOMPLETED", "ZCOMPLETIONDATE", "ZFLAGGED", "ZPRIORITY", "ZALLDAY", "ZDUEDATE",
    "ZDISPLAYDATEDATE", "ZSTARTDATE", "ZTIMEZONE", "ZCREATIONDATE", "ZLASTMODIFIEDDATE",
    "ZMARKEDFORDELETION", "ZICSURL", "ZISURGENTSTATEENABLEDFORCURRENTUSER",
    "ZDUEDATEDELTAALERTSDATA",
)  # fmt: skip
#: Where a reminder stands in time.
_ORDER = ("ZDUEDATE", "ZCOMPLETIONDATE", "ZCREATIONDATE")
#: Tags of one account.
_MOST_LABELS = 100_000
_NO_TABLE = "The database has no table of reminders."


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A reminder with what other objects say of it."""

    row: Record
    parent: Record | None = None
    objects: dict[str, list[Record]]
    triggers: dict[int, Record]
    sharees: dict[int, Record]
    labels: dict[int, Record]


class Store:
    """The reminders of one account."""

    def __init__(self, database: Database, handles: Handles, tally: Tally, *, name: str) -> None:
        """Find the table of reminders; *name* is the store's file. Raises UnsupportedStoreError."""
        self.name = name
        entities = Entities(database)
        self._numbers = sorted(entities.numbers("REMCDReminder"))
        self._table = "ZREMCDREMINDER"
        self._where = ""
        if not database.columns(self._table):
            self._table = OBJECTS
            if not database.columns(OBJECTS) or not self._numbers:
                raise UnsupportedStoreError(_NO_TABLE)
            self._where = f"where Z_ENT in ({', '.join(map(str, self._numbers))})"
        self._columns = columns_by_name(database, self._table, _FIELDS)
        if not self._columns["ZTITLE"] or "Z_PK" not in database.columns(self._table):
            raise UnsupportedStoreError(_NO_TABLE)
        names = ["Z_ENT", *(column for group in self._columns.values() for column in group)]
        self._rows = BatchedRows(database, self._table, names, tally, key="Z_PK")
        self.lists = Lists(database, entities, handles, tally, store=name)
        self._objects = Objects(database, entities, tally)
        self._labels = by_number(
            database, "ZREMCDHASHTAGLABEL", ("ZNAME",), tally, most=_MOST_LABELS
        )

    def numbers(self) -> array[int]:
        """Return the numbers of all reminders in the order of time."""
        order = [name for said in _ORDER for name in self._columns[said]]
        return self._rows.numbers(where=self._where, by=order)

    def read(self, numbers: Sequence[int]) -> list[Item]:
        """Return the reminders with these numbers, in their order."""
        rows = self._merged(numbers)
        numbers = [row["Z_PK"] for row in rows]
        deleted = {row["Z_PK"] for row in rows if flag_of(row["ZMARKEDFORDELETION"])}
        objects = self._objects.read(numbers, whole=deleted)
        alarms = [row for said in objects.values() for row in said.get("alarm", ())]
        given = [row for said in objects.values() for row in said.get("assignment", ())]
        triggers = self._objects.triggers(alarms)
        sharees = self._objects.find(numbers_in(given, "ZASSIGNEE"))
        parents = {row["Z_PK"]: row for row in self._merged(numbers_in(rows, "ZPARENTREMINDER"))}
        return [
            Item(
                row=row,
                parent=parents.get(row["ZPARENTREMINDER"]),
                objects=objects.get(row["Z_PK"], {}),
                triggers=triggers,
                sharees=sharees,
                labels=self._labels,
            )
            for row in rows
        ]

    def _merged(self, numbers: Sequence[int]) -> list[Record]:
        return [
            merged(row, self._columns) | {"Z_PK": row["Z_PK"]} for row in self._rows.read(numbers)
        ]
