"""Reads DataUsage.sqlite: processes, and for each the periods in which bytes were counted.

Source: the stores of iOS 13, 14 and 15. ``ZLIVEUSAGE`` has a row for each process and day, with
the time at which that day's count began; what is older than two weeks is in one row.
"""

from __future__ import annotations

import re
import sqlite3

from services.indexer.kinds.app_names import AppNames
from services.indexer.kinds.batched_rows import BatchedRows, Parts, numbers_in
from services.indexer.kinds.data_usage.payload import DataUsagePayload, Period
from services.indexer.kinds.database import Database
from services.indexer.kinds.phone_time import cocoa_microseconds, cocoa_utc, utc
from services.indexer.kinds.protocol import ParserInputs, Sink, Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, Records, key_of
from services.indexer.kinds.values import float_of, int_of, text_of
from services.indexer.staging import StagedArtifact

_PROCESS = ("ZPROCNAME", "ZBUNDLENAME", "ZFIRSTTIMESTAMP", "ZTIMESTAMP")
_USAGE = (
    "ZHASPROCESS", "ZTIMESTAMP", "ZWIFIIN", "ZWIFIOUT", "ZWWANIN", "ZWWANOUT", "ZBILLCYCLEEND",
    "ZKIND", "ZMETADATA", "ZTAG",
)  # fmt: skip
#: A petabyte: more is a forgery, and sums of as many as there may be stay numbers.
_MOST_BYTES = 2**50
_LONGEST_KEY = 200
_TOTAL = "CumulativeUsageTracker"
#: What stands where a process would for apps that came with the phone and were never opened.
_NO_PROCESS = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
_SERVICE = "com.apple.datausage."
#: What Settings calls the services.
_SERVICES = {
    "appleid": "Apple Account",
    "applepushservice": "Push notifications",
    "backup": "iCloud Backup",
    "bluetooth": "Bluetooth accessories",
    "diagnostics": "Diagnostics",
    "dns": "DNS services",
    "docsandsync": "Documents & sync",
    "findmyiphone": "Find My",
    "gamecenter": "Game Center",
    "general": "General system services",
    "homekit": "HomeKit",
    "iad": "Advertising",
    "icloud": "iCloud",
    "itunesaccount": "iTunes accounts",
    "itunesmedia": "iTunes media services",
    "location": "Time & location",
    "mail": "Mail",
    "maps": "Mapping services",
    "media": "Media services",
    "messages": "Messaging services",
    "networking": "Networking",
    "safari": "Safari",
    "search": "Search",
    "security": "Security",
    "siri": "Siri",
    "softwareupdate": "Software updates",
    "telephony": "Telephony",
    "usereducation": "Tips",
    "wifiassist": "Wi-Fi Assist",
}


def parse_usage(inputs: ParserInputs, sink: Sink) -> None:
    """Give what every process sent and received to *sink*, in the order of their last use."""
    store = inputs.find("WirelessDomain", "Library/Databases/DataUsage.sqlite")
    if store is None:
        raise UnsupportedStoreError("This backup has no such store.")
    with Database(store) as database:
        if "Z_PK" not in database.columns("ZPROCESS"):
            raise UnsupportedStoreError("The database has no table of processes.")
        _Reader(database, inputs, sink).run()


