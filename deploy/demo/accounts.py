"""The accounts that the demo phone is signed in to: Accounts3.sqlite with the tables of iOS 15."""

from __future__ import annotations

import datetime as dt
import plistlib
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.demo.container import PhoneFile
from deploy.demo.minted_database import MintedDatabase, cocoa_seconds

STORE = "Library/Accounts/Accounts3.sqlite"
COPY = "Library/Accounts/VerifiedBackup/Accounts3.sqlite"

#: ``digits`` are those that the names of columns carry.
_TABLES = """
create table ZACCOUNT (Z_PK integer primary key, Z_ENT integer, Z_OPT integer, ZACTIVE integer,
ZAUTHENTICATED integer, ZSUPPORTSAUTHENTICATION integer, ZVISIBLE integer, ZWARMINGUP integer,
ZACCOUNTTYPE integer, ZPARENTACCOUNT integer, ZDATE timestamp,
ZLASTCREDENTIALRENEWALREJECTIONDATE timestamp, ZACCOUNTDESCRIPTION varchar,
ZAUTHENTICATIONTYPE varchar, ZCREDENTIALTYPE varchar, ZIDENTIFIER varchar,
ZMODIFICATIONID varchar, ZOWNINGBUNDLEID varchar, ZUSERNAME varchar, ZDATACLASSPROPERTIES blob);
create table ZACCOUNTPROPERTY (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZOWNER integer, ZKEY varchar, ZVALUE blob);
create table ZACCOUNTTYPE (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZOBSOLETE integer, ZSUPPORTSAUTHENTICATION integer, ZSUPPORTSMULTIPLEACCOUNTS integer,
ZVISIBILITY integer, ZACCOUNTTYPEDESCRIPTION varchar, ZCREDENTIALPROTECTIONPOLICY varchar,
ZCREDENTIALTYPE varchar, ZIDENTIFIER varchar, ZOWNINGBUNDLEID varchar);
create table ZCREDENTIALITEM (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZPERSISTENT integer, ZEXPIRATIONDATE timestamp, ZACCOUNTIDENTIFIER varchar, ZSERVICENAME varchar);
create table ZDATACLASS (Z_PK integer primary key, Z_ENT integer, Z_OPT integer, ZNAME blob);
create table Z_2ENABLEDDATACLASSES (Z_2ENABLEDACCOUNTS integer,
Z_{digits}ENABLEDDATACLASSES integer, primary key (Z_2ENABLEDACCOUNTS,
Z_{digits}ENABLEDDATACLASSES));
create table Z_2PROVISIONEDDATACLASSES (Z_2PROVISIONEDACCOUNTS integer,
Z_{digits}PROVISIONEDDATACLASSES integer);
create table Z_PRIMARYKEY (Z_ENT integer primary key, Z_NAME varchar, Z_SUPER integer,
Z_MAX integer);
create index ZACCOUNTPROPERTY_ZOWNER_INDEX on ZACCOUNTPROPERTY (ZOWNER);
"""
_TYPES = {
    "com.apple.account.AppleAccount": "iCloud",
    "com.apple.account.CalDAV": "CalDAV",
    "com.apple.account.CardDAV": "CardDAV",
    "com.apple.account.Google": "Gmail",
    "com.apple.account.HolidayCalendar": "Holiday Calendar",
    "com.apple.account.IMAPMail": "IMAPMail",
    "com.apple.account.IMAPNotes": "IMAPNotes",
    "com.apple.account.IdentityServices": "Messages",
    "com.apple.account.iTunesStore": "iTunes Store",
}


def archived(value: Any) -> bytes:
    """Return a text, a number or a list of texts as NSKeyedArchiver writes it."""
    objects: list[Any] = ["$null"]
    if isinstance(value, list):
        objects.append({"NS.objects": [plistlib.UID(2 + n) for n in range(len(value))]})
        objects += value
    else:
        objects.append(value)
    top = {"root": plistlib.UID(1)}
    return plistlib.dumps(
        {"$version": 100_000, "$archiver": "NSKeyedArchiver", "$top": top, "$objects": objects},
        fmt=plistlib.FMT_BINARY,
    )


