import datetime as dt
import struct
from pathlib import Path

import pytest

from deploy.demo.bookmarks import (
    BAR,
    MENU,
    READING_LIST,
    BookmarksDatabase,
    demo_bookmarks,
    old_bookmarks,
)
from deploy.demo.minted_database import binary_plist
from services.indexer.kinds.bookmark import old_list
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

STORE = "HomeDomain/Library/Safari/Bookmarks.db"
OLD_STORE = "HomeDomain/Library/Safari/Bookmarks.plist"
AT = dt.datetime(2024, 7, 2, 19, 30, 0, 500_000, tzinfo=dt.UTC)
SECOND = AT.replace(microsecond=0)
URL = "https://ferry.example.org/"


def microseconds(at: dt.datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def run(db: BookmarksDatabase, folder: Path) -> Collected:
    return parse("bookmark", {STORE: db.to_bytes()}, folder)


def titles(found: Collected) -> list[str | None]:
    return [artifact.title for artifact in found.artifacts]


@pytest.mark.parametrize("form", ["13", "26"])
def test_a_bookmark_is_read_with_its_folders(tmp_path: Path, form: str) -> None:
    db = BookmarksDatabase(form=form)  # type: ignore[arg-type]
    lake = db.folder("Lake", parent=db.special[BAR], external_uuid="LAKE")
    food = db.folder("Food", parent=lake, external_uuid="FOOD")
    db.bookmark(
        "Rice balls", "https://recipes.example/%E3%81%8A", parent=food, external_uuid="B",
        added_at=SECOND, modified_at=AT, order_index=4, hidden=1,
    )  # fmt: skip
    found = run(db, tmp_path)
    artifact = found.find("B")
    assert found.payload("B") == {
        "type": "bookmark",
        "url": "https://recipes.example/%E3%81%8A",
        "host": "recipes.example",
        "folders": ["Favorites", "Lake", "Food"],
        "is_favorite": True,
        "is_hidden": True,
        "position": 4,
        "added_at": "2024-07-02T19:30:00Z",
        "modified_at": "2024-07-02T19:30:00.500000Z",
    }
    assert (artifact.title, artifact.thread_key) == ("Rice balls", "FOOD")
    assert artifact.occurred_at_us == microseconds(SECOND)
    assert "https://recipes.example/お" in (artifact.text or "").split("\n")
    threads = {thread.key: thread.title for thread in found.threads}
    assert threads["FOOD"] == "Favorites / Lake / Food"
    # Folders without bookmarks are there, too.
    assert threads["BookmarksMenu ID"] == "Bookmarks Menu"


def test_a_bookmark_without_a_date_of_its_own_has_that_of_its_last_change(tmp_path: Path) -> None:
    db = BookmarksDatabase()
    db.bookmark("A", URL, parent=db.special[MENU], modified_at=AT, external_uuid="B")
    assert run(db, tmp_path).find("B").occurred_at_us == microseconds(AT)


def test_the_last_change_is_in_unix_seconds_however_small(tmp_path: Path) -> None:
    db = BookmarksDatabase()
    early = dt.datetime(1999, 1, 1, tzinfo=dt.UTC)
    db.bookmark("A", URL, parent=db.special[MENU], modified_at=early, external_uuid="B")
    assert run(db, tmp_path).payload("B")["modified_at"] == "1999-01-01T00:00:00Z"


def test_the_reading_list_has_previews_and_dates(tmp_path: Path) -> None:
    db = BookmarksDatabase()
    db.to_read(
        "Reefing", URL, added_at=SECOND, is_read=True, PreviewText="Reef early.",
        siteName="Sailing", imageURL=f"{URL}a.jpg", DateLastViewed=SECOND + dt.timedelta(days=1),
        local={"DateLastFetched": SECOND + dt.timedelta(minutes=2)},
        columns={"external_uuid": "R", "topic_title": "Sails", "feature_text": "storm, reef",
                 "archive_status": 1},
    )  # fmt: skip
    found = run(db, tmp_path)
    payload = found.payload("R")
    assert payload == {
        "type": "reading_list",
        "url": URL,
        "host": "ferry.example.org",
        "folders": ["Reading List"],
        "position": 0,
        "added_at": "2024-07-02T19:30:00Z",
        "modified_at": "2024-07-02T19:30:00Z",
        "is_read": True,
        "viewed_at": "2024-07-03T19:30:00Z",
        "preview": "Reef early.",
        "site_name": "Sailing",
        "image_url": f"{URL}a.jpg",
        "fetched_at": "2024-07-02T19:32:00Z",
        "topic": "Sails",
        "feature_text": "storm, reef",
        "raw": {"archive_status": 1},
    }
    text = found.find("R").text or ""
    assert all(word in text for word in ("Reef early.", "Sailing", "Sails", "storm, reef"))


def test_an_item_that_is_not_read_says_so_and_a_bookmark_says_nothing(tmp_path: Path) -> None:
    db = BookmarksDatabase()
    db.to_read("A", URL, added_at=AT, columns={"external_uuid": "R"})
    db.bookmark("B", URL, parent=db.special[MENU], external_uuid="B")
    # The folder alone tells it, too.
    db.bookmark("C", URL, parent=db.special[READING_LIST], external_uuid="C")
    found = run(db, tmp_path)
    assert found.payload("R")["is_read"] is False
    assert "is_read" not in found.payload("B")
    assert found.payload("C")["type"] == "reading_list"


def test_what_was_deleted_is_there_and_marked(tmp_path: Path) -> None:
    db = BookmarksDatabase()
    gone = db.folder("Gone", parent=db.special[MENU], deleted=1)
    db.bookmark("A", URL, parent=db.special[MENU], external_uuid="A", deleted=1)
    db.bookmark("B", URL, parent=gone, external_uuid="B")
    db.bookmark("C", URL, parent=db.special[MENU], external_uuid="C")
    found = run(db, tmp_path)
    marks = [found.payload(key).get("is_deleted", False) for key in "ABC"]
    assert marks == [True, True, False]


def test_folders_in_circles_and_lost_parents_end_at_the_top(tmp_path: Path) -> None:
    db = BookmarksDatabase()
    one = db.folder("One")
    other = db.folder("Other", parent=one)
    db.execute("update bookmarks set parent = ? where id = ?", (other, one))
    itself = db.folder("Itself")
    db.execute("update bookmarks set parent = id where id = ?", (itself,))
    for key, parent in (("A", one), ("B", other), ("C", itself), ("D", 999), ("E", None)):
        db.bookmark(key, URL, parent=parent, external_uuid=key)  # type: ignore[arg-type]
    found = run(db, tmp_path)
    folders = {key: found.payload(key).get("folders", []) for key in "ABCDE"}
    assert folders["A"] == ["Other", "One"]
    assert folders["C"] == ["Itself"]
    assert folders["D"] == folders["E"] == []
    assert found.find("D").thread_key == "top"


def test_bookmarks_come_in_the_order_of_time(tmp_path: Path) -> None:
    db = BookmarksDatabase()
    for number in (3, 1, 2):
        day = SECOND + dt.timedelta(days=number)
        db.bookmark(str(number), URL, parent=db.special[BAR], added_at=day)
    assert titles(run(db, tmp_path)) == ["1", "2", "3"]


def test_a_bookmark_without_an_identity_is_followed_by_what_it_says(tmp_path: Path) -> None:
    db = BookmarksDatabase()
    db.bookmark("A", URL, parent=db.special[BAR], external_uuid=None)
    (artifact,) = run(db, tmp_path).artifacts
    assert artifact.key.startswith("digest:")


def test_odd_rows_cost_no_more_than_themselves(tmp_path: Path) -> None:
    db = BookmarksDatabase()
    bar = db.special[BAR]
    db.bookmark("no address", None, parent=bar)
    damaged = {"extra_attributes": b"bplist00-invented", "last_modified": "not-a-date"}
    db.bookmark("damaged", URL, parent=bar, external_uuid="A", **damaged)  # type: ignore[arg-type]
    odd = binary_plist({"com.apple.ReadingList": ["no", "dict"], "com.apple.Bookmark": 5})
    db.bookmark(None, "http://[", parent=bar, external_uuid="B", extra_attributes=odd, read="x")
    found = run(db, tmp_path)
    assert (found.tally.read, found.tally.kept, found.tally.skipped) == (3, 2, 1)
    assert found.find("A").occurred_at_us is None
    assert found.find("B").title == "http://["


def test_columns_that_a_version_lacks_say_nothing(tmp_path: Path) -> None:
    db = BookmarksDatabase(form="13")
    db.bookmark("A", URL, parent=db.special[MENU], external_uuid="B", modified_at=AT)
    for column in ("last_modified", "hidden", "deleted", "read", "local_attributes", "special_id"):
        db.execute(f"alter table bookmarks drop column {column}")
    found = run(db, tmp_path)
    assert found.payload("B") == {
        "type": "bookmark",
        "url": URL,
        "host": "ferry.example.org",
        "folders": ["Bookmarks Menu"],
        "position": 0,
    }


def test_the_property_list_of_iphone_os_is_read(tmp_path: Path) -> None:
    leaf = {"WebBookmarkType": "WebBookmarkTypeLeaf", "WebBookmarkUUID": "L", "URLString": URL,
            "URIDictionary": {"title": "Lake Ferry"}}  # fmt: skip
    later = {"URLString": f"{URL}r", "WebBookmarkUUID": "R", "Title": "Later",
             "ReadingList": {"DateAdded": SECOND, "PreviewText": "Reef"}}  # fmt: skip
    content = old_bookmarks(
        [
            {"Title": "History", "WebBookmarkType": "WebBookmarkTypeProxy"},
            {"Title": "BookmarksBar", "WebBookmarkUUID": "BAR",
             "Children": [{"Title": "Lake", "WebBookmarkUUID": "LAKE", "Children": [leaf]}]},
            {"Title": "com.apple.ReadingList", "Children": [later]},
        ]
    )  # fmt: skip
    found = parse("bookmark", {OLD_STORE: content}, tmp_path)
    assert titles(found) == ["Lake Ferry", "Later"]
    assert found.payload("L")["folders"] == ["Favorites", "Lake"]
    assert found.payload("R")["preview"] == "Reef"
    assert found.payload("R")["type"] == "reading_list"


def _list_by_hand(*objects: bytes) -> bytes:
    """Return a binary list of these objects: the standard writer makes none with circles."""
    body, places = b"bplist00", []
    for one in objects:
        places.append(len(body))
        body += one
    numbers = struct.pack(">5xBBBQQQ", 0, 1, 1, len(objects), 0, len(body))
    return body + bytes(places) + numbers


_LEAF = (b"\xd1\x05\x06", b"\x59URLString", b"\x5f\x10\x1a" + URL.encode())


def test_folders_that_hold_themselves_are_read_once(tmp_path: Path) -> None:
    folder = b"\xd1\x01\x02"
    content = _list_by_hand(folder, b"\x58Children", b"\xa4\x03\x03\x03\x04", folder, *_LEAF)
    found = parse("bookmark", {OLD_STORE: content}, tmp_path)
    assert titles(found) == [URL]
    assert "A record claims to have more parts than any has." in found.tally.sentences()


def test_a_list_without_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(old_list, "_MOST_LEAVES", 3)
    leaves = [{"URLString": f"{URL}{number}"} for number in range(9)]
    found = parse("bookmark", {OLD_STORE: old_bookmarks(leaves)}, tmp_path)
    assert titles(found) == [f"{URL}{number}" for number in range(3)]
    assert "A record claims to have more parts than any has." in found.tally.sentences()


@pytest.mark.parametrize(
    "files",
    [
        {STORE: b"SQLite format 3\0"},
        {OLD_STORE: b"bplist00"},
        {OLD_STORE: binary_plist(["x", "y"])},
        {},
    ],
)
def test_what_holds_no_bookmarks_is_refused(tmp_path: Path, files: dict[str, bytes | Path]) -> None:
    with pytest.raises(UnsupportedStoreError):
        parse("bookmark", files, tmp_path)


def test_the_demo_phone_read_renamed_and_lost_something(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = run(demo_bookmarks(later=False), tmp_path / "a")
    after = run(demo_bookmarks(later=True), tmp_path / "b")
    assert set(titles(after)) - set(titles(before)) == {"Lake Ferry, autumn", "Oars: which wood?"}
    assert set(titles(before)) - set(titles(after)) == {"Lake Ferry", "Old mooring prices"}
    reef = next(a.key for a in before.artifacts if a.title and a.title.startswith("How to reef"))
    assert (before.payload(reef)["is_read"], after.payload(reef)["is_read"]) == (False, True)
