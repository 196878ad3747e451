"""What was looked up on the demo phone: Safari's History.db, a profile's, Chrome's, Firefox's."""

from __future__ import annotations

import datetime as dt
from typing import Any

from deploy.demo.container import PhoneFile
from deploy.demo.minted_database import MintedDatabase, binary_plist, cocoa_seconds
from deploy.demo.safari_schema import CHROME, FIREFOX, OLD_FIREFOX, Form, history_schema

DOMAIN = "AppDomain-com.apple.mobilesafari"
HISTORY = "Library/Safari/History.db"
#: Named in SafariTabs.db.
WORK_PROFILE = "5B1E0F9A-6C2D-4B7E-9A51-7D0E4C3F2A10"
CHROME_DOMAIN = "AppDomain-com.google.chrome.ios"
CHROME_HISTORY = "Library/Application Support/Google/Chrome/Default/History"
FIREFOX_DOMAIN = "AppDomainGroup-group.org.mozilla.ios.Firefox"
_1601 = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_MINUTE, _DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
_AT = dt.datetime(2024, 7, 24, 18, 5, 12, 250_000, tzinfo=dt.UTC)


class HistoryDatabase(MintedDatabase):
    """Safari's History.db."""

    def __init__(self, *, form: Form = "26", seed: int = 1) -> None:
        """Make empty tables."""
        super().__init__(history_schema(form), seed=seed)

    def item(self, url: str) -> int:
        """Return the number of a page, which is added at its first visit."""
        known = self.number("select id from history_items where url = ?", (url,))
        if known is not None:
            self.execute(
                "update history_items set visit_count = visit_count + 1 where id = ?", (known,)
            )
            return known
        host = url.split("/")[2].removeprefix("www.") if "//" in url else ""
        return self.insert(
            "history_items", url=url, domain_expansion=host.rpartition(".")[0] or None,
            visit_count=1, daily_visit_counts=b"\1\0\0\0",
            should_recompute_derived_visit_counts=0, visit_count_score=100,
        )  # fmt: skip

    def visit(
        self, url: str, title: str | None, *, at: dt.datetime | float | str, **columns: Any
    ) -> int:
        """Add a visit; a number or text for *at* is taken as it is."""
        when = cocoa_seconds(at) if isinstance(at, dt.datetime) else at
        return self.insert(
            "history_visits",
            history_item=self.item(url), visit_time=when, title=title, score=100, **columns,
        )  # fmt: skip

    def redirect(self, before: int, after: int) -> None:
        """Let one visit lead to another."""
        for name, value, visit in (
            ("redirect_destination", after, before),
            ("redirect_source", before, after),
        ):
            self.execute(
                f"update history_visits set {name} = ? where id = ?",  # noqa: S608 -- own names
                (value, visit),
            )

    def clear(self, start: dt.datetime | None, end: dt.datetime, *, url: str | None = None) -> None:
        """Remember that visits were cleared; no *start*: since ever."""
        since = -63_114_076_800.0 if start is None else cocoa_seconds(start)
        self.insert("history_tombstones", start_time=since, end_time=cocoa_seconds(end), url=url)

    def tag(self, url: str, title: str) -> None:
        """File a page under a topic."""
        number = self.number("select id from history_tags where title = ?", (title,))
        if number is None:
            number = self.insert(
                "history_tags", type=0, level=0, identifier=f"Q{len(title)}", title=title,
                modification_timestamp=0.0,
            )  # fmt: skip
        page = self.number("select id from history_items where url = ?", (url,))
        self.insert("history_items_to_tags", history_item=page, tag_id=number, timestamp=0.0)


def chrome_history(visits: list[tuple[str, str, dt.datetime]]) -> bytes:
    """Return Chrome's History of pages, titles and moments."""
    db = MintedDatabase(CHROME)
    for url, title, at in visits:
        when = (at - _1601) // dt.timedelta(microseconds=1)
        page = db.insert("urls", url=url, title=title, last_visit_time=when, visit_count=1)
        db.insert("visits", url=page, visit_time=when, transition=0x30000001)
    return db.to_bytes()


