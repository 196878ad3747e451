"""The tabs of the demo phone: its own, in groups and profiles, and those of other devices."""

from __future__ import annotations

import datetime as dt
from typing import Any

from deploy.demo.container import PhoneFile
from deploy.demo.minted_database import MintedDatabase, binary_plist, cocoa_seconds
from deploy.demo.safari_schema import BROWSER_STATE, CLOUD_TABS, tabs_schema
from deploy.demo.web_visits import WORK_PROFILE

DOMAIN = "HomeDomain"
FOLDER = "Library/Safari"
_MINUTE = dt.timedelta(minutes=1)
_AT = dt.datetime(2024, 8, 3, 20, 15, tzinfo=dt.UTC)
_WINDOW = "7A0C5E1B-2D44-4E0B-8A39-0F6B1C9D7E21"
#: In front of a session stands a number of its format.
_SESSION_VERSION = b"\0\0\0\2"


def session(pages: list[tuple[str, str]], current: int = 0) -> bytes:
    """Return the pages that a tab went through, by address and title."""
    return _SESSION_VERSION + binary_plist(
        {
            "SessionHistory": {
                "SessionHistoryCurrentIndex": current,
                "SessionHistoryEntries": [
                    {"SessionHistoryEntryURL": url, "SessionHistoryEntryTitle": title}
                    for url, title in pages
                ],
            }
        }
    )


class SafariTabsDatabase(MintedDatabase):
    """SafariTabs.db with one window, its own tabs, private ones and those pinned or closed."""

    def __init__(self, *, seed: int = 1) -> None:
        """Make the folders that every phone has."""
        super().__init__(tabs_schema(), seed=seed)
        self.folder("Root", parent=None, external_uuid="Root", id=0)
        self.pinned = self.folder("pinned", parent=None, external_uuid="pinned", hidden=1)
        self.private_pinned = self.folder(
            "privatePinned", parent=None, external_uuid="privatePinned", hidden=1
        )
        self.closed = self.folder(
            "recentlyClosed", parent=None, external_uuid="recentlyClosed", hidden=1
        )
        self.first = self.folder("", external_uuid="DefaultProfile", subtype=2)
        self.local = self.folder("Local", parent=None, hidden=1)
        self.private = self.folder("Private", parent=None, hidden=1)
        self.window = self.insert(
            "windows", uuid=_WINDOW, active_tab_group_id=self.local, active_profile_id=self.first,
            local_tab_group_id=self.local, private_tab_group_id=self.private,
        )  # fmt: skip

    def folder(self, title: str | None, *, parent: int | None = 0, **columns: Any) -> int:
        """Add a group or profile; return its number."""
        given = {"external_uuid": self.uuid(), "order_index": 0} | columns
        return self.insert("bookmarks", parent=parent, type=1, title=title, **given)

    def tab(
        self,
        group: int,
        title: str | None,
        url: str | None,
        *,
        viewed_at: dt.datetime | None = None,
        local: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
        is_active: bool = False,
        **columns: Any,
    ) -> int:
        """Open a tab; *local* and *extra* are the rest of its attributes."""
        said = {} if viewed_at is None else {"DateLastViewed": viewed_at}
        added = {} if viewed_at is None else {"DateAdded": viewed_at - 9 * _MINUTE}
        number = self.insert(
            "bookmarks",
            parent=group, type=0, title=title, url=url,
            extra_attributes=binary_plist({"com.apple.Bookmark": added, **said, **(extra or {})}),
            local_attributes=binary_plist({"WindowUUID": _WINDOW, **(local or {})}),
            **({"external_uuid": self.uuid(), "order_index": 0} | columns),
        )  # fmt: skip
        if is_active:
            self.insert(
                "windows_tab_groups", active_tab_id=number, tab_group_id=group,
                window_id=self.window,
            )  # fmt: skip
        return number


class BrowserStateDatabase(MintedDatabase):
    """BrowserState.db, of iOS 10 to 14."""

    def __init__(self, *, seed: int = 1) -> None:
        """Make one window."""
        super().__init__(BROWSER_STATE, seed=seed)
        self.window = self.insert("browser_windows", uuid=_WINDOW, active_document_index=0)

    def tab(
        self,
        title: str | None,
        url: str | None,
        *,
        viewed_at: dt.datetime | float | None,
        pages: bytes | None = None,
        **columns: Any,
    ) -> str:
        """Open a tab; return its identity."""
        key = str(columns.pop("uuid", None) or self.uuid())
        when = cocoa_seconds(viewed_at) if isinstance(viewed_at, dt.datetime) else viewed_at
        given = {"order_index": 0, "user_visible_url": url} | columns
        self.insert(
            "tabs", uuid=key, title=title, url=url, last_viewed_time=when,
            browser_window_uuid=_WINDOW, browser_window_id=self.window, **given,
        )  # fmt: skip
        self.insert("tab_sessions", tab_uuid=key, session_data=pages)
        return key


