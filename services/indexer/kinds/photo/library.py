"""The tables of one Photos.sqlite: photos in the order of time, and what belongs to some of them.

Rows are read in batches by their numbers, so that a large library needs no more memory than a
small one. Which columns there are differs with every version of iOS; missing ones are None.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator, Sequence

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, note_damage, note_too_many_parts

#: No photo has more faces, albums or comments.
_MOST_PER_RECORD = 2_000
_MOST_PER_BATCH = 50_000
BATCH = 400

#: Columns of a photo, with the table that has them: ``a`` its own, ``b`` additional attributes,
#: ``e`` what the camera wrote, ``m`` the cloud's, ``d`` the caption, ``u`` the edit.
_COLUMNS = {
    "a": (
        "ZUUID", "ZDIRECTORY", "ZFILENAME", "ZKIND", "ZKINDSUBTYPE", "ZPLAYBACKSTYLE",
        "ZDEPTHSTATES", "ZDEPTHTYPE", "ZCUSTOMRENDEREDVALUE", "ZUNIFORMTYPEIDENTIFIER",
        "ZDATECREATED", "ZADDEDDATE", "ZMODIFICATIONDATE", "ZTRASHEDDATE", "ZLASTSHAREDDATE",
        "ZWIDTH", "ZHEIGHT", "ZDURATION", "ZLATITUDE", "ZLONGITUDE", "ZFAVORITE", "ZHIDDEN",
        "ZTRASHEDSTATE", "ZVISIBILITYSTATE", "ZSAVEDASSETTYPE", "ZBUNDLESCOPE",
        "ZACTIVELIBRARYSCOPEPARTICIPATIONSTATE", "ZISDETECTEDSCREENSHOT", "ZHASADJUSTMENTS",
        "ZADJUSTMENTSSTATE", "ZADJUSTMENTTIMESTAMP", "ZAVALANCHEUUID", "ZAVALANCHEPICKTYPE",
        "ZCLOUDLOCALSTATE", "ZCLOUDISMYASSET", "ZCLOUDOWNERHASHEDPERSONID", "ZADDITIONALATTRIBUTES",
    ),
    "b": (
        "ZTIMEZONENAME", "ZTIMEZONEOFFSET", "ZINFERREDTIMEZONEOFFSET", "ZEXIFTIMESTAMPSTRING",
        "ZGPSHORIZONTALACCURACY", "ZREVERSELOCATIONDATA", "ZORIGINALFILENAME", "ZORIGINALFILESIZE",
        "ZORIGINALWIDTH", "ZORIGINALHEIGHT", "ZTITLE", "ZACCESSIBILITYDESCRIPTION",
        "ZCREATORBUNDLEID", "ZIMPORTEDBYBUNDLEIDENTIFIER", "ZIMPORTEDBYDISPLAYNAME", "ZIMPORTEDBY",
        "ZEDITORBUNDLEID",
    ),
    "e": (
        "ZCAMERAMAKE", "ZCAMERAMODEL", "ZLENSMODEL", "ZISO", "ZAPERTURE", "ZSHUTTERSPEED",
        "ZFOCALLENGTH", "ZFOCALLENGTHIN35MM", "ZFLASHFIRED", "ZFPS", "ZCODEC", "ZBITRATE",
    ),
    "m": ("ZORIGINALFILENAME", "ZIMPORTEDBYBUNDLEIDENTIFIER", "ZIMPORTEDBYDISPLAYNAME"),
    "d": ("ZLONGDESCRIPTION",),
    "u": ("ZADJUSTMENTTIMESTAMP", "ZEDITORLOCALIZEDNAME", "ZADJUSTMENTFORMATIDENTIFIER"),
}  # fmt: skip
#: How the others are joined: table, and the column that names its row.
_JOINS = {
    "b": ("ZADDITIONALASSETATTRIBUTES", "a", "ZADDITIONALATTRIBUTES"),
    "e": ("ZEXTENDEDATTRIBUTES", "a", "ZEXTENDEDATTRIBUTES"),
    "m": ("ZCLOUDMASTER", "a", "ZMASTER"),
    "d": ("ZASSETDESCRIPTION", "b", "ZASSETDESCRIPTION"),
    "u": ("ZUNMANAGEDADJUSTMENT", "b", "ZUNMANAGEDADJUSTMENT"),
}


class Library:
    """The photos of one database."""

    def __init__(self, database: Database, tally: Tally) -> None:
        """Find the table of photos; raises UnsupportedStoreError when there is none."""
        self.database = database
        self._tally = tally
        for table in ("ZASSET", "ZGENERICASSET"):
            if {"ZUUID", "ZDATECREATED"} <= database.columns(table):
                self.table = table
                break
        else:
            raise UnsupportedStoreError("The database has no table of photos.")
        if not {"ZDIRECTORY", "ZFILENAME", "ZKIND"} <= database.columns(self.table):
            raise UnsupportedStoreError("The table of photos is in an unknown format.")
        # The phone's own tables have these; a forged one would be searched whole for every photo.
        database.ensure_index(self.table, "Z_PK")
        self._select, self._names = self._statement()

    def _statement(self) -> tuple[str, tuple[str, ...]]:
        tables = {"a": self.table}
        joins = ""
        for alias, (table, holder, column) in _JOINS.items():
            there = self.database.columns(table)
            if holder in tables and column in self.database.columns(tables[holder]) and there:
                self.database.ensure_index(table, "Z_PK")
                tables[alias] = table
                joins += f" left join {table} {alias} on {alias}.Z_PK = {holder}.{column}"
        fields, names = ["a.Z_PK"], ["Z_PK"]
        for alias, columns in _COLUMNS.items():
            there = self.database.columns(tables[alias]) if alias in tables else frozenset()
            for column in columns:
                fields.append(f"{alias}.{column}" if column in there else "null")
                names.append(column if alias in "ab" else f"{alias}.{column}")
        statement = (
            f"select {', '.join(fields)} from {self.table} a{joins}"  # noqa: S608 -- names are ours
            " where a.Z_PK in (select value from json_each(?))"
        )
        return statement, tuple(names)

    def order(self) -> array[int]:
        """Return the numbers of all photos in the order of time."""
        numbers = array("q")
        for rest in ("order by ZDATECREATED, Z_PK", "not indexed"):
            del numbers[:]
            # A forged table may have a number again and again; asked for once, all rows cost once.
            seen: set[int] = set()
            try:
                for (number,) in self.database.numbers(
                    f"select Z_PK from {self.table} {rest}"  # noqa: S608 -- names are ours
                ):
                    if type(number) is int and number not in seen:
                        seen.add(number)
                        numbers.append(number)
            except (sqlite3.Error, UnicodeDecodeError):
                # Half of a broken index, or of a broken table: the latter is what there is.
                if rest == "not indexed":
                    note_damage(self._tally)
            else:
                break
        return numbers

    def films(self) -> Iterator[tuple[object, object]]:
        """Yield directory and name of what is a video by itself."""
        try:
            yield from self.database.rows(
                f"select ZDIRECTORY, ZFILENAME from {self.table} where ZKIND = 1"  # noqa: S608
            )
        except sqlite3.Error:
            note_damage(self._tally)

    def records(self, numbers: Sequence[int]) -> list[Record]:
        """Return the rows with these numbers in their order; unreadable ones are counted."""
        try:
            found = self._read(numbers)
        except sqlite3.Error:
            found = {}
            for number in numbers:
                try:
                    found |= self._read([number], rest=" limit 1")
                except sqlite3.Error:
                    self._tally.read += 1
                    self._tally.undecodable += 1
                    note_damage(self._tally)
        return [found[number] for number in numbers if number in found]

    def _read(self, numbers: Sequence[int], *, rest: str = "") -> dict[int, Record]:
        asked = msgspec.json.encode(list(numbers)).decode()
        found: dict[int, Record] = {}
        for count, row in enumerate(self.database.rows(self._select + rest, (asked,))):
            if count > 2 * len(numbers):
                # Forged tables that have a number many times multiply each other.
                raise sqlite3.DataError("more rows than were asked for")
            found.setdefault(row[0], dict(zip(self._names, row, strict=True)))
        return found

    def details(self, table: str, by: str, columns: Sequence[str]) -> Details:
        """Return what reads the rows of *table* that belong to photos by the column *by*."""
        return Details(self.database, self._tally, table, by=by, columns=columns)


class Details:
    """The rows of one table by what they belong to; none where there is no such table."""

    def __init__(
        self, database: Database, tally: Tally, table: str, *, by: str, columns: Sequence[str]
    ) -> None:
        self._database = database
        self._tally = tally
        self._names = tuple(columns)
        self._statement: str | None = None
        there = database.columns(table)
        if by not in there:
            return
        database.ensure_index(table, by)
        fields = ", ".join(
            name if name in there or name == "rowid" else "null" for name in self._names
        )
        self._statement = (
            f"select {by}, {fields} from {table}"  # noqa: S608 -- names are ours or of a pattern
            f" where {by} in (select value from json_each(?)) order by {by}, rowid"
        )

    def read(self, numbers: Sequence[int]) -> dict[int, list[Record]]:
        """Return the rows of each of *numbers*, in the order in which they were written."""
        found: dict[int, list[Record]] = {}
        if self._statement is None or not numbers:
            return found
        asked = msgspec.json.encode(list(numbers)).decode()
        try:
            for count, (number, *row) in enumerate(self._database.rows(self._statement, (asked,))):
                if count >= _MOST_PER_BATCH:
                    note_too_many_parts(self._tally)
                    break
                rows = found.setdefault(number, [])
                if len(rows) < _MOST_PER_RECORD:
                    rows.append(dict(zip(self._names, row, strict=True)))
                else:
                    note_too_many_parts(self._tally)
        except sqlite3.Error:
            note_damage(self._tally)
        return found
