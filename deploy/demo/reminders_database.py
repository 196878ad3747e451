"""Builds a store of reminders, one per account."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.demo.minted_database import MintedForms
from deploy.demo.reminders_schema import Form, entities_of, schema_of

_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
DAILY, WEEKLY, MONTHLY, YEARLY = 0, 1, 2, 3
ARRIVE, LEAVE = 1, 2


def seconds(at: dt.datetime) -> float:
    """Return a moment as the store keeps it."""
    return (at - _COCOA).total_seconds()


@dataclass
class RemindersDatabase(MintedForms):
    """The reminders of one account in the making."""

    account: str
    form: Form = "26"
    seed: int = 1
    #: Added to the numbers of entities, which differ between the stores of one phone.
    shift: int = 0

    def __post_init__(self) -> None:
        """Make the empty tables and the account."""
        self.begin(schema_of(self.form), seed=self.seed)
        self._numbers: dict[str, int] = {}
        for number, name, parent in entities_of(self.form):
            self._numbers[name] = number + self.shift
            self.connection.execute(
                "insert into Z_PRIMARYKEY values (?, ?, ?, 0)",
                (number + self.shift, name, parent and parent + self.shift),
            )
        self._account = self.object("REMCDAccount", ZNAME=account_name(self.account))

    def object(self, entity: str, **columns: Any) -> int:
        """Add an object of some entity."""
        own = {"Z_ENT": self._numbers[entity], "ZMARKEDFORDELETION": 0} | columns
        return self.insert("ZREMCDOBJECT", **own)

    def _identity(self) -> dict[str, Any]:
        own = self.next_uuid()
        return {"ZIDENTIFIER": own.bytes, "ZCKIDENTIFIER": str(own).upper()}

    def list(self, name: str, *, entity: str = "REMCDList", **columns: Any) -> int:
        """Add a list; ``ZISGROUP`` makes a group of it that others have as ``ZPARENTLIST``."""
        own = {
            "Z_ENT": self._numbers[entity], "ZISGROUP": 0, "ZSHARINGSTATUS": 0,
            "ZMARKEDFORDELETION": 0,
        } | self._identity() | columns  # fmt: skip
        if self.form == "26":
            return self.insert("ZREMCDBASELIST", ZNAME=name, ZACCOUNT=self._account, **own)
        return self.insert("ZREMCDOBJECT", ZNAME1=name, ZACCOUNT1=self._account, **own)

    def section(self, list_: int, name: str, *reminders: int) -> None:
        """Put reminders under a heading of their list."""
        own = self.next_uuid()
        self.insert(
            "ZREMCDBASESECTION", ZDISPLAYNAME=name, ZLIST=list_, ZMARKEDFORDELETION=0,
            ZIDENTIFIER=own.bytes, ZCKIDENTIFIER=str(own).upper(),
        )  # fmt: skip
        found = self.connection.execute(
            "select ZMEMBERSHIPSOFREMINDERSINSECTIONSASDATA from ZREMCDBASELIST where Z_PK = ?",
            (list_,),
        ).fetchone()
        said = json.loads(found[0]) if found[0] else {"memberships": []}
        for reminder in reminders:
            (member,) = self.connection.execute(
                "select ZCKIDENTIFIER from ZREMCDREMINDER where Z_PK = ?", (reminder,)
            ).fetchone()
            said["memberships"].append(
                {"memberID": member, "groupID": str(own).upper(), "modifiedOn": 740_000_000.5}
            )
        self.connection.execute(
            "update ZREMCDBASELIST set ZMEMBERSHIPSOFREMINDERSINSECTIONSASDATA = ? where Z_PK = ?",
            (json.dumps(said).encode(), list_),
        )

    def reminder(self, list_: int | None, title: str | None, **columns: Any) -> int:
        """Add a reminder; *columns* are the table's own."""
        created = seconds(dt.datetime(2024, 6, 10, 7, 30, tzinfo=dt.UTC))
        own = {
            "Z_ENT": self._numbers["REMCDReminder"], "ZCOMPLETED": 0, "ZFLAGGED": 0,
            "ZPRIORITY": 0, "ZALLDAY": 0, "ZMARKEDFORDELETION": 0, "ZCREATIONDATE": created,
            "ZLASTMODIFIEDDATE": created, "ZACCOUNT": self._account,
        } | self._identity() | columns  # fmt: skip
        if self.form == "26":
            return self.insert("ZREMCDREMINDER", ZTITLE=title, ZLIST=list_, **own)
        return self.insert("ZREMCDOBJECT", ZTITLE1=title, ZLIST2=list_, **own)

    def alarm(self, reminder: int, entity: str, **columns: Any) -> int:
        """Add an alarm with what sets it off: the entity between ``REMCDAlarm`` and ``Trigger``."""
        clock = columns.pop("clock", None)
        if isinstance(clock, Mapping):
            columns["ZDATECOMPONENTSDATA"] = json.dumps(clock).encode()
        trigger = self.object(f"REMCDAlarm{entity}Trigger", **columns)
        return self.object("REMCDAlarm", ZREMINDER=reminder, ZTRIGGER=trigger)

    def repeat(self, reminder: int, frequency: int, **columns: Any) -> int:
        """Let a reminder come again; lists are written as JSON."""
        written = {
            name: json.dumps(value).encode() if isinstance(value, list) else value
            for name, value in columns.items()
        }
        own = {"ZFREQUENCY": frequency, "ZINTERVAL": 1, "ZOCCURRENCECOUNT": 0} | written
        return self.object("REMCDRecurrenceRule", ZREMINDER4=reminder, **own)

    def tag(self, reminder: int, name: str) -> None:
        """Tag a reminder."""
        label = self.insert("ZREMCDHASHTAGLABEL", ZNAME=name, ZCANONICALNAME=name.lower())
        self.object("REMCDHashtag", ZREMINDER3=reminder, ZHASHTAGLABEL=label)

    def assign(self, reminder: int, list_: int, first: str, last: str, address: str) -> None:
        """Give a reminder of a shared list to somebody."""
        sharee = self.object(
            "REMCDSharee", ZLIST=list_, ZFIRSTNAME=first, ZLASTNAME=last, ZADDRESS1=address,
            ZSTATUS=2,
        )  # fmt: skip
        self.object(
            "REMCDAssignment", ZREMINDER1=reminder, ZASSIGNEE=sharee,
            ZASSIGNEDDATE=seconds(dt.datetime(2024, 7, 1, 8, tzinfo=dt.UTC)),
        )  # fmt: skip

    def picture(self, reminder: int, name: str | None, digest: str | None, **columns: Any) -> None:
        """Attach a picture, whose file is named after the SHA-512 of its content."""
        own = {"ZUTI": "public.png", "ZWIDTH": 96, "ZHEIGHT": 96} | columns
        self.object(
            "REMCDImageAttachment", ZREMINDER2=reminder, ZFILENAME=name, ZSHA512SUM=digest, **own
        )

    def link(self, reminder: int, url: str) -> None:
        """Attach an address."""
        self.object("REMCDURLAttachment", ZREMINDER2=reminder, ZURL=url)


def account_name(account: str) -> str:
    """Return the name of an account for people."""
    return "On My iPhone" if account == "local" else account


def many_reminders(count: int) -> bytes:
    """Return a store with *count* reminders, every tenth with a tag, an alarm and a rule."""
    store = RemindersDatabase("Home account", seed=78)
    held = store.list("Boat")
    start = dt.datetime(2015, 1, 5, 8, tzinfo=dt.UTC)
    for number in range(count):
        item = store.reminder(
            held, f"Oil the cleats, number {number}", ZNOTES="The good oil\nfrom the yard",
            ZDUEDATE=seconds(start + number * dt.timedelta(minutes=30)), ZTIMEZONE="Europe/Zurich",
        )  # fmt: skip
        if number % 10 == 0:
            store.tag(item, "boat")
            store.alarm(item, "TimeInterval", ZTIMEINTERVAL=-900.0)
            store.repeat(item, WEEKLY)
    return store.to_bytes()
