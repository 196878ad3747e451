"""BrowserState.db (iOS 10 to 14, and left behind by later ones), and SuspendState.plist before.

Sources: the store of an iOS 14.3 phone; the list's keys from phones of iOS 5 to 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from services.indexer.kinds.database import Database
from services.indexer.kinds.keyed_archive import load_plist
from services.indexer.kinds.open_tab.tab import Item, TabThreads, read_pages, tab_artifact
from services.indexer.kinds.phone_time import utc
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, key_of, walk
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.values import flag_of, int_of, text_of
from services.indexer.kinds.web import plist_microseconds, safari_microseconds
from services.indexer.staging import StagedArtifact

_TABS = (
    "id", "uuid", "title", "url", "user_visible_url", "order_index", "last_viewed_time",
    "opened_from_link", "showing_reader", "private_browsing", "browser_window_uuid",
    "browser_window_id",
)  # fmt: skip
_WINDOWS = ("id", "active_document_index", "active_private_document_index")
_MOST_WINDOWS = 10_000
_LARGEST_PLIST = 8 * 1024 * 1024
#: What the list's names begin with, and its two parts.
_TAB = "SafariStateDocument"
_PRIVATE_LIST = "SafariStatePrivateDocuments"
_LISTS = ("SafariStateDocuments", _PRIVATE_LIST)


class BrowserState:
    """One BrowserState.db."""

    def __init__(
        self,
        database: Database,
        threads: TabThreads,
        tally: Tally,
        *,
        newer: set[str] | None = None,
    ) -> None:
        """Leave out the tabs of a *newer* store; what is here only was left behind by then.

        Raises UnsupportedStoreError when there is no table of tabs.
        """
        if "url" not in database.columns("tabs"):
            raise UnsupportedStoreError("The database has no table of tabs.")
        self._database = database
        self._threads = threads
        self._tally = tally
        self._newer = newer
        rest = f"limit {_MOST_WINDOWS}"
        self._windows = {
            row["id"]: row for row in walk(database, "browser_windows", _WINDOWS, tally, rest=rest)
        }
        database.ensure_index("tab_sessions", "tab_uuid")

    def tabs(self) -> Iterator[Item]:
        """Yield all tabs in the order of time."""
        has_times = "last_viewed_time" in self._database.columns("tabs")
        by = "last_viewed_time" if has_times else "rowid"
        for row in rows_in_order(self._database, "tabs", _TABS, self._tally, by=by):
            if self._newer is not None and text_of(row["uuid"]) in self._newer:
                continue
            at_us = safari_microseconds(row["last_viewed_time"])
            yield at_us or 0, partial(self._tab, row, at_us)

    def _tab(self, row: Record, at_us: int | None) -> StagedArtifact | None:
        key = text_of(row["uuid"])
        is_private = flag_of(row["private_browsing"])
        window = self._windows.get(row["browser_window_id"])
        active = "active_private_document_index" if is_private else "active_document_index"
        position = int_of(row["order_index"])
        return tab_artifact(
            key=f"tab:{key}" if key else key_of("tab", row["url"], row["last_viewed_time"]),
            thread=self._threads.window(is_private=is_private),
            url=row["url"],
            shown_url=row["user_visible_url"],
            title=row["title"],
            at_us=at_us,
            type="open",
            window=text_of(row["browser_window_uuid"]),
            position=position,
            is_private=is_private,
            is_left_behind=self._newer is not None,
            is_active=window is not None and position is not None and window[active] == position,
            was_opened_from_link=flag_of(row["opened_from_link"]),
            is_showing_reader=flag_of(row["showing_reader"]),
            viewed_at=utc(at_us),
            pages=read_pages(self._session(row["uuid"])),
        )

    def _session(self, uuid: object) -> object:
        columns = self._database.columns("tab_sessions")
        if not isinstance(uuid, str) or not {"session_data", "tab_uuid"} <= columns:
            return None
        found = self._database.rows(
            "select session_data from tab_sessions where tab_uuid = ? limit 1", (uuid,)
        )
        return next((row[0] for row in found), None)


def suspended_tabs(path: Path, threads: TabThreads, tally: Tally) -> Iterator[Item]:
    """Yield the tabs of a SuspendState.plist. Raises UnsupportedStoreError."""
    plist = load_plist(path.read_bytes()) if path.stat().st_size <= _LARGEST_PLIST else None
    lists = {name: plist.get(name) for name in _LISTS} if isinstance(plist, dict) else {}
    if not any(isinstance(tabs, list) for tabs in lists.values()):
        raise UnsupportedStoreError("The property list is damaged or larger than any phone's.")
    found: list[tuple[int, int, int, bool, Record]] = []
    for name, tabs in lists.items():
        for position, tab in enumerate(tabs if isinstance(tabs, list) else ()):
            if isinstance(tab, dict):
                at_us = plist_microseconds(tab.get(f"{_TAB}LastViewedTime"))
                found.append((at_us or 0, len(found), position, name == _PRIVATE_LIST, tab))
            else:
                tally.skipped += 1
    found.sort(key=lambda one: one[:2])
    for at, _, position, is_private, tab in found:
        make = partial(_suspended, tab, at or None, position, threads, is_private=is_private)
        yield at, make


def _suspended(
    tab: Record, at_us: int | None, position: int, threads: TabThreads, *, is_private: bool
) -> StagedArtifact | None:
    url, key = tab.get(f"{_TAB}URL"), text_of(tab.get(f"{_TAB}UUID"))
    is_private = is_private or flag_of(tab.get(f"{_TAB}UsesPrivateBrowsingStyle"))
    return tab_artifact(
        key=f"tab:{key}" if key else key_of("tab", url, position, is_private),
        thread=threads.window(is_private=is_private),
        url=url,
        shown_url=tab.get(f"{_TAB}UserVisibleURL"),
        title=tab.get(f"{_TAB}Title"),
        at_us=at_us,
        type="open",
        window=text_of(tab.get(f"{_TAB}OwningBrowserWindowUUID")),
        position=position,
        is_private=is_private,
        was_opened_from_link=flag_of(tab.get(f"{_TAB}WasOpenedFromLink")),
        is_showing_reader=flag_of(tab.get(f"{_TAB}ShouldRestoreReader")),
        viewed_at=utc(at_us),
        pages=read_pages(tab.get(f"{_TAB}SessionState")),
    )
