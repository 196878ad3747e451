"""Builds CallHistory.storedata in the forms of iOS 10, 18 and 26, and call_history.db of iOS 7."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deploy.demo.minted_database import MintedStore, MintedTables

Form = Literal["10", "18", "26"]
_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
_UNIX = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
TELEPHONY, FACETIME = "com.apple.Telephony", "com.apple.FaceTime"

_IOS_10 = (
    "ZANSWERED INTEGER, ZCALLTYPE INTEGER, ZDISCONNECTED_CAUSE INTEGER, ZFACE_TIME_DATA INTEGER, "
    "ZNUMBER_AVAILABILITY INTEGER, ZORIGINATED INTEGER, ZREAD INTEGER, ZDATE TIMESTAMP, "
    "ZDURATION FLOAT, ZDEVICE_ID VARCHAR, ZISO_COUNTRY_CODE VARCHAR, ZLOCATION VARCHAR, "
    "ZNAME VARCHAR, ZSERVICE_PROVIDER VARCHAR, ZUNIQUE_ID VARCHAR UNIQUE, ZADDRESS BLOB"
)
_IOS_18 = (
    "ZANSWERED INTEGER, ZAUTOANSWEREDREASON INTEGER, ZCALLDIRECTORYIDENTITYTYPE INTEGER, "
    "ZCALL_CATEGORY INTEGER, ZCALLTYPE INTEGER, ZDISCONNECTED_CAUSE INTEGER, "
    "ZFACE_TIME_DATA INTEGER, ZFILTERED_OUT_REASON INTEGER, ZHANDLE_TYPE INTEGER, "
    "ZJUNKCONFIDENCE INTEGER, ZNUMBER_AVAILABILITY INTEGER, ZORIGINATED INTEGER, ZREAD INTEGER, "
    "ZSCREENSHARINGTYPE INTEGER, ZUSEDEMERGENCYVIDEOSTREAMING INTEGER, "
    "ZVERIFICATIONSTATUS INTEGER, ZWASEMERGENCYCALL INTEGER, ZINITIATOR INTEGER, "
    "ZDATE TIMESTAMP, ZDURATION FLOAT, ZADDRESS VARCHAR, ZBLOCKEDBYEXTENSION VARCHAR, "
    "ZIDENTITYEXTENSION VARCHAR, ZISO_COUNTRY_CODE VARCHAR, "
    "ZJUNKIDENTIFICATIONCATEGORY VARCHAR, ZLOCATION VARCHAR, ZNAME VARCHAR, "
    "ZSERVICE_PROVIDER VARCHAR, ZUNIQUE_ID VARCHAR UNIQUE, ZCONVERSATIONID BLOB, "
    "ZIMAGEURL VARCHAR, ZLOCALPARTICIPANTUUID BLOB, ZOUTGOINGLOCALPARTICIPANTUUID BLOB, "
    "ZPARTICIPANTGROUPUUID BLOB"
)
_IOS_26 = (
    f"{_IOS_18}, ZCOMMUNICATIONTRUSTSCORE INTEGER, ZHASMESSAGE INTEGER, "
    "ZNEEDEDSCANNOUNCEMENT INTEGER, ZORIGINATINGUITYPE INTEGER, ZBLOCKEDBYEXTENSIONNAME VARCHAR, "
    "ZORIGINATINGDEVICENAME VARCHAR, ZREMINDERUUID BLOB, ZDIDENABLETRANSLATION INTEGER"
)
_COLUMNS: dict[Form, str] = {"10": _IOS_10, "18": _IOS_18, "26": _IOS_26}
#: The number of the entity of handles, which is in the name of a column.
_HANDLE_ENTITY: dict[Form, int] = {"10": 0, "18": 3, "26": 4}


def cocoa(at: dt.datetime) -> float:
    """Return a moment as Core Data keeps it."""
    return (at - _COCOA) / dt.timedelta(seconds=1)


def unix(at: dt.datetime) -> int:
    """Return a moment in whole seconds since 1970."""
    return (at - _UNIX) // dt.timedelta(seconds=1)


@dataclass
class CallsDatabase(MintedTables):
    """A list of calls in the making."""

    form: Form = "26"
    seed: int = 1

    def __post_init__(self) -> None:
        """Make the empty tables."""
        self.begin(seed=self.seed)
        db = self.connection
        common = "Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER"
        db.execute(f"create table ZCALLRECORD ({common}, {_COLUMNS[self.form]})")
        db.execute("create index Z_CallRecord_date on ZCALLRECORD (ZDATE collate binary asc)")
        db.execute(
            "create table Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, "
            "Z_SUPER INTEGER, Z_MAX INTEGER)"
        )
        db.execute(f"create table ZCALLDBPROPERTIES ({common}, ZTIMER_ALL FLOAT)")
        entity = _HANDLE_ENTITY[self.form]
        names = ["CallDBProperties", "CallRecord", "EmergencyMediaItem", "Handle"]
        if entity < 4:
            names.remove("EmergencyMediaItem")
        for number, name in enumerate(names if entity else names[:2]):
            db.execute("insert into Z_PRIMARYKEY values (?, ?, 0, 0)", (number + 1, name))
        if entity:
            db.execute(
                f"create table ZHANDLE ({common}, ZTYPE INTEGER, ZNORMALIZEDVALUE VARCHAR, "
                "ZVALUE VARCHAR)"
            )
            db.execute(
                "create table Z_2REMOTEPARTICIPANTHANDLES (Z_2REMOTEPARTICIPANTCALLS INTEGER, "
                f"Z_{entity}REMOTEPARTICIPANTHANDLES INTEGER, primary key "
                f"(Z_2REMOTEPARTICIPANTCALLS, Z_{entity}REMOTEPARTICIPANTHANDLES))"
            )
        self._handles: dict[str, int] = {}

    def handle(self, value: str) -> int:
        """Return the number of somebody's handle."""
        if value not in self._handles:
            is_mail = "@" in value
            self._handles[value] = self.insert(
                "ZHANDLE", Z_ENT=_HANDLE_ENTITY[self.form], Z_OPT=1, ZTYPE=3 if is_mail else 2,
                ZVALUE=value, ZNORMALIZEDVALUE=None if is_mail else value,
            )  # fmt: skip
        return self._handles[value]

    def call(
        self,
        address: str | None,
        *,
        at: dt.datetime | None,
        seconds: float = 0.0,
        is_outgoing: bool = False,
        is_answered: bool | None = None,
        kind: int = 1,
        provider: str = TELEPHONY,
        others: Sequence[str] = (),
        **columns: Any,
    ) -> int:
        """Add a call; *others* are all of a group, *columns* the table's own."""
        answered = (seconds > 0 and not is_outgoing) if is_answered is None else is_answered
        own: dict[str, Any] = {
            "Z_ENT": 2, "Z_OPT": 1, "ZUNIQUE_ID": columns.get("ZUNIQUE_ID") or self.uuid(),
            "ZDATE": None if at is None else cocoa(at), "ZDURATION": seconds, "ZADDRESS": address,
            "ZORIGINATED": int(is_outgoing), "ZANSWERED": int(answered), "ZCALLTYPE": kind,
            "ZSERVICE_PROVIDER": provider, "ZREAD": 1, "ZNUMBER_AVAILABILITY": 0,
            "ZISO_COUNTRY_CODE": "us",
        }  # fmt: skip
        if self.form == "10":
            own["ZADDRESS"] = None if address is None else address.encode()
        else:
            own["ZCALL_CATEGORY"] = 2 if kind == 8 else 1
            own["ZHANDLE_TYPE"] = 3 if address and "@" in address else 2
        number = self.insert("ZCALLRECORD", **(own | columns))
        if self.form != "10":
            for other in others or ([address] if address else []):
                self.join(number, self.handle(other))
        return number

    def join(self, call: int, handle: int) -> None:
        """Say that somebody was in a call."""
        right = f"Z_{_HANDLE_ENTITY[self.form]}REMOTEPARTICIPANTHANDLES"
        self.insert(
            "Z_2REMOTEPARTICIPANTHANDLES", **{"Z_2REMOTEPARTICIPANTCALLS": call, right: handle}
        )


@dataclass
class OldCallsDatabase(MintedStore):
    """call_history.db in the making."""

    def __post_init__(self) -> None:
        """Make the empty table."""
        self.begin()
        self.connection.execute(
            "create table call (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT, "
            "date INTEGER, duration INTEGER, flags INTEGER, id INTEGER, name TEXT, "
            "country_code TEXT, network_code TEXT, read INTEGER, assisted INTEGER, "
            "face_time_data TEXT, originalAddress TEXT)"
        )

    def call(
        self, address: str, *, at: dt.datetime, seconds: int = 0, flags: int = 4, **columns: Any
    ) -> None:
        """Add a call: 5 outgoing, 4 incoming, 16 FaceTime."""
        values: dict[str, Any] = {
            "address": address, "date": unix(at), "duration": seconds, "flags": flags, "id": -1,
            "country_code": "310", "network_code": "410", "read": 1,
        } | columns  # fmt: skip
        marks = ", ".join("?" for _ in values)
        self.connection.execute(
            f"insert into call ({', '.join(values)}) values ({marks})",  # noqa: S608 -- own names
            tuple(values.values()),
        )
