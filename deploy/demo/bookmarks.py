"""The bookmarks and the reading list of the demo phone."""

from __future__ import annotations

import datetime as dt
from typing import Any

from deploy.demo.container import PhoneFile
from deploy.demo.minted_database import MintedDatabase, binary_plist
from deploy.demo.safari_schema import Form, bookmarks_schema

DOMAIN = "HomeDomain"
BOOKMARKS = "Library/Safari/Bookmarks.db"
BAR, MENU, READING_LIST = 1, 2, 3
_SPECIAL = {BAR: "BookmarksBar", MENU: "BookmarksMenu", READING_LIST: "com.apple.ReadingList"}
_DAY = dt.timedelta(days=1)
_AT = dt.datetime(2024, 7, 2, 19, 30, tzinfo=dt.UTC)


class BookmarksDatabase(MintedDatabase):
    """Safari's Bookmarks.db with its own folders."""

    def __init__(self, *, form: Form = "26", seed: int = 1) -> None:
        """Make the root and the three folders below it."""
        super().__init__(bookmarks_schema(form), seed=seed)
        self.insert(
            "bookmarks", id=0, type=1, title="Root", order_index=0, external_uuid="Root",
            num_children=3,
        )  # fmt: skip
        self.special = {
            number: self.folder(title, special_id=number, external_uuid=f"{title} ID")
            for number, title in _SPECIAL.items()
        }

    def folder(self, title: str | None, *, parent: int = 0, **columns: Any) -> int:
        """Add a folder; return its number."""
        given = {"external_uuid": self.uuid(), "order_index": 0} | columns
        return self.insert("bookmarks", parent=parent, type=1, title=title, **given)

    def bookmark(
        self,
        title: str | None,
        url: str | None,
        *,
        parent: int,
        added_at: dt.datetime | None = None,
        modified_at: dt.datetime | None = None,
        **columns: Any,
    ) -> int:
        """Keep a page."""
        given: dict[str, Any] = {"external_uuid": self.uuid(), "order_index": 0}
        if added_at is not None:
            given["extra_attributes"] = binary_plist(
                {"com.apple.Bookmark": {"DateAdded": added_at}}
            )
        given["last_modified"] = None if modified_at is None else modified_at.timestamp()
        return self.insert(
            "bookmarks", parent=parent, type=0, title=title, url=url, **(given | columns)
        )

    def to_read(
        self,
        title: str,
        url: str,
        *,
        added_at: dt.datetime,
        is_read: bool = False,
        local: dict[str, Any] | None = None,
        columns: dict[str, Any] | None = None,
        **said: Any,
    ) -> int:
        """Put a page on the reading list; *said* is the rest of what the list knows."""
        extra = {"com.apple.ReadingList": {"DateAdded": added_at, **said}}
        more: dict[str, Any] = {"extra_attributes": binary_plist(extra), "read": int(is_read)}
        if local is not None:
            more["local_attributes"] = binary_plist({"com.apple.ReadingListNonSync": local})
        return self.bookmark(
            title, url, parent=self.special[READING_LIST], modified_at=added_at,
            **more, **(columns or {}),
        )  # fmt: skip


def old_bookmarks(children: list[dict[str, Any]]) -> bytes:
    """Return a Bookmarks.plist, as phones kept it before iOS 4, with these lists and leaves."""
    return binary_plist({"Title": "", "WebBookmarkType": "WebBookmarkTypeList",
                         "Children": children})  # fmt: skip


def demo_bookmarks(*, later: bool, form: Form = "26") -> BookmarksDatabase:
    """Make the family's bookmarks; with *later* what happened to them in four weeks."""
    db = BookmarksDatabase(form=form, seed=51)
    bar, menu = db.special[BAR], db.special[MENU]
    db.bookmark(
        "Lake Ferry", "https://ferry.example.org/", parent=bar, added_at=_AT,
        modified_at=_AT, external_uuid="DEMO-FERRY",
    )  # fmt: skip
    lake = db.folder("Lake weekend", parent=bar, external_uuid="DEMO-LAKE", order_index=1)
    food = db.folder("Food", parent=lake, external_uuid="DEMO-FOOD")
    db.bookmark(
        "おにぎりの作り方", "https://recipes.example/%E3%81%8A%E3%81%AB%E3%81%8E%E3%82%8A",
        parent=food, added_at=_AT + _DAY, modified_at=_AT + 2 * _DAY,
    )  # fmt: skip
    db.bookmark(
        "Tierklinik am See", "https://tierklinik.example/", parent=menu,
        modified_at=_AT - 400 * _DAY,
    )  # fmt: skip
    db.bookmark(
        "Old mooring prices", "https://harbour.example/prices", parent=menu,
        modified_at=_AT - 500 * _DAY, deleted=1,
    )  # fmt: skip
    more = {} if form == "13" else {"topic_title": "Sailing", "feature_text": "reefing, storms"}
    db.to_read(
        "How to reef a sail before a storm", "https://sailing.example/reef",
        added_at=_AT + 3 * _DAY, PreviewText="When the wind freshens, reef early.",
        siteName="Sailing for Families", imageURL="https://sailing.example/reef.jpg",
        local={"DateLastFetched": _AT + 3 * _DAY + dt.timedelta(minutes=2)}, columns=more,
    )  # fmt: skip
    db.to_read(
        "Grüße vom Bodensee", "https://blog.example/bodensee", added_at=_AT + 4 * _DAY,
        is_read=True, DateLastViewed=_AT + 5 * _DAY,
    )  # fmt: skip
    if later:
        db.execute(
            "update bookmarks set read = 1 where title = 'How to reef a sail before a storm'"
        )
        db.execute(
            "update bookmarks set title = 'Lake Ferry, autumn' where external_uuid = 'DEMO-FERRY'"
        )
        db.execute("delete from bookmarks where title = 'Old mooring prices'")
        db.to_read("Oars: which wood?", "https://sailing.example/oars", added_at=_AT + 40 * _DAY)
    return db


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the bookmarks of the demo phone."""
    return [PhoneFile(DOMAIN, BOOKMARKS, demo_bookmarks(later=later).to_bytes())]