class CloudTabsDatabase(MintedDatabase):
    """CloudTabs.db."""

    def __init__(self, *, seed: int = 1) -> None:
        """Make empty tables."""
        super().__init__(CLOUD_TABS, seed=seed)

    def device(self, name: str | None, kind: str, *, at: dt.datetime) -> str:
        """Add a device; return its identity."""
        key = self.uuid()
        self.insert(
            "cloud_tab_devices", device_uuid=key, system_fields=b"", device_name=name,
            device_type_identifier=kind, last_modified=cocoa_seconds(at),
        )  # fmt: skip
        return key

    def tab(self, device: str, title: str | None, url: str, **columns: Any) -> None:
        """Add a tab of a device."""
        given = {"tab_uuid": self.uuid()} | columns
        self.insert(
            "cloud_tabs", system_fields=b"", device_uuid=device, position=b"", title=title,
            url=url, **given,
        )  # fmt: skip


def suspend_state(
    tabs: list[dict[str, Any]], *, private: list[dict[str, Any]] | None = None
) -> bytes:
    """Return the SuspendState.plist of iOS 5 to 9, with private tabs in a list of their own."""
    return binary_plist(
        {"SafariStateDocuments": tabs, "SafariStatePrivateDocuments": private or []}
    )


def demo_tabs(*, later: bool) -> SafariTabsDatabase:
    """Open the family's tabs; with *later* as they are four weeks on."""
    db = SafariTabsDatabase(seed=61)
    ferry = "https://ferry.example.org/"
    season = "autumn" if later else "summer"
    db.tab(
        db.local, f"{season.title()} timetable, Lake Ferry", f"{ferry}{season}?from=pier",
        viewed_at=_AT, is_active=True, external_uuid="DEMO-TAB-FERRY",
        local={"OpenedFromLink": True,
               "SessionState": session([(ferry, "Lake Ferry"),
                                        (f"{ferry}{season}?from=pier", "Timetable")], 1)},
    )  # fmt: skip
    db.tab(
        db.private, "Presents for Jonas", "https://presents.example/jonas",
        viewed_at=_AT - 3 * _MINUTE,
    )  # fmt: skip
    db.tab(
        db.pinned, "Weather at the lake", "https://weather.example/lake",
        viewed_at=_AT - 60 * _MINUTE,
    )  # fmt: skip
    lake = db.folder("Lake weekend", external_uuid="DEMO-GROUP-LAKE")
    db.tab(
        lake, "Good charcoal, 5 kg", "https://shop.example/charcoal",
        viewed_at=_AT - 200 * _MINUTE, extra={"LocalURL": "https://shop.example/charcoal?from=list"},
    )  # fmt: skip
    db.tab(
        lake, "Grüße vom Bodensee", "https://blog.example/bodensee",
        viewed_at=_AT - 210 * _MINUTE, local={"ShowingReader": True}, order_index=1,
    )  # fmt: skip
    if later:
        db.execute("delete from bookmarks where title = 'Grüße vom Bodensee'")
    work = db.folder("Practice", subtype=2, external_uuid=WORK_PROFILE, server_id=WORK_PROFILE)
    rota = db.folder("Rota", parent=work)
    db.tab(
        rota, "Rota of the practice", "https://intranet.example/rota",
        viewed_at=_AT - 900 * _MINUTE,
    )  # fmt: skip
    db.tab(
        db.closed, "Tides and winds", "https://tides.example/", viewed_at=_AT - 50 * _MINUTE,
        date_closed=cocoa_seconds(_AT - 40 * _MINUTE),
    )  # fmt: skip
    return db


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the stores of tabs of the demo phone."""
    cloud = CloudTabsDatabase(seed=62)
    mac = cloud.device("Mira\u2019s MacBook", "Mac14,2", at=_AT - 400 * _MINUTE)
    pad = cloud.device("Family iPad", "iPad13,18", at=_AT - 500 * _MINUTE)
    cloud.tab(
        mac, "How to reef a sail before a storm", "https://sailing.example/reef", is_pinned=1,
        last_viewed_time=cocoa_seconds(_AT - 410 * _MINUTE),
    )  # fmt: skip
    cloud.tab(pad, "折り紙の鶴", "https://origami.example/crane")
    return [
        PhoneFile(DOMAIN, f"{FOLDER}/SafariTabs.db", demo_tabs(later=later).to_bytes()),
        PhoneFile(DOMAIN, f"{FOLDER}/CloudTabs.db", cloud.to_bytes()),
    ]
