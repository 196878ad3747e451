"""SafariTabs.db (iOS 15 and later): tabs, groups and profiles in one table of bookmarks.

A tab lies in its group; a group at the top, in a profile, or in none (a window's own tabs).
Sources: the stores of macOS 15 to 27, which have the phone's tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.open_tab.tab import Item, TabThreads, read_pages, tab_artifact
from services.indexer.kinds.phone_time import utc
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, key_of, walk
from services.indexer.kinds.rows_by_number import rows_by_number
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.safari_attributes import added_microseconds, read_attributes
from services.indexer.kinds.safari_profiles import DEFAULT_PROFILE, FOLDER, PROFILE
from services.indexer.kinds.values import flag_of, int_of, text_of
from services.indexer.kinds.web import plist_microseconds, safari_microseconds, title_of
from services.indexer.staging import StagedArtifact, StagedThread

_TABS = (
    "id", "parent", "title", "url", "order_index", "external_uuid", "deleted", "date_closed",
    "extra_attributes", "local_attributes", "topic_title",
)  # fmt: skip
_GROUPS = ("id", "parent", "subtype", "title", "hidden", "external_uuid", "extra_attributes")
_WINDOWS = ("id", "active_profile_id", "local_tab_group_id", "private_tab_group_id")
_FAVORITES = 1
_DEEPEST = 20
_MOST_GROUPS = 50_000
#: Of property lists that are kept until their tab's turn comes; a phone's are a megabyte.
_MOST_KEPT_BYTES = 1 << 20
_PINNED, _PRIVATE_PINNED, _CLOSED = "pinned", "privatePinned", "recentlyClosed"

#: What the two lists of a tab say, the synced one first.
_Attributes = tuple[dict[str, Any], dict[str, Any]]


class _Group(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tab is."""

    thread: StagedThread
    #: The name that people gave it.
    name: str | None = None
    profile: str | None = None
    is_private: bool = False
    is_pinned: bool = False
    is_closed: bool = False
    is_favorites: bool = False


