import datetime as dt
from pathlib import Path

import pytest

from deploy.demo.open_tabs import SafariTabsDatabase
from deploy.demo.web_visits import (
    CHROME_DOMAIN,
    CHROME_HISTORY,
    FIREFOX_DOMAIN,
    WORK_PROFILE,
    HistoryDatabase,
    chrome_history,
    demo_files,
    firefox_places,
    old_history,
)
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

HOME = "HomeDomain/Library/Safari"
APP = "AppDomain-com.apple.mobilesafari/Library/Safari"
HISTORY = f"{HOME}/History.db"
AT = dt.datetime(2024, 7, 24, 18, 5, 12, 250_000, tzinfo=dt.UTC)
URL = "https://ferry.example.org/summer"
MINUTE = dt.timedelta(minutes=1)


def microseconds(at: dt.datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def run(db: HistoryDatabase, folder: Path) -> Collected:
    return parse("web_visit", {HISTORY: db.to_bytes()}, folder)


def payloads(found: Collected) -> list[dict[str, object]]:
    return [found.payload(artifact.key) for artifact in found.artifacts]


def titles(found: Collected) -> list[str | None]:
    return [artifact.title for artifact in found.artifacts]


def test_a_visit_is_read_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    db = HistoryDatabase()
    db.visit(URL, "Timetable", at=AT, http_non_get=1, synthesized=1, load_successful=0, origin=1)
    db.tag(URL, "Ferries")
    (artifact,) = (found := run(db, tmp_path)).artifacts
    assert (artifact.title, artifact.occurred_at_us) == ("Timetable", microseconds(AT))
    assert artifact.has_link
    assert found.payload(artifact.key) == {
        "type": "visit",
        "app": "safari",
        "url": URL,
        "host": "ferry.example.org",
        "origin": "icloud",
        "has_failed": True,
        "is_form": True,
        "is_synthesized": True,
        "topics": ["Ferries"],
    }
    assert [(thread.key, thread.title) for thread in found.threads] == [("safari", "Safari")]
    assert artifact.thread_key == "safari"


@pytest.mark.parametrize("form", ["13", "26"])
def test_both_ends_of_a_redirect_know_each_other(tmp_path: Path, form: str) -> None:
    db = HistoryDatabase(form=form)  # type: ignore[arg-type]
    before = db.visit("http://ferry.example.org/", None, at=AT)
    after = db.visit(URL, "Timetable", at=AT + MINUTE)
    db.redirect(before, after)
    first, second = payloads(run(db, tmp_path))
    assert first["redirected_to"] == URL
    assert second["redirected_from"] == "http://ferry.example.org/"
    assert "redirected_from" not in first
    assert "redirected_to" not in second


def test_a_page_without_a_title_is_called_by_its_address(tmp_path: Path) -> None:
    db = HistoryDatabase()
    db.visit(URL, "", at=AT)
    assert titles(run(db, tmp_path)) == [URL]


def test_visits_come_in_the_order_of_time_whichever_epoch_they_count_from(tmp_path: Path) -> None:
    db = HistoryDatabase()
    db.visit(URL, "third", at=(AT + 2 * MINUTE).timestamp())
    db.visit(URL, "second", at=AT + MINUTE)
    db.visit(URL, "fourth", at=AT + 3 * MINUTE)
    db.visit(URL, "first", at=AT.timestamp())
    found = run(db, tmp_path)
    assert titles(found) == ["first", "second", "third", "fourth"]
    at = [artifact.occurred_at_us for artifact in found.artifacts]
    assert at == [microseconds(AT + number * MINUTE) for number in range(4)]


def test_a_visit_without_a_date_is_there_and_counted(tmp_path: Path) -> None:
    db = HistoryDatabase()
    db.visit(URL, "when?", at="not-a-time")
    db.visit(URL, "then", at=AT)
    found = run(db, tmp_path)
    assert titles(found) == ["when?", "then"]
    assert found.artifacts[0].occurred_at_us is None
    assert found.tally.notes == {"A visit has no date that can be read.": 1}


def test_what_was_cleared_is_told_without_a_word_of_the_pages(tmp_path: Path) -> None:
    db = HistoryDatabase()
    db.clear(AT - MINUTE, AT)
    db.clear(None, AT + MINUTE)
    db.clear(AT, AT + 2 * MINUTE, url="https://presents.example/jonas")
    found = run(db, tmp_path)
    assert titles(found) == ["History cleared", "History cleared", "Page cleared from the history"]
    span, ever, page = payloads(found)
    assert (span["type"], span["cleared_from"]) == ("cleared", "2024-07-24T18:04:12.250000Z")
    assert span["cleared_to"] == "2024-07-24T18:05:12.250000Z"
    assert "cleared_from" not in ever
    assert page["url"] == "https://presents.example/jonas"
    assert found.artifacts[2].occurred_at_us == microseconds(AT + 2 * MINUTE)


def test_what_was_asked_of_a_search_engine_can_be_found(tmp_path: Path) -> None:
    db = HistoryDatabase()
    db.visit("https://www.google.com/search?q=F%C3%A4hre+Sommer&hl=de", "Google", at=AT)
    db.visit("https://shop.example/?q=rope", "Shop", at=AT + MINUTE)
    db.visit("https://www.google.com/maps", "Maps", at=AT + 2 * MINUTE)
    asked, shop, maps = payloads(found := run(db, tmp_path))
    assert asked["searched_for"] == "Fähre Sommer"
    assert "searched_for" not in shop
    assert "searched_for" not in maps
    assert "Fähre Sommer" in (found.artifacts[0].text or "")


def test_addresses_can_be_found_by_their_letters(tmp_path: Path) -> None:
    db = HistoryDatabase()
    db.visit("https://ja.wikipedia.org/wiki/%E3%81%8A%E3%81%AB", "x", at=AT)
    db.visit("https://xn--wandern-in-zrich-uzb.example/", "y", at=AT + MINUTE)
    db.visit("https://bad%zz.example/%ff", "z", at=AT + 2 * MINUTE)
    wiki, umlaut, bad = [artifact.text or "" for artifact in run(db, tmp_path).artifacts]
    assert "https://ja.wikipedia.org/wiki/おに" in wiki.split("\n")
    assert "wandern-in-zürich.example" in umlaut.split("\n")
    assert "https://bad%zz.example/%ff" in bad.split("\n")


def test_a_picture_for_an_address_is_cut_and_not_searched(tmp_path: Path) -> None:
    db = HistoryDatabase()
    db.visit(f"data:image/png;base64,{'A' * 100_000}", "a picture", at=AT)
    (artifact,) = (found := run(db, tmp_path)).artifacts
    payload = found.payload(artifact.key)
    assert (len(payload["url"]), payload["is_url_cut"]) == (16_384, True)
    assert artifact.text is None


def test_profiles_have_threads_of_their_own_with_the_names_people_gave_them(
    tmp_path: Path,
) -> None:
    tabs = SafariTabsDatabase()
    tabs.folder("Practice", subtype=2, external_uuid="OTHER", server_id=WORK_PROFILE)
    work, unnamed, own = HistoryDatabase(), HistoryDatabase(), HistoryDatabase()
    work.visit(URL, "at work", at=AT)
    unnamed.visit(URL, "somewhere", at=AT)
    own.visit(URL, "at home", at=AT)
    files: dict[str, bytes | Path] = {
        f"{APP}/Profiles/{WORK_PROFILE}/History.db": work.to_bytes(),
        f"{APP}/Profiles/GONE/History.db": unnamed.to_bytes(),
        f"{APP}/History.db": own.to_bytes(),
        f"{HOME}/SafariTabs.db": tabs.to_bytes(),
    }
    found = parse("web_visit", files, tmp_path)
    assert {(thread.key, thread.title) for thread in found.threads} == {
        ("safari", "Safari"),
        (f"safari:{WORK_PROFILE}", "Safari: Practice"),
        ("safari:GONE", "Safari: GONE"),
    }
    # The same page at the same moment in two profiles is two visits.
    assert sorted(titles(found), key=str) == ["at home", "at work", "somewhere"]
    at_work = next(a for a in found.artifacts if a.title == "at work")
    assert found.payload(at_work.key)["profile"] == "Practice"


def test_a_history_that_lies_in_both_places_is_read_once(tmp_path: Path) -> None:
    db = HistoryDatabase()
    db.visit(URL, "once", at=AT)
    content = db.to_bytes()
    found = parse("web_visit", {HISTORY: content, f"{APP}/History.db": content}, tmp_path)
    assert titles(found) == ["once"]
    assert found.tally.notes == {"Several records claim the same identity.": 1}


def test_visits_have_the_same_identity_in_the_next_backup(tmp_path: Path) -> None:
    def history(*, later: bool) -> HistoryDatabase:
        db = HistoryDatabase()
        if later:
            db.visit("https://new.example/", "new", at=AT - MINUTE)
        db.visit(URL, "old", at=AT)
        return db

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (before,) = run(history(later=False), tmp_path / "a").artifacts
    _, after = run(history(later=True), tmp_path / "b").artifacts
    assert before == after


def test_chrome_counts_microseconds_since_1601(tmp_path: Path) -> None:
    content = chrome_history([(URL, "Timetable", AT)])
    found = parse("web_visit", {f"{CHROME_DOMAIN}/{CHROME_HISTORY}": content}, tmp_path)
    (artifact,) = found.artifacts
    assert artifact.occurred_at_us == microseconds(AT)
    assert found.payload(artifact.key)["app"] == "chrome"
    assert found.payload(artifact.key)["raw"] == {"transition": 0x30000001}
    assert [thread.title for thread in found.threads] == ["Chrome"]


@pytest.mark.parametrize(("name", "old"), [("places.db", False), ("browser.db", True)])
def test_both_stores_of_firefox_are_read(tmp_path: Path, name: str, *, old: bool) -> None:
    content = firefox_places([(URL, "Timetable", AT, True), (URL + "/2", "x", AT, False)], old=old)
    found = parse("web_visit", {f"{FIREFOX_DOMAIN}/profile.profile/{name}": content}, tmp_path)
    here, there = payloads(found)
    assert (here["origin"], there["origin"]) == ("this_device", "icloud")
    exact = 1 if old else 1000
    assert abs((found.artifacts[0].occurred_at_us or 0) - microseconds(AT)) < exact


def test_firefox_is_read_from_the_store_that_holds_its_history(tmp_path: Path) -> None:
    def run(name: str, places: list[str], older: list[str]) -> list[str | None]:
        (tmp_path / name).mkdir()
        files: dict[str, bytes | Path] = {
            f"{FIREFOX_DOMAIN}/profile.profile/{store}": firefox_places(
                [(f"{URL}/{title}", title, AT, True) for title in kept], old=store == "browser.db"
            )
            for store, kept in (("places.db", places), ("browser.db", older))
        }
        found = parse("web_visit", files, tmp_path / name)
        assert found.tally.notes == {}
        return titles(found)

    # At first the newer store had the bookmarks only, then it took the history over.
    assert run("a", [], ["x", "y"]) == ["x", "y"]
    assert run("b", ["x", "y", "z"], ["x", "y"]) == ["x", "y", "z"]
    assert run("c", [], []) == []


def test_the_history_of_ios_7_is_read_by_its_last_visits(tmp_path: Path) -> None:
    content = old_history(
        [("https://b.example/", "B", AT, 3), ("https://a.example/", "A", AT - MINUTE, 1)]
    )
    found = parse("web_visit", {f"{HOME}/History.plist": content}, tmp_path)
    assert titles(found) == ["A", "B"]
    assert payloads(found)[1]["visit_count"] == 3


def test_a_visit_of_a_page_that_is_gone_is_left_out_and_counted(tmp_path: Path) -> None:
    db = HistoryDatabase()
    db.visit(URL, "gone", at=AT)
    db.execute("delete from history_items")
    db.visit(URL, "there", at=AT + MINUTE)
    found = run(db, tmp_path)
    assert titles(found) == ["there"]
    note = "A visit to a page that the history does not name was left out."
    assert (found.tally.skipped, found.tally.notes) == (1, {note: 1})


def test_columns_that_a_version_lacks_say_nothing(tmp_path: Path) -> None:
    db = HistoryDatabase(form="13")
    db.visit(URL, "Timetable", at=AT)
    db.execute("drop index history_visits__last_visit")
    for column in ("load_successful", "http_non_get", "synthesized", "origin", "title"):
        db.execute(f"alter table history_visits drop column {column}")
    db.execute("drop table history_tombstones")
    (payload,) = payloads(run(db, tmp_path))
    assert payload == {"type": "visit", "app": "safari", "url": URL, "host": "ferry.example.org"}


def test_hostile_values_cost_their_record_at_most(tmp_path: Path) -> None:
    db = HistoryDatabase()
    for number, value in enumerate((1e300, float("inf"), -1.0, 0.0, b"\xff", 2**62)):
        db.visit(f"http://[{number}/\0x", b"\xff\xfe\0", at=value)  # type: ignore[arg-type]
    db.visit(URL, "good", at=AT)
    db.execute("update history_visits set redirect_source = id, redirect_destination = id")
    db.execute("update history_visits set origin = 9 where title = 'good'")
    found = run(db, tmp_path)
    good = next(a for a in found.artifacts if a.title == "good")
    payload = found.payload(good.key)
    assert payload["raw"] == {"origin": 9}
    assert payload["redirected_from"] == URL
    assert found.tally.read == len(found.artifacts) == 7


def test_one_damaged_history_does_not_cost_the_others(tmp_path: Path) -> None:
    db = HistoryDatabase()
    db.visit(URL, "there", at=AT)
    files: dict[str, bytes | Path] = {HISTORY: db.to_bytes(), f"{APP}/History.db": b"no database"}
    found = parse("web_visit", files, tmp_path)
    assert titles(found) == ["there"]
    assert found.tally.notes == {"One of several stores could not be read.": 1}


@pytest.mark.parametrize(
    "files",
    [
        {HISTORY: b"SQLite format 3\0"},
        {HISTORY: SafariTabsDatabase().to_bytes()},
        {f"{HOME}/History.plist": b"bplist00 nonsense"},
        {f"{CHROME_DOMAIN}/{CHROME_HISTORY}": HistoryDatabase().to_bytes()},
        {},
    ],
)
def test_what_is_no_history_is_refused(tmp_path: Path, files: dict[str, bytes | Path]) -> None:
    with pytest.raises(UnsupportedStoreError):
        parse("web_visit", files, tmp_path)


def demo(folder: Path, *, later: bool) -> Collected:
    folder.mkdir()
    files: dict[str, bytes | Path] = {
        f"{file.domain}/{file.relative_path}": file.content for file in demo_files(later=later)
    }
    return parse("web_visit", files, folder)


def test_the_demo_phone_went_on_reading_and_cleared_a_day(tmp_path: Path) -> None:
    before = titles(demo(tmp_path / "a", later=False))
    after = titles(demo(tmp_path / "b", later=True))
    assert set(after) - set(before) == {"Autumn timetable, Lake Ferry", "Oars, a pair"}
    assert set(before) - set(after) == {"Storm warning"}
    assert after.count("History cleared") == before.count("History cleared") + 1
