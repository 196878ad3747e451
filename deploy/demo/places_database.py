"""Builds MapsSync_0.0.1, the store of Maps.

No store of a phone was at hand: the tables are put together from the columns that open readers of
it name. Form ``14`` has what iOS 14 has, ``15`` the names of places in a column, ``26`` visits too.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deploy.demo.minted_database import MintedTables
from deploy.demo.minted_protobuf import Fields, protobuf

Form = Literal["14", "15", "26"]

_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
#: Numbers of the entities, which differ between versions.
_ENTITIES: dict[Form, dict[str, int]] = {
    "14": {"Collection": 5, "CollectionItem": 6, "FavoriteItem": 10, "HistoryItem": 11,
           "HistoryDirectionsItem": 12, "HistoryPlaceItem": 14, "HistorySearchItem": 16,
           "MixinMapItem": 18},
    "15": {"Collection": 5, "CollectionItem": 6, "FavoriteItem": 11, "HistoryItem": 12,
           "HistoryDirectionsItem": 14, "HistoryPlaceItem": 15, "HistorySearchItem": 17,
           "MixinMapItem": 19},
    "26": {"Collection": 7, "CollectionItem": 8, "FavoriteItem": 13, "HistoryItem": 14,
           "HistoryDirectionsItem": 16, "HistoryPlaceItem": 18, "HistorySearchItem": 19,
           "MixinMapItem": 25, "Visit": 31, "VisitedLocation": 32},
}  # fmt: skip

_TABLES = """
create table Z_PRIMARYKEY (Z_ENT integer primary key, Z_NAME varchar, Z_SUPER integer,
Z_MAX integer);
create table ZHISTORYITEM (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZMAPITEM integer, ZNAVIGATIONINTERRUPTED integer, ZCREATETIME timestamp,
ZMODIFICATIONTIME timestamp, ZLATITUDE float, ZLATITUDE1 float, ZLONGITUDE float,
ZLONGITUDE1 float, ZLANGUAGE varchar, ZLOCATIONDISPLAY varchar, ZQUERY varchar, ZIDENTIFIER blob,
ZROUTEREQUESTSTORAGE blob);
create table ZMIXINMAPITEM (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZLATITUDE float, ZLONGITUDE float, {item} ZMAPITEMSTORAGE blob);
create table ZFAVORITEITEM (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZHIDDEN integer, ZMAPITEM integer, ZMUID integer, ZPOSITIONINDEX integer, ZTYPE integer,
ZCREATETIME timestamp, ZMODIFICATIONTIME timestamp, ZLATITUDE float, ZLONGITUDE float,
ZCUSTOMNAME varchar, ZMAPITEMNAME varchar, ZORIGINATINGADDRESSSTRING varchar, ZIDENTIFIER blob);
create table ZCOLLECTION (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZPLACESCOUNT integer, ZPOSITIONINDEX integer, ZCREATETIME timestamp, ZMODIFICATIONTIME timestamp,
ZCOLLECTIONDESCRIPTION varchar, ZTITLE varchar, ZIDENTIFIER blob);
create table ZCOLLECTIONITEM (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZMAPITEM integer, ZMUID integer, ZPOSITIONINDEX integer, ZCREATETIME timestamp,
ZMODIFICATIONTIME timestamp, ZLATITUDE float, ZLONGITUDE float, ZCUSTOMNAME varchar,
ZMAPITEMADDRESS varchar, ZMAPITEMNAME varchar, ZPLACEITEMNOTE varchar, ZIDENTIFIER blob);
create table Z_{guide}PLACES (Z_{guide}COLLECTIONS integer, Z_{place}PLACES integer,
primary key (Z_{guide}COLLECTIONS, Z_{place}PLACES));
"""
_VISITS = """
create table ZVISIT (Z_PK integer primary key, Z_ENT integer, Z_OPT integer, ZHIDDEN integer,
ZVISITCLASSIFICATION integer, ZLOCATION integer, ZCREATETIME timestamp,
ZMODIFICATIONTIME timestamp, ZSTARTDATE timestamp, ZIDENTIFIER blob);
create table ZVISITEDLOCATION (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZHIDDEN integer, ZMAPITEMTOPLEVELCATEGORY integer, ZMUID integer, ZCREATETIME timestamp,
ZLATESTVISITDATE timestamp, ZLATITUDE float, ZLONGITUDE float, ZMAPITEMADDRESS varchar,
ZMAPITEMCATEGORY varchar, ZMAPITEMCITY varchar, ZMAPITEMNAME varchar, ZIDENTIFIER blob,
ZMAPITEMSTORAGE blob);
"""


def cocoa(at: dt.datetime) -> float:
    """Return a moment as Core Data keeps it."""
    return (at - _COCOA).total_seconds()


def map_item(lines: Sequence[str]) -> bytes:
    """Return what Maps keeps of a place, as far as it is known: the lines of its address."""
    return protobuf(_place(lines))


def _place(lines: Sequence[str]) -> Fields:
    return {1: {1: 9, 4: [{8: {31: {1: {101: {1: 1, 2: {11: list(lines)}}}}}}]}}


def route_request(ends: Sequence[Sequence[str]]) -> bytes:
    """Return what Maps keeps of directions, as far as it is known: the addresses at the ends."""
    return protobuf({1: [{1: index, 2: _place(lines)} for index, lines in enumerate(ends)]})


@dataclass
class PlacesDatabase(MintedTables):
    """A store in the making."""

    form: Form = "26"
    seed: int = 1

    def __post_init__(self) -> None:
        """Make the empty tables."""
        self.begin(seed=self.seed)
        self._entities = _ENTITIES[self.form]
        self.connection.executescript(
            _TABLES.format(
                item="" if self.form == "14" else "ZNAME varchar,",
                guide=self._entities["Collection"],
                place=self._entities["CollectionItem"],
            )
            + (_VISITS if self.form == "26" else "")
        )
        top = self._entities["HistoryItem"]
        self.connection.executemany(
            "insert into Z_PRIMARYKEY values (?, ?, ?, 0)",
            [
                (number, name, top if name.startswith("History") and number != top else 0)
                for name, number in self._entities.items()
            ],
        )

    def item(self, name: str, *, place: tuple[float, float], address: Sequence[str] = ()) -> int:
        """Add what Maps knows of a place."""
        values: dict[str, Any] = {
            "ZLATITUDE": place[0], "ZLONGITUDE": place[1], "ZMAPITEMSTORAGE": map_item(address),
        }  # fmt: skip
        if self.form != "14":
            values["ZNAME"] = name
        return self.insert("ZMIXINMAPITEM", Z_ENT=self._entities["MixinMapItem"], **values)

    def history(self, entity: str, *, at: dt.datetime, **columns: Any) -> int:
        """Add something that was looked for."""
        return self.insert(
            "ZHISTORYITEM", Z_ENT=self._entities[entity], ZCREATETIME=cocoa(at),
            ZMODIFICATIONTIME=cocoa(at), ZIDENTIFIER=self.next_uuid().bytes, **columns,
        )  # fmt: skip

    def favourite(self, *, at: dt.datetime, **columns: Any) -> int:
        """Add a favourite."""
        return self.insert(
            "ZFAVORITEITEM", Z_ENT=self._entities["FavoriteItem"], ZCREATETIME=cocoa(at),
            ZMODIFICATIONTIME=cocoa(at), ZIDENTIFIER=self.next_uuid().bytes, **columns,
        )  # fmt: skip

    def guide(self, title: str, *, at: dt.datetime) -> int:
        """Add a guide."""
        return self.insert(
            "ZCOLLECTION", Z_ENT=self._entities["Collection"], ZTITLE=title,
            ZCREATETIME=cocoa(at), ZIDENTIFIER=self.next_uuid().bytes, ZPLACESCOUNT=0,
        )  # fmt: skip

    def saved(self, guides: Sequence[int], *, at: dt.datetime, **columns: Any) -> int:
        """Add a saved place to guides."""
        number = self.insert(
            "ZCOLLECTIONITEM", Z_ENT=self._entities["CollectionItem"], ZCREATETIME=cocoa(at),
            ZMODIFICATIONTIME=cocoa(at), ZIDENTIFIER=self.next_uuid().bytes, **columns,
        )  # fmt: skip
        table = f"Z_{self._entities['Collection']}PLACES"
        for guide in guides:
            self.connection.execute(f"insert into {table} values (?, ?)", (guide, number))  # noqa: S608 -- own name
            self.connection.execute(
                "update ZCOLLECTION set ZPLACESCOUNT = ZPLACESCOUNT + 1 where Z_PK = ?", (guide,)
            )
        return number

    def location(self, name: str, *, place: tuple[float, float], **columns: Any) -> int:
        """Add a place that was visited."""
        return self.insert(
            "ZVISITEDLOCATION", Z_ENT=self._entities["VisitedLocation"], ZMAPITEMNAME=name,
            ZLATITUDE=place[0], ZLONGITUDE=place[1], ZIDENTIFIER=self.next_uuid().bytes, **columns,
        )  # fmt: skip

    def visit(self, location: int, *, at: dt.datetime, classification: int = 1) -> int:
        """Add an arrival."""
        return self.insert(
            "ZVISIT", Z_ENT=self._entities["Visit"], ZLOCATION=location, ZSTARTDATE=cocoa(at),
            ZCREATETIME=cocoa(at) + 900, ZVISITCLASSIFICATION=classification,
            ZIDENTIFIER=self.next_uuid().bytes,
        )  # fmt: skip


def many_places(count: int, *, seed: int = 2) -> bytes:
    """Return a store with *count* searches."""
    database = PlacesDatabase(seed=seed)
    chance = random.Random(seed)  # noqa: S311 -- the same store every time
    start = cocoa(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    blob = map_item(["Seestrasse 12", "8002 Zürich"])
    database.connection.executemany(
        "insert into ZMIXINMAPITEM (Z_PK, ZNAME, ZLATITUDE, ZLONGITUDE, ZMAPITEMSTORAGE) "
        "values (?, ?, ?, ?, ?)",
        [
            (number, f"Place {number}", 47 + chance.random(), 8 + chance.random(), blob)
            for number in range(1, count + 1)
        ],
    )
    database.connection.executemany(
        "insert into ZHISTORYITEM (Z_PK, Z_ENT, ZCREATETIME, ZMODIFICATIONTIME, ZQUERY, ZMAPITEM, "
        "ZIDENTIFIER) values (?, 19, ?, ?, ?, ?, ?)",
        [
            (number, start + number * 900, start + number * 900, f"coffee {number}", number,
             chance.randbytes(16))
            for number in range(1, count + 1)
        ],
    )  # fmt: skip
    return database.to_bytes()