class AccountsDatabase(MintedDatabase):
    """Accounts in the making."""

    def __init__(self, *, digits: int = 7, seed: int = 41) -> None:
        """Begin with no accounts; *digits* as the entities of this iOS are numbered."""
        super().__init__(_TABLES.format(digits=digits), seed=seed)
        self._digits = digits
        for number, name in ((2, "Account"), (3, "AccountProperty"), (4, "AccountType")):
            self.insert("Z_PRIMARYKEY", Z_ENT=number, Z_NAME=name, Z_SUPER=0, Z_MAX=99)

    def account(
        self,
        kind: str,
        *,
        at: dt.datetime,
        username: str | None = None,
        description: str | None = None,
        owner: str = "com.apple.Preferences",
        parent: int | None = None,
        services: Sequence[str] = (),
        properties: Mapping[str, Any] = {},
        **columns: Any,
    ) -> int:
        """Add an account of the type *kind* (``Google``); return its number."""
        identity = f"com.apple.account.{kind}"
        number = self.insert(
            "ZACCOUNT",
            **{
                "Z_ENT": 2, "Z_OPT": 3, "ZACTIVE": 1, "ZAUTHENTICATED": 1,
                "ZSUPPORTSAUTHENTICATION": 1, "ZVISIBLE": 1, "ZWARMINGUP": 0,
                "ZACCOUNTTYPE": self._type(identity), "ZPARENTACCOUNT": parent,
                "ZDATE": cocoa_seconds(at), "ZACCOUNTDESCRIPTION": description,
                "ZIDENTIFIER": self.uuid(), "ZMODIFICATIONID": self.uuid(),
                "ZOWNINGBUNDLEID": owner, "ZUSERNAME": username,
            } | columns,
        )  # fmt: skip
        for name in services:
            self.execute(
                "insert into Z_2ENABLEDDATACLASSES values (?, ?)", (number, self._dataclass(name))
            )
        for key, value in properties.items():
            self.insert(
                "ZACCOUNTPROPERTY", Z_ENT=3, ZOWNER=number, ZKEY=key, ZVALUE=archived(value)
            )
        return number

    def _type(self, identity: str) -> int:
        found = self.number("select Z_PK from ZACCOUNTTYPE where ZIDENTIFIER = ?", (identity,))
        return found or self.insert(
            "ZACCOUNTTYPE", Z_ENT=4, ZIDENTIFIER=identity, ZOBSOLETE=0,
            ZACCOUNTTYPEDESCRIPTION=_TYPES.get(identity),
        )  # fmt: skip

    def _dataclass(self, name: str) -> int:
        blob = archived(f"com.apple.Dataclass.{name}")
        found = self.number("select Z_PK from ZDATACLASS where ZNAME = ?", (blob,))
        return found or self.insert("ZDATACLASS", Z_ENT=7, ZNAME=blob)


def demo_accounts(*, later: bool) -> AccountsDatabase:
    """Return the accounts of the phone's owner."""
    database = AccountsDatabase()
    day = dt.datetime(2021, 3, 1, 9, 12, tzinfo=dt.UTC)
    mira = "mira.sandoval@example.com"
    # What is here besides names is what must never be shown.
    secrets = {"cookies": "session=invented-cookie", "altDSID": "000123-05-invented"}
    cloud = database.account(
        "AppleAccount", at=day, username=mira, description="iCloud",
        owner="com.apple.purplebuddy",
        services=["Backup", "Contacts", "Calendars", "CloudPhotos", "Notes", "KeychainSync"],
        properties={"firstName": "Mira", "lastName": "Sandoval", "primaryEmail": mira, **secrets},
    )  # fmt: skip
    database.account(
        "CardDAV", at=day, parent=cloud, owner="com.apple.accounts.accountsd",
        properties={"DAAccountHost": "contacts.cloud.example"}, ZAUTHENTICATIONTYPE="parent",
    )  # fmt: skip
    database.account(
        "iTunesStore", at=day + dt.timedelta(minutes=4), username=mira, properties=secrets
    )
    if not later:
        database.account(
            "IMAPMail", at=dt.datetime(2022, 5, 20, 19, tzinfo=dt.UTC),
            username="mira@harbour.example", description="Harbour", owner="com.apple.mobilemail",
            services=["Mail"],
            properties={"FullUserName": "Mira Sandoval", "Hostname": "imap.harbour.example",
                        "EmailAddresses": ["mira@harbour.example", "crew@harbour.example"]},
        )  # fmt: skip
    else:
        database.account(
            "Google", at=dt.datetime(2024, 8, 20, 7, 45, tzinfo=dt.UTC),
            username="mira.s@mail.example", description="Gmail", services=["Mail", "Calendars"],
            ZIDENTIFIER="5D1C8E0A-3B52-4E0B-9C57-0E6A1F2B3C4D",
            ZLASTCREDENTIALRENEWALREJECTIONDATE=cocoa_seconds(
                dt.datetime(2024, 8, 30, 5, 0, tzinfo=dt.UTC)
            ),
        )  # fmt: skip
    return database


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the store and the phone's own copy, which is four weeks behind."""
    return [
        PhoneFile("HomeDomain", STORE, demo_accounts(later=later).to_bytes()),
        PhoneFile("HomeDomain", COPY, demo_accounts(later=False).to_bytes()),
    ]


def many_accounts(count: int) -> bytes:
    """Return a store with so many accounts, each with a property and a service."""
    database = AccountsDatabase()
    start = dt.datetime(2015, 1, 1, tzinfo=dt.UTC)
    for number in range(count):
        database.account(
            "IMAPMail", at=start + dt.timedelta(minutes=number),
            username=f"user{number}@example.com",
            services=["Mail"], properties={"FullUserName": f"User {number}"},
        )  # fmt: skip
    return database.to_bytes()