class SafariTabs:
    """One SafariTabs.db."""

    def __init__(self, database: Database, threads: TabThreads, tally: Tally) -> None:
        """Raises UnsupportedStoreError when there is no table of tabs."""
        if not {"url", "parent", "type"} <= database.columns("bookmarks"):
            raise UnsupportedStoreError("The database has no table of tabs.")
        self._database = database
        self._threads = threads
        self._tally = tally
        rest = f"where type = {FOLDER} limit {_MOST_GROUPS}"
        self._rows = {
            row["id"]: row
            for row in walk(database, "bookmarks", _GROUPS, tally, rest=rest)
            if isinstance(row["id"], int)
        }
        rest = f"limit {_MOST_GROUPS}"
        windows = list(walk(database, "windows", _WINDOWS, tally, rest=rest))
        self._private = {row["private_tab_group_id"] for row in windows} - {None}
        self._local = {row["local_tab_group_id"] for row in windows} - {None}
        self._profiles = {
            row[name]: row["active_profile_id"]
            for row in windows
            for name in ("local_tab_group_id", "private_tab_group_id")
        }
        columns = ("active_tab_id",)
        self._active = {
            row["active_tab_id"]
            for row in walk(database, "windows_tab_groups", columns, tally, rest=rest)
        }
        self._groups: dict[object, _Group] = {}
        self._attributes: dict[object, _Attributes] = {}
        self._room = _MOST_KEPT_BYTES

    def keys(self) -> set[str]:
        """Return the identities of all tabs."""
        rows = walk(self._database, "bookmarks", ("external_uuid",), self._tally)
        return {key for row in rows if (key := text_of(row["external_uuid"])) is not None}

    def tabs(self) -> Iterator[Item]:
        """Yield all tabs in the order of time."""
        # Their dates are in property lists, some with whole sessions: one at a time.
        for at_us, number in sorted(self._times()):
            yield at_us, partial(self._read, number)

    def _times(self) -> Iterator[tuple[int, int]]:
        columns = ("type", "date_closed", "extra_attributes", "local_attributes")
        for row in rows_in_order(self._database, "bookmarks", columns, self._tally, by="rowid"):
            if row["type"] != FOLDER and isinstance(row["rowid"], int):
                attributes = _read_attributes(row)
                self._keep(row, attributes)
                yield _moment(row, *attributes) or 0, row["rowid"]

    def _keep(self, row: Record, attributes: _Attributes) -> None:
        """Remember what was read when tabs were put in order, unless that is much."""
        blobs = (row["extra_attributes"], row["local_attributes"])
        length = sum(len(blob) for blob in blobs if isinstance(blob, bytes))
        if length <= self._room:
            self._room -= length
            self._attributes[row["rowid"]] = attributes

    def _read(self, number: int) -> StagedArtifact | None:
        found = rows_by_number(
            self._database, "bookmarks", _TABS, (number,), self._tally, key="rowid"
        )
        if number not in found:
            return None
        attributes = self._attributes.pop(number, None)
        return self._tab(found[number], attributes or _read_attributes(found[number]))

    def _tab(self, row: Record, attributes: _Attributes) -> StagedArtifact | None:
        group = self._group(row["parent"])
        if group.is_favorites:
            self._tally.note("Favourites of tab groups are no tabs and were left out.")
            return None
        extra, local = attributes
        closed_us = safari_microseconds(row["date_closed"])
        is_closed = group.is_closed or closed_us is not None
        if is_closed and closed_us is None:
            closed_us = plist_microseconds(local.get("DateClosed"))
        key = text_of(row["external_uuid"])
        return tab_artifact(
            key=f"tab:{key}" if key else key_of("tab", row["url"], row["title"], group.thread.key),
            thread=group.thread,
            url=row["url"],
            shown_url=extra.get("LocalURL"),
            title=row["title"] or extra.get("LocalTitle"),
            at_us=_moment(row, extra, local),
            type="recently_closed" if is_closed else "open",
            group=group.name,
            profile=group.profile,
            window=text_of(local.get("WindowUUID")),
            position=int_of(row["order_index"]),
            is_private=group.is_private,
            is_pinned=group.is_pinned,
            is_deleted=flag_of(row["deleted"]),
            is_active=row["id"] in self._active,
            was_opened_from_link=flag_of(local.get("OpenedFromLink")),
            is_showing_reader=flag_of(local.get("ShowingReader")),
            is_muted=flag_of(local.get("IsMuted")),
            opened_at=utc(added_microseconds(extra)),
            viewed_at=utc(_viewed(extra, local)),
            closed_at=utc(closed_us),
            topic=title_of(row["topic_title"]),
            pages=read_pages(local.get("SessionState")),
        )

    def _group(self, number: object) -> _Group:
        known = self._groups.get(number)
        if known is None:
            known = self._groups[number] = self._make_group(number)
        return known

    def _make_group(self, number: object) -> _Group:
        row = self._rows.get(number) if isinstance(number, int) else None
        if row is None:
            return _Group(thread=self._threads.window(is_private=False))
        key = text_of(row["external_uuid"])
        title = title_of(row["title"])
        is_hidden = flag_of(row["hidden"])
        is_private = (
            number in self._private or key == _PRIVATE_PINNED or (is_hidden and title == "Private")
        )
        profile = self._profile(number)
        if key in {_PINNED, _PRIVATE_PINNED}:
            thread = (
                self._threads.window(is_private=True)
                if is_private
                else self._threads.find("pinned", "Pinned tabs")
            )
            return _Group(thread=thread, profile=profile, is_private=is_private, is_pinned=True)
        if key == _CLOSED:
            return _Group(thread=self._threads.find("closed", "Recently closed"), is_closed=True)
        is_unnamed = read_attributes(row["extra_attributes"]).get("IsUnnamed") is True
        is_window = number in self._local or (is_hidden and title == "Local") or is_unnamed
        if is_private or is_window or title is None:
            thread = self._threads.window(is_private=is_private)
            return _Group(thread=thread, profile=profile, is_private=is_private)
        return _Group(
            thread=self._threads.find(f"group:{key or key_of('group', title)}", title),
            name=title,
            profile=profile,
            is_favorites=row["subtype"] == _FAVORITES,
        )

    def _profile(self, number: object) -> str | None:
        """Return the name of the profile that a group is in; None for the first one."""
        at = self._profiles.get(number, number)
        for _ in range(_DEEPEST):
            row = self._rows.get(at) if isinstance(at, int) else None
            if row is None:
                return None
            if row["subtype"] == PROFILE:
                is_first = row["external_uuid"] == DEFAULT_PROFILE
                return None if is_first else title_of(row["title"])
            at = row["parent"]
        return None


def _read_attributes(row: Record) -> _Attributes:
    return read_attributes(row["extra_attributes"]), read_attributes(row["local_attributes"])


def _viewed(extra: dict[str, Any], local: dict[str, Any]) -> int | None:
    said = (extra.get("DateLastViewed"), local.get("LastVisitTime"))
    return max((us for one in said if (us := plist_microseconds(one)) is not None), default=None)


def _moment(row: Record, extra: dict[str, Any], local: dict[str, Any]) -> int | None:
    viewed = _viewed(extra, local)
    if viewed is None:
        viewed = added_microseconds(extra)
    return safari_microseconds(row["date_closed"]) if viewed is None else viewed
