"""CloudTabs.db: the tabs of other devices, as iCloud told this phone (iOS 9 to 26)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from services.indexer.kinds.database import Database
from services.indexer.kinds.open_tab.tab import Item, TabThreads, tab_artifact
from services.indexer.kinds.phone_time import utc
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, key_of, walk
from services.indexer.kinds.rows_by_number import rows_by_number
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.values import flag_of, text_of
from services.indexer.kinds.web import safari_microseconds, title_of
from services.indexer.staging import StagedArtifact

_TABS = (
    "tab_uuid", "device_uuid", "title", "url", "is_showing_reader", "is_pinned",
    "last_viewed_time", "topic_title",
)  # fmt: skip
_DEVICES = ("device_uuid", "device_name", "device_type_identifier", "last_modified")
_MOST_DEVICES = 10_000
_BATCH = 500


class CloudTabs:
    """One CloudTabs.db."""

    def __init__(self, database: Database, threads: TabThreads, tally: Tally) -> None:
        """Raises UnsupportedStoreError when there is no table of tabs."""
        if "url" not in database.columns("cloud_tabs"):
            raise UnsupportedStoreError("The database has no table of tabs.")
        self._database = database
        self._threads = threads
        self._tally = tally
        rest = f"limit {_MOST_DEVICES}"
        self._devices = {
            row["device_uuid"]: row
            for row in walk(database, "cloud_tab_devices", _DEVICES, tally, rest=rest)
        }

    def tabs(self) -> Iterator[Item]:
        """Yield all tabs in the order of time: when they were seen, or else their device."""
        database, tally = self._database, self._tally
        columns = ("last_viewed_time", "device_uuid")
        order = sorted(
            (self._seen(row) or 0, row["rowid"])
            for row in rows_in_order(database, "cloud_tabs", columns, tally, by="rowid")
        )
        for at in range(0, len(order), _BATCH):
            some = order[at : at + _BATCH]
            numbers = [number for _, number in some]
            rows = rows_by_number(database, "cloud_tabs", _TABS, numbers, tally, key="rowid")
            for at_us, number in some:
                if number in rows:
                    yield at_us, partial(self._tab, rows[number])

    def _seen(self, row: Record) -> int | None:
        at_us = safari_microseconds(row["last_viewed_time"])
        device = self._devices.get(row["device_uuid"], {})
        return safari_microseconds(device.get("last_modified")) if at_us is None else at_us

    def _tab(self, row: Record) -> StagedArtifact | None:
        device = self._devices.get(row["device_uuid"], {})
        name = title_of(device.get("device_name"))
        device_key = text_of(row["device_uuid"]) or "unknown"
        key = text_of(row["tab_uuid"]) or key_of("tab", row["url"], row["title"])
        return tab_artifact(
            key=f"cloud:{device_key}:{key}",
            thread=self._threads.find(
                f"device:{device_key}", name or "Another device", service="icloud"
            ),
            url=row["url"],
            title=row["title"],
            at_us=self._seen(row),
            type="other_device",
            device=name,
            device_type=title_of(device.get("device_type_identifier")),
            is_pinned=flag_of(row["is_pinned"]),
            is_showing_reader=flag_of(row["is_showing_reader"]),
            viewed_at=utc(safari_microseconds(row["last_viewed_time"])),
            topic=title_of(row["topic_title"]),
        )
