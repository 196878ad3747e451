"""The tables of one Photos.sqlite: photos in the order of time, and what belongs to some of them.

Rows are read in batches by their numbers, so that a large library needs no more memory than a
small one. Which columns there are differs with every version of iOS; missing ones are None.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator, Sequence

from services.indexer.kinds.batched_rows import Parts, json_of, ordered_numbers, read_each
from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, note_damage

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
        "ZSPATIALTYPE", "ZHDRTYPE",
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
        "ZGENERATIVEAITYPE", "ZCREDIT",
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
        return ordered_numbers(
            self.database, self.table, self._tally, key="Z_PK", by="ZDATECREATED"
        )

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
        return list(read_each(self._read, numbers, self._tally).values())

    def _read(self, numbers: Sequence[int]) -> dict[int, Record]:
        found: dict[int, Record] = {}
        # One photo by itself is one row, however often a forged table has its number.
        statement = self._select + (" limit 1" if len(numbers) == 1 else "")
        for count, row in enumerate(self.database.rows(statement, (json_of(numbers),))):
            if count > 2 * len(numbers):
                # Forged tables that have a number many times multiply each other.
                raise sqlite3.DataError("more rows than were asked for")
            found.setdefault(row[0], dict(zip(self._names, row, strict=True)))
        return found

    def parts(self, table: str, by: str, columns: Sequence[str]) -> Parts:
        """Return what reads the rows of *table* that belong to photos by the column *by*."""
        return Parts(self.database, table, columns, self._tally, of=by)