class _Reader:
    def __init__(self, database: Database, inputs: ParserInputs, sink: Sink) -> None:
        self._database = database
        self._sink = sink
        self._names = AppNames(inputs)

    def run(self) -> None:
        tally = self._sink.tally
        # The number of a process is what its periods name.
        processes = BatchedRows(self._database, "ZPROCESS", _PROCESS, tally, key="Z_PK")
        numbers = processes.numbers(by=("ZTIMESTAMP",))
        usage = Parts(self._database, "ZLIVEUSAGE", _USAGE[1:], tally, of="ZHASPROCESS")
        records = Records(self._sink, total=len(numbers))
        for rows in processes.batches(numbers):
            periods = usage.read(numbers_in(rows, "Z_PK"))
            for row in rows:
                of = periods.get(row["Z_PK"], [])
                records.keep(lambda row=row, of=of: self._artifact(row, of))  # type: ignore[misc]
        _count_orphans(self._database, tally)
        records.finish()

    def _artifact(self, row: Record, usage: list[Record]) -> StagedArtifact | None:
        name, bundle = text_of(row["ZPROCNAME"]), text_of(row["ZBUNDLENAME"])
        if name is None and bundle is None:
            self._sink.tally.note("A record has no identity of its own.")
            return None
        process, _, behind = (name or "").partition("/")
        bundle = bundle or behind or None
        app_name = self._name(bundle)
        if _NO_PROCESS.fullmatch(process):
            process = ""
        periods = sorted(
            map(_period, usage), key=lambda one: (one.began_at is not None, _when(one))
        )
        payload = DataUsagePayload(
            wifi_received_bytes=sum(one.wifi_received_bytes for one in periods),
            wifi_sent_bytes=sum(one.wifi_sent_bytes for one in periods),
            mobile_received_bytes=sum(one.mobile_received_bytes for one in periods),
            mobile_sent_bytes=sum(one.mobile_sent_bytes for one in periods),
            process=process or None,
            bundle_id=bundle,
            app_name=app_name,
            is_total=name == _TOTAL,
            is_service=(bundle or "").startswith(_SERVICE),
            first_used_at=cocoa_utc(row["ZFIRSTTIMESTAMP"]),
            last_used_at=cocoa_utc(row["ZTIMESTAMP"]),
            periods=tuple(periods),
        )
        lines = (app_name, bundle, payload.process)
        return StagedArtifact(
            key=_key(name, bundle),
            payload=payload,
            occurred_at_us=cocoa_microseconds(row["ZTIMESTAMP"]),
            title=_title(payload),
            text="\n".join(dict.fromkeys(line for line in lines if line)),
        )

    def _name(self, bundle: str | None) -> str | None:
        if bundle is not None and bundle.startswith(_SERVICE):
            return _SERVICES.get(bundle.removeprefix(_SERVICE))
        return self._names.name(bundle)


def _key(name: str | None, bundle: str | None) -> str:
    """Return what identifies a process: a phone has one row for each process and app."""
    if name is not None and (bundle is None or name.endswith(f"/{bundle}")):
        key = name
    else:
        key = f"{name or ''}/{bundle}"
    return key if len(key) <= _LONGEST_KEY else key_of(key)


def _title(payload: DataUsagePayload) -> str | None:
    if payload.is_total:
        return "All mobile data"
    name = payload.app_name or payload.bundle_id
    if name is None or payload.process is None:
        return name or payload.process
    is_app_itself = name == payload.process or (payload.bundle_id or "").endswith(payload.process)
    return name if is_app_itself else f"{name} ({payload.process})"


def _period(row: Record) -> Period:
    return Period(
        began_at=utc(cocoa_microseconds(row["ZTIMESTAMP"])),
        wifi_received_bytes=_bytes(row["ZWIFIIN"]),
        wifi_sent_bytes=_bytes(row["ZWIFIOUT"]),
        mobile_received_bytes=_bytes(row["ZWWANIN"]),
        mobile_sent_bytes=_bytes(row["ZWWANOUT"]),
        bill_cycle_ends_at=cocoa_utc(row["ZBILLCYCLEEND"]),
        kind_raw=int_of(row["ZKIND"]) or 0,
        metadata_raw=int_of(row["ZMETADATA"]) or 0,
        tag_raw=int_of(row["ZTAG"]),
    )


def _when(period: Period) -> float:
    return 0.0 if period.began_at is None else period.began_at.timestamp()


def _bytes(value: object) -> int:
    count = float_of(value)
    return int(count) if count is not None and 0 <= count <= _MOST_BYTES else 0


def _count_orphans(database: Database, tally: Tally) -> None:
    """Count what belongs to no process that there is."""
    if "ZHASPROCESS" not in database.columns("ZLIVEUSAGE"):
        if database.columns("ZLIVEUSAGE"):
            tally.note("The database does not say which process used how much.")
        return
    try:
        ((count,),) = database.rows(
            "select count(*) from ZLIVEUSAGE where ZHASPROCESS is null"
            " or ZHASPROCESS not in (select Z_PK from ZPROCESS where Z_PK is not null)"
        )
    except sqlite3.Error:
        return
    if count:
        tally.skipped += count
        tally.note("What belongs to no process was left out.", count)
