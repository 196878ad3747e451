import datetime as dt
from pathlib import Path

import pytest

from deploy.demo.minted_database import cocoa_seconds
from deploy.demo.open_tabs import (
    BrowserStateDatabase,
    CloudTabsDatabase,
    SafariTabsDatabase,
    demo_files,
    session,
    suspend_state,
)
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

FOLDER = "HomeDomain/Library/Safari"
TABS, STATE = f"{FOLDER}/SafariTabs.db", f"{FOLDER}/BrowserState.db"
CLOUD, SUSPENDED = f"{FOLDER}/CloudTabs.db", f"{FOLDER}/SuspendState.plist"
AT = dt.datetime(2024, 8, 3, 20, 15, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
URL = "https://ferry.example.org/"
WINDOW = "7A0C5E1B-2D44-4E0B-8A39-0F6B1C9D7E21"


def microseconds(at: dt.datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def run(db: SafariTabsDatabase, folder: Path) -> Collected:
    return parse("open_tab", {TABS: db.to_bytes()}, folder)


def titles(found: Collected) -> list[str | None]:
    return [artifact.title for artifact in found.artifacts]


def threads(found: Collected) -> dict[str, str | None]:
    return {thread.key: thread.title for thread in found.threads}


def test_a_tab_is_read_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    db = SafariTabsDatabase()
    pages = session([(URL, "Lake Ferry"), (f"{URL}summer", "Timetable"), ("", "x")], 1)
    db.tab(
        db.local, "Timetable", f"{URL}summer", viewed_at=AT, is_active=True, external_uuid="T",
        order_index=3, topic_title="Ferries", extra={"LocalURL": f"{URL}summer?from=pier"},
        local={"OpenedFromLink": True, "ShowingReader": True, "IsMuted": True,
               "SessionState": pages, "LastVisitTime": AT + MINUTE},
    )  # fmt: skip
    found = run(db, tmp_path)
    artifact = found.find("tab:T")
    assert found.payload("tab:T") == {
        "type": "open",
        "url": f"{URL}summer",
        "host": "ferry.example.org",
        "shown_url": f"{URL}summer?from=pier",
        "window": WINDOW,
        "position": 3,
        "is_active": True,
        "was_opened_from_link": True,
        "is_showing_reader": True,
        "is_muted": True,
        "opened_at": "2024-08-03T20:06:00Z",
        "viewed_at": "2024-08-03T20:16:00Z",
        "topic": "Ferries",
        "pages": [
            {"url": URL, "title": "Lake Ferry"},
            {"url": f"{URL}summer", "title": "Timetable", "is_current": True},
        ],
    }
    assert artifact.occurred_at_us == microseconds(AT + MINUTE)
    assert (artifact.title, artifact.thread_key) == ("Timetable", "tabs")
    assert "Lake Ferry" in (artifact.text or "")


def test_groups_have_their_names_and_windows_have_none(tmp_path: Path) -> None:
    db = SafariTabsDatabase()
    lake = db.folder("Lake weekend", external_uuid="LAKE")
    db.tab(lake, "A", URL, viewed_at=AT, external_uuid="A")
    db.tab(db.local, "B", URL, viewed_at=AT, external_uuid="B")
    db.tab(999, "C", URL, viewed_at=AT, external_uuid="C")
    found = run(db, tmp_path)
    assert found.payload("tab:A")["group"] == "Lake weekend"
    assert "group" not in found.payload("tab:B")
    assert "group" not in found.payload("tab:C")
    assert threads(found) == {"group:LAKE": "Lake weekend", "tabs": "Tabs"}


def test_private_tabs_are_marked_wherever_they_are(tmp_path: Path) -> None:
    db = SafariTabsDatabase()
    db.tab(db.private, "A", URL, viewed_at=AT, external_uuid="A")
    db.tab(db.private_pinned, "B", URL, viewed_at=AT, external_uuid="B")
    left = db.folder("Private", parent=None, hidden=1)  # of a window that is closed
    db.tab(left, "C", URL, viewed_at=AT, external_uuid="C")
    named = db.folder("Private")  # of that name by chance
    db.tab(named, "D", URL, viewed_at=AT, external_uuid="D")
    found = run(db, tmp_path)
    marks = [found.payload(f"tab:{key}").get("is_private", False) for key in "ABCD"]
    assert marks == [True, True, True, False]
    assert found.payload("tab:B")["is_pinned"] is True
    assert {found.find(f"tab:{key}").thread_key for key in "ABC"} == {"private"}
    assert threads(found)["private"] == "Private tabs"


def test_pinned_and_closed_tabs_say_so(tmp_path: Path) -> None:
    db = SafariTabsDatabase()
    db.tab(db.pinned, "A", URL, viewed_at=AT, external_uuid="A")
    db.tab(db.closed, "B", URL, external_uuid="B", date_closed=cocoa_seconds(AT))
    db.tab(db.closed, "C", URL, external_uuid="C", local={"DateClosed": AT})
    db.tab(db.local, "D", URL, external_uuid="D", local={"DateClosed": AT}, viewed_at=AT)
    db.tab(db.local, "E", URL, external_uuid="E", deleted=1, viewed_at=AT)
    found = run(db, tmp_path)
    assert found.payload("tab:A")["is_pinned"] is True
    for key in "BC":
        assert found.payload(f"tab:{key}")["type"] == "recently_closed"
        assert found.payload(f"tab:{key}")["closed_at"] == "2024-08-03T20:15:00Z"
    # A date of closing is left on tabs that are open again.
    assert found.payload("tab:D")["type"] == "open"
    assert found.payload("tab:E")["is_deleted"] is True


def test_tabs_know_their_profile(tmp_path: Path) -> None:
    db = SafariTabsDatabase()
    work = db.folder("Practice", subtype=2, external_uuid="WORK")
    rota = db.folder("Rota", parent=work)
    window = db.folder("Local", parent=None, hidden=1)
    db.insert("windows", uuid="W2", active_profile_id=work, local_tab_group_id=window)
    for key, group in (("A", rota), ("B", window), ("C", db.local)):
        db.tab(group, key, URL, viewed_at=AT, external_uuid=key)
    found = run(db, tmp_path)
    assert found.payload("tab:A")["profile"] == "Practice"
    assert found.payload("tab:B")["profile"] == "Practice"
    assert "profile" not in found.payload("tab:C")


def test_tabs_come_in_the_order_in_which_they_were_seen(tmp_path: Path) -> None:
    db = SafariTabsDatabase()
    for number in (3, 1, 2):
        db.tab(db.local, str(number), URL, viewed_at=AT + number * MINUTE)
    db.tab(db.local, "never", URL)
    assert titles(run(db, tmp_path)) == ["never", "1", "2", "3"]


def test_favourites_of_a_group_are_no_tabs(tmp_path: Path) -> None:
    db = SafariTabsDatabase()
    favorites = db.folder("Favourites", subtype=1)
    db.tab(favorites, "A", URL)
    found = run(db, tmp_path)
    assert found.artifacts == []
    note = "Favourites of tab groups are no tabs and were left out."
    assert (found.tally.skipped, found.tally.notes) == (1, {note: 1})


def test_the_tabs_of_ios_14_are_read(tmp_path: Path) -> None:
    db = BrowserStateDatabase()
    key = db.tab(
        "Timetable", f"{URL}summer", viewed_at=AT, opened_from_link=1, showing_reader=1,
        user_visible_url=URL, pages=session([(URL, "Lake Ferry"), (f"{URL}summer", "Timetable")]),
    )  # fmt: skip
    unix = db.tab("Later", URL, viewed_at=(AT + MINUTE).timestamp(), order_index=1)
    private = db.tab("Presents", URL, viewed_at=AT + 2 * MINUTE, private_browsing=1)
    found = parse("open_tab", {STATE: db.to_bytes()}, tmp_path)
    payload = found.payload(f"tab:{key}")
    assert payload["shown_url"] == URL
    assert (payload["is_active"], payload["was_opened_from_link"]) == (True, True)
    assert [page["title"] for page in payload["pages"]] == ["Lake Ferry", "Timetable"]
    assert payload["viewed_at"] == "2024-08-03T20:15:00Z"
    assert found.find(f"tab:{unix}").occurred_at_us == microseconds(AT + MINUTE)
    assert found.payload(f"tab:{private}")["is_private"] is True
    assert found.find(f"tab:{private}").thread_key == "private"


def test_what_only_an_older_store_holds_was_left_behind(tmp_path: Path) -> None:
    old, new = BrowserStateDatabase(), SafariTabsDatabase()
    old.tab("as it was", URL, viewed_at=AT, uuid="A")
    old.tab("forgotten", URL, viewed_at=AT, uuid="B")
    new.tab(new.local, "as it is", URL, viewed_at=AT, external_uuid="A")
    found = parse("open_tab", {STATE: old.to_bytes(), TABS: new.to_bytes()}, tmp_path)
    assert sorted(titles(found), key=str) == ["as it is", "forgotten"]
    assert found.payload("tab:B")["is_left_behind"] is True
    assert "is_left_behind" not in found.payload("tab:A")
    assert found.tally.notes == {}


def test_the_list_of_ios_9_is_read(tmp_path: Path) -> None:
    tab = {
        "SafariStateDocumentUUID": "A",
        "SafariStateDocumentTitle": "Timetable",
        "SafariStateDocumentURL": f"{URL}summer",
        "SafariStateDocumentLastViewedTime": cocoa_seconds(AT),
        "SafariStateDocumentWasOpenedFromLink": True,
        "SafariStateDocumentSessionState": session([(URL, "Lake Ferry"), (f"{URL}summer", "x")]),
    }
    private = {"SafariStateDocumentURL": f"{URL}2", "SafariStateDocumentUUID": "B"}
    content = suspend_state([tab, "odd"], private=[private])  # type: ignore[list-item]
    found = parse("open_tab", {SUSPENDED: content}, tmp_path)
    assert titles(found) == [f"{URL}2", "Timetable"]
    payload = found.payload("tab:A")
    assert (payload["viewed_at"], payload["was_opened_from_link"]) == ("2024-08-03T20:15:00Z", True)
    assert payload["pages"][0]["title"] == "Lake Ferry"
    assert "is_private" not in payload
    assert found.payload("tab:B")["is_private"] is True
    assert found.find("tab:B").thread_key == "private"
    assert found.tally.skipped == 1


def test_tabs_of_other_devices_are_in_the_threads_of_these(tmp_path: Path) -> None:
    db = CloudTabsDatabase()
    mac = db.device("Mira\u2019s MacBook", "Mac14,2", at=AT)
    db.tab(mac, "A", URL, tab_uuid="A", is_pinned=1, is_showing_reader=1, topic_title="Ferries",
           last_viewed_time=cocoa_seconds(AT - MINUTE))  # fmt: skip
    db.tab(mac, "B", URL, tab_uuid="B")
    db.tab("UNKNOWN", "C", URL, tab_uuid="C")
    found = parse("open_tab", {CLOUD: db.to_bytes()}, tmp_path)
    assert titles(found) == ["C", "A", "B"]
    assert found.payload(f"cloud:{mac}:A") == {
        "type": "other_device",
        "url": URL,
        "host": "ferry.example.org",
        "device": "Mira\u2019s MacBook",
        "device_type": "Mac14,2",
        "is_pinned": True,
        "is_showing_reader": True,
        "viewed_at": "2024-08-03T20:14:00Z",
        "topic": "Ferries",
    }
    # Its own time is not known; the device's is.
    assert found.find(f"cloud:{mac}:B").occurred_at_us == microseconds(AT)
    assert "viewed_at" not in found.payload(f"cloud:{mac}:B")
    assert threads(found) == {
        f"device:{mac}": "Mira\u2019s MacBook",
        "device:UNKNOWN": "Another device",
    }


def test_odd_rows_cost_no_more_than_themselves(tmp_path: Path) -> None:
    db = SafariTabsDatabase()
    one = db.folder("One")
    other = db.folder("Other", parent=one, subtype=2)
    db.execute("update bookmarks set parent = ? where id = ?", (other, one))
    db.tab(one, "in a circle", URL, external_uuid="A", viewed_at=AT)
    db.tab(db.local, "empty", None, external_uuid="B")
    db.tab(db.local, b"\xff", URL, external_uuid="C", local={"SessionState": b"\0\0\0\2bplist00"})  # type: ignore[arg-type]
    db.execute("update bookmarks set extra_attributes = 'text' where external_uuid = 'C'")
    found = run(db, tmp_path)
    assert (found.tally.read, found.tally.kept, found.tally.skipped) == (3, 2, 1)
    assert found.payload("tab:A")["profile"] == "Other"
    assert "pages" not in found.payload("tab:C")


def test_a_session_of_thousands_of_pages_is_cut_to_the_last_hundred(tmp_path: Path) -> None:
    db = SafariTabsDatabase()
    pages = session([(f"{URL}{number}", "x") for number in range(3000)], 2999)
    db.tab(db.local, "long", URL, external_uuid="A", local={"SessionState": pages})
    told = run(db, tmp_path).payload("tab:A")["pages"]
    assert len(told) == 100
    assert told[-1] == {"url": f"{URL}2999", "title": "x", "is_current": True}


def test_columns_that_a_version_lacks_say_nothing(tmp_path: Path) -> None:
    db = SafariTabsDatabase()
    db.tab(db.local, "A", URL, external_uuid="A", viewed_at=AT)
    for column in ("topic_title", "date_closed", "subtype", "hidden", "deleted"):
        db.execute(f"alter table bookmarks drop column {column}")
    for table in ("windows", "windows_tab_groups"):
        db.execute(f"drop table {table}")
    found = run(db, tmp_path)
    assert found.payload("tab:A")["viewed_at"] == "2024-08-03T20:15:00Z"


@pytest.mark.parametrize(
    "files",
    [
        {TABS: b"SQLite format 3\0"},
        {STATE: CloudTabsDatabase().to_bytes()},
        {CLOUD: BrowserStateDatabase().to_bytes()},
        {SUSPENDED: b"bplist00"},
        {},
    ],
)
def test_what_holds_no_tabs_is_refused(tmp_path: Path, files: dict[str, bytes | Path]) -> None:
    with pytest.raises(UnsupportedStoreError):
        parse("open_tab", files, tmp_path)


def test_one_damaged_store_does_not_cost_the_others(tmp_path: Path) -> None:
    db = BrowserStateDatabase()
    db.tab("there", URL, viewed_at=AT)
    found = parse("open_tab", {STATE: db.to_bytes(), TABS: b"no database"}, tmp_path)
    assert titles(found) == ["there"]
    assert found.tally.notes == {"One of several stores could not be read.": 1}
    assert "is_left_behind" not in found.payload(found.artifacts[0].key)


def test_the_demo_phone_closed_a_tab_and_went_on_in_another(tmp_path: Path) -> None:
    def demo(*, later: bool) -> Collected:
        folder = tmp_path / str(later)
        folder.mkdir()
        files: dict[str, bytes | Path] = {
            f"{file.domain}/{file.relative_path}": file.content for file in demo_files(later=later)
        }
        return parse("open_tab", files, folder)

    before, after = demo(later=False), demo(later=True)
    gone = {a.key for a in before.artifacts} - {a.key for a in after.artifacts}
    assert [before.find(key).title for key in gone] == ["Grüße vom Bodensee"]
    assert after.find("tab:DEMO-TAB-FERRY").title == "Autumn timetable, Lake Ferry"