def firefox_places(visits: list[tuple[str, str, dt.datetime, bool]], *, old: bool = False) -> bytes:
    """Return Firefox's store of pages, titles, moments and whether it was on this phone."""
    db = MintedDatabase(OLD_FIREFOX if old else FIREFOX)
    for url, title, at, is_local in visits:
        guid = db.uuid()[:12]
        if old:
            site = db.insert("history", guid=guid, url=url, title=title)
            when = at.timestamp() * 1e6
            db.insert("visits", siteID=site, date=when, type=1, is_local=int(is_local))
        else:
            place = db.insert("moz_places", guid=guid, url=url, title=title)
            db.insert(
                "moz_historyvisits", place_id=place, visit_date=int(at.timestamp() * 1000),
                is_local=int(is_local), visit_type=1,
            )  # fmt: skip
    return db.to_bytes()


def old_history(pages: list[tuple[str, str, dt.datetime, int]]) -> bytes:
    """Return the History.plist of iOS 7: pages, titles, last visits and how many there were."""
    return binary_plist(
        {
            "WebHistoryFileVersion": 1,
            "WebHistoryDates": [
                {"": url, "title": title, "lastVisitedDate": f"{cocoa_seconds(at):.1f}",
                 "visitCount": count, "D": [count]}
                for url, title, at, count in pages
            ],
        }
    )  # fmt: skip


def demo_history(*, later: bool, form: Form = "26") -> HistoryDatabase:
    """Make the family's visits; with *later* also those of the next four weeks."""
    db = HistoryDatabase(form=form, seed=41)
    at = _AT
    ferry = "https://ferry.example.org/summer?from=pier"
    asked = "https://www.google.com/search?q=F%C3%A4hre+Z%C3%BCrichsee+Sommer&hl=de"
    db.visit(asked, "Fähre Zürichsee Sommer - Google Search", at=at)
    before = db.visit("http://ferry.example.org/", None, at=at + _MINUTE)
    after = db.visit(ferry, "Summer timetable, Lake Ferry", at=at + _MINUTE + _MINUTE / 60)
    db.redirect(before, after)
    db.visit(ferry, "Summer timetable, Lake Ferry", at=at + _DAY)
    db.visit(
        "https://tierklinik.example/termine", "Termine | Tierklinik am See", at=at + 2 * _DAY,
        http_non_get=1,
    )  # fmt: skip
    db.visit(
        "https://ja.wikipedia.org/wiki/%E3%81%8A%E3%81%AB%E3%81%8E%E3%82%8A", "おにぎり",
        at=at + 3 * _DAY, origin=1,
    )  # fmt: skip
    db.visit(
        "https://xn--wandern-in-zrich-uzb.example/", "Wanderschuhe Größe 38", at=at + 4 * _DAY,
        load_successful=0,
    )  # fmt: skip
    db.visit("https://weather.example/lake", "Storm warning", at=at + 5 * _DAY, synthesized=1)
    db.clear(at - 30 * _DAY, at - 29 * _DAY)
    if form == "26":
        db.tag(ferry, "Ferries")
        db.clear(None, at - 300 * _DAY)
        db.clear(at + _DAY, at + _DAY, url="https://presents.example/jonas")
    if later:
        autumn = dt.datetime(2024, 8, 20, 12, 30, tzinfo=dt.UTC)
        db.visit(
            "https://ferry.example.org/autumn?from=pier", "Autumn timetable, Lake Ferry",
            at=autumn,
        )  # fmt: skip
        db.execute("delete from history_visits where title = 'Storm warning'")
        db.clear(at + 5 * _DAY, at + 6 * _DAY)
    return db


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the histories of the demo phone."""
    work = HistoryDatabase(seed=42)
    work.visit(
        "https://intranet.example/rota", "Rota of the practice",
        at=dt.datetime(2024, 7, 23, 7, 0, tzinfo=dt.UTC),
    )  # fmt: skip
    charcoal = ("https://shop.example/charcoal", "Good charcoal, 5 kg", _AT + 2 * _DAY)
    visits = [charcoal]
    if later:
        visits.append(("https://shop.example/oars", "Oars, a pair", _AT + 25 * _DAY))
    return [
        PhoneFile(DOMAIN, HISTORY, demo_history(later=later).to_bytes()),
        PhoneFile(DOMAIN, f"Library/Safari/Profiles/{WORK_PROFILE}/History.db", work.to_bytes()),
        PhoneFile(CHROME_DOMAIN, CHROME_HISTORY, chrome_history(visits)),
        PhoneFile(
            FIREFOX_DOMAIN,
            "profile.profile/places.db",
            firefox_places([("https://tides.example/", "Tides and winds", _AT + 3 * _DAY, False)]),
        ),
    ]
