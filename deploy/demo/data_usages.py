"""What the demo phone counted per app: DataUsage.sqlite with the tables of iOS 13 to 18."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from deploy.demo.container import PhoneFile
from deploy.demo.minted_database import MintedDatabase, cocoa_seconds

DOMAIN, PATH = "WirelessDomain", "Library/Databases/DataUsage.sqlite"
_TABLES = """
create table ZPROCESS (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZFIRSTTIMESTAMP timestamp, ZTIMESTAMP timestamp, ZBUNDLENAME varchar, ZPROCNAME varchar);
create table ZLIVEUSAGE (Z_PK integer primary key, Z_ENT integer, Z_OPT integer, ZKIND integer,
ZMETADATA integer, ZTAG integer, ZHASPROCESS integer, ZBILLCYCLEEND timestamp,
ZTIMESTAMP timestamp, ZWIFIIN float, ZWIFIOUT float, ZWWANIN float, ZWWANOUT float);
create index ZLIVEUSAGE_ZHASPROCESS_INDEX on ZLIVEUSAGE (ZHASPROCESS);
create table Z_PRIMARYKEY (Z_ENT integer primary key, Z_NAME varchar, Z_SUPER integer,
Z_MAX integer);
"""
#: What stands for a process where an app came with the phone and was never opened.
NEVER_OPENED = "1FB47783-A2FE-47D9-B256-DF50EF44BBA4"
TOTAL = "CumulativeUsageTracker"

#: When it began, Wi-Fi in and out, mobile in and out.
Day = tuple[dt.datetime, float, float, float, float]


class UsageDatabase(MintedDatabase):
    """Counts in the making."""

    def __init__(self) -> None:
        """Begin with no processes."""
        super().__init__(_TABLES)
        for number, name in ((5, "LiveUsage"), (7, "Process")):
            self.insert("Z_PRIMARYKEY", Z_ENT=number, Z_NAME=name, Z_SUPER=0, Z_MAX=99)

    def process(
        self,
        name: str | None,
        bundle: str | None,
        *,
        first: dt.datetime,
        last: dt.datetime | None = None,
        days: Sequence[Day] = (),
        **columns: Any,
    ) -> int:
        """Add a process with what it sent and received by day; return its number."""
        number = self.insert(
            "ZPROCESS", Z_ENT=7, Z_OPT=1, ZPROCNAME=name, ZBUNDLENAME=bundle,
            ZFIRSTTIMESTAMP=cocoa_seconds(first), ZTIMESTAMP=cocoa_seconds(last or first),
        )  # fmt: skip
        for day in days:
            self.usage(number, day, **columns)
        return number

    def usage(
        self,
        process: int | None,
        day: Day,
        **columns: Any,
    ) -> None:
        """Add the count of one day."""
        began, wifi_in, wifi_out, mobile_in, mobile_out = day
        self.insert(
            "ZLIVEUSAGE",
            **{
                "Z_ENT": 5, "Z_OPT": 1, "ZKIND": 0, "ZMETADATA": 0, "ZTAG": 1,
                "ZHASPROCESS": process, "ZTIMESTAMP": cocoa_seconds(began), "ZWIFIIN": wifi_in,
                "ZWIFIOUT": wifi_out, "ZWWANIN": mobile_in, "ZWWANOUT": mobile_out,
            } | columns,
        )  # fmt: skip


def demo_usage(*, later: bool) -> UsageDatabase:
    """Return what the phone of the story counted."""
    database = UsageDatabase()
    setup = dt.datetime(2021, 3, 1, 9, 5, tzinfo=dt.UTC)
    month, date = (9, 1) if later else (8, 4)
    newest = dt.datetime(2024, month, date, 6, 10, tzinfo=dt.UTC)
    old, day = newest - dt.timedelta(days=14), dt.timedelta(days=1)
    database.process(
        TOTAL, None, first=setup, days=[(setup, 0, 0, 9.4e9 if later else 8.1e9, 7.2e8)], ZKIND=255
    )
    database.process(f"{NEVER_OPENED}/com.apple.stocks", "com.apple.stocks", first=setup)
    database.process(
        "WhatsApp/net.whatsapp.WhatsApp", "net.whatsapp.WhatsApp", first=setup + day, last=newest,
        days=[(old, 0, 0, 48_230_112, 9_120_004), (newest - day, 1024, 512, 3_481_000, 702_400),
              (newest, 0, 0, 812_345, 91_022)],
    )  # fmt: skip
    database.process(
        "mDNSResponder/com.apple.datausage.dns", "com.apple.datausage.dns", first=setup,
        last=newest - day, days=[(old, 0, 0, 1_094_949, 1_436_869)],
    )  # fmt: skip
    if later:
        database.process(
            "Constellations/org.example.constellations", "org.example.constellations",
            first=newest - 12 * day, last=newest, days=[(newest - 12 * day, 0, 0, 20_480, 4_096)],
        )  # fmt: skip
    return database


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the phone's counts."""
    return [PhoneFile(DOMAIN, PATH, demo_usage(later=later).to_bytes())]


def many_processes(count: int) -> bytes:
    """Return a store with so many processes, with the counts of two days each."""
    database = UsageDatabase()
    start = dt.datetime(2015, 1, 1, tzinfo=dt.UTC)
    for number in range(count):
        at = start + dt.timedelta(minutes=number)
        database.process(
            f"App{number}/org.example.app{number}", f"org.example.app{number}", first=at,
            days=[(at, 0, 0, 1000 + number, 10), (at + dt.timedelta(days=1), 0, 0, 5, 6)],
        )  # fmt: skip
    return database.to_bytes()
