"""CloudTabs.db: the tabs of other devices, as iCloud told this phone (iOS 9 to 26)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from services.indexer.kinds.database import Database
from services.indexer.kinds.open_tab.tab import Item, TabThreads, tab_artifact
from services.indexer.kinds.phone_time import utc
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, key_of, walk
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
        """Yield all tabs in the order of time; those without one of their own come first."""
        has_times = "last_viewed_time" in self._database.columns("cloud_tabs")
        by = "last_viewed_time" if has_times else "rowid"
        for row in rows_in_order(self._database, "cloud_tabs", _TABS, self._tally, by=by):
            at_us = safari_microseconds(row["last_viewed_time"])
            yield at_us or 0, partial(self._tab, row, at_us)

    def _tab(self, row: Record, at_us: int | None) -> StagedArtifact | None:
        device = self._devices.get(row["device_uuid"], {})
        name = title_of(device.get("device_name"))
        device_key = text_of(row["device_uuid"]) or "unknown"
        key = text_of(row["tab_uuid"]) or key_of("tab", row["url"], row["title"])
        seen_us = safari_microseconds(device.get("last_modified")) if at_us is None else at_us
        return tab_artifact(
            key=f"cloud:{device_key}:{key}",
            thread=self._threads.find(
                f"device:{device_key}", name or "Another device", service="icloud"
            ),
            url=row["url"],
            title=row["title"],
            at_us=seen_us,
            type="other_device",
            device=name,
            device_type=title_of(device.get("device_type_identifier")),
            is_pinned=flag_of(row["is_pinned"]),
            is_showing_reader=flag_of(row["is_showing_reader"]),
            viewed_at=utc(at_us),
            topic=title_of(row["topic_title"]),
        )
