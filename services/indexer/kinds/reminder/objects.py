"""The store's objects of all sorts: alarms, tags, rules, attachments, and who somebody is.

They share one table, whose columns are named alike with digits behind them (``ZREMINDER3``); which
digit means what changes between versions, so that every column of a name is asked. An object is
told by its entity, or by what it alone has where the store does not name its entities.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from services.indexer.kinds.batched_rows import BATCH, BatchedRows, Parts, numbers_in
from services.indexer.kinds.core_data import Entities
from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record
from services.indexer.kinds.values import flag_of

OBJECTS = "ZREMCDOBJECT"
#: The columns of objects with the names that are asked for, digits left out.
_FIELDS = (
    "ZMARKEDFORDELETION", "ZIDENTIFIER", "ZCKIDENTIFIER", "ZNAME", "ZTITLE", "ZURL",
    "ZTRIGGER", "ZTIMEINTERVAL", "ZDATECOMPONENTSDATA", "ZLATITUDE", "ZLONGITUDE", "ZRADIUS",
    "ZADDRESS", "ZPROXIMITY", "ZEVENT", "ZISDISABLED", "ZACKNOWLEDGEDDATE", "ZASSIGNEE",
    "ZASSIGNEDDATE", "ZFILENAME", "ZUTI", "ZWIDTH", "ZHEIGHT", "ZFILESIZE", "ZSHA512SUM",
    "ZHASHTAGLABEL", "ZFREQUENCY", "ZINTERVAL", "ZOCCURRENCECOUNT", "ZENDDATE",
    "ZDAYSOFTHEWEEK", "ZDAYSOFTHEMONTH", "ZMONTHSOFTHEYEAR", "ZWEEKSOFTHEYEAR",
    "ZDAYSOFTHEYEAR", "ZSETPOSITIONS", "ZDISPLAYNAME", "ZFIRSTNAME", "ZLASTNAME",
)  # fmt: skip
#: ``Z16_TRIGGER`` is a trigger that may be of several entities.
_NUMBERED = re.compile(r"Z(?:[0-9]+_)?([A-Z_]*?[A-Z])([0-9]*)")
#: What an object is, by the name of its entity, and by a column that no other has.
_SORTS = {
    "alarm": (("REMCDAlarm",), ("ZTRIGGER",)),
    "rule": (("REMCDRecurrenceRule",), ("ZFREQUENCY",)),
    "tag": (("REMCDHashtag",), ("ZHASHTAGLABEL",)),
    "assignment": (("REMCDAssignment",), ("ZASSIGNEE",)),
    "attachment": (("REMCDAttachment",), ("ZUTI", "ZFILENAME", "ZURL", "ZSHA512SUM")),
}  # fmt: skip


def merged(row: Record, columns: dict[str, list[str]]) -> Record:
    """Return a row by names without digits; of several columns the one that says something."""
    return {
        # Most have one.
        name: row[there[0]]
        if len(there) == 1
        else next((row[column] for column in there if row[column] is not None), None)
        for name, there in columns.items()
    }


def columns_by_name(database: Database, table: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of *table* for each of *names*, those with fewer digits first."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for column in sorted(database.columns(table), key=lambda name: (len(name), name)):
        match = _NUMBERED.fullmatch(column)
        if column in found:
            found[column].append(column)
        elif match is not None and f"Z{match[1]}" in found:
            found[f"Z{match[1]}"].append(column)
    return found


class Objects:
    """The objects of one store by the reminder that they belong to."""

    def __init__(self, database: Database, entities: Entities, tally: Tally) -> None:
        """Find the columns; objects are read in batches."""
        self._database = database
        self._entities = entities
        self._columns = columns_by_name(database, OBJECTS, _FIELDS)
        names = ["Z_PK", "Z_ENT", *(name for group in self._columns.values() for name in group)]
        links = columns_by_name(database, OBJECTS, ("ZREMINDER", "ZALARM"))
        self._of_reminders = [
            Parts(database, OBJECTS, names, tally, of=column) for column in links["ZREMINDER"]
        ]
        self._of_alarms = [
            Parts(database, OBJECTS, names, tally, of=column) for column in links["ZALARM"]
        ]
        self._by_number = (
            BatchedRows(database, OBJECTS, names, tally, key="Z_PK")
            if "Z_PK" in database.columns(OBJECTS)
            else None
        )
        self._sorts = {
            number: sort
            for sort, (parents, _) in _SORTS.items()
            for parent in parents
            for number in entities.numbers(parent)
        }
        # Stores that leave out who inherits from whom still name each entity.
        for name in ("File", "Image", "Audio", "URL", "Saved"):
            number = entities.number(f"REMCD{name}Attachment")
            if number is not None:
                self._sorts.setdefault(number, "attachment")

    def read(
        self, reminders: Sequence[int], *, whole: AbstractSet[int] = frozenset()
    ) -> dict[int, dict[str, list[Record]]]:
        """Return the objects of each of *reminders*, by their sort; deleted ones are left out.

        Not of those in *whole*, which are deleted themselves with all that is theirs.
        """
        found: dict[int, dict[str, list[Record]]] = {}
        for parts in self._of_reminders:
            for number, rows in parts.read(reminders).items():
                for row in rows:
                    sort = self._sort(row)
                    if sort is not None:
                        said = merged(row, self._columns) | {"Z_PK": row["Z_PK"]}
                        if number in whole or not flag_of(said["ZMARKEDFORDELETION"]):
                            found.setdefault(number, {}).setdefault(sort, []).append(said)
        return found

    def triggers(self, alarms: Sequence[Record]) -> dict[int, Record]:
        """Return what sets each of *alarms* off, by the alarm's number."""
        numbers = numbers_in(alarms, "ZTRIGGER")
        triggers = self.find(numbers)
        found = {
            alarm["Z_PK"]: triggers[alarm["ZTRIGGER"]]
            for alarm in alarms
            if alarm["ZTRIGGER"] in triggers
        }
        left = [number for number in numbers_in(alarms, "Z_PK") if number not in found]
        for parts in self._of_alarms:
            for number, rows in parts.read(left).items():
                found.setdefault(number, merged(rows[0], self._columns))
        return found

    def find(self, numbers: Sequence[int]) -> dict[int, Record]:
        """Return objects by their number."""
        if self._by_number is None:
            return {}
        rows = (
            row
            for at in range(0, len(numbers), BATCH)
            for row in self._by_number.read(numbers[at : at + BATCH])
        )
        return {row["Z_PK"]: merged(row, self._columns) for row in rows}

    def _sort(self, row: Record) -> str | None:
        sort = self._sorts.get(row["Z_ENT"])
        if sort is not None:
            return sort
        if self._sorts:
            return None
        said = merged(row, self._columns)
        for name, (_, own) in _SORTS.items():
            if any(said[column] is not None for column in own):
                return name
        return None
