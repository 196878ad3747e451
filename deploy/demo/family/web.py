"""What Mira looks up, keeps and leaves open in Safari, and where she goes with Maps.

Safari keeps visits of a year.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from deploy.demo.bookmarks import BAR, BOOKMARKS, MENU, BookmarksDatabase, demo_bookmarks
from deploy.demo.bookmarks import DOMAIN as HOME_DOMAIN
from deploy.demo.container import PhoneFile
from deploy.demo.family.life import (
    DAY,
    HOME,
    TRIPS,
    Revision,
    chance,
    clock,
    key,
    place_on,
    trip_on,
)
from deploy.demo.minted_database import cocoa_seconds
from deploy.demo.open_tabs import (
    FOLDER,
    BrowserStateDatabase,
    CloudTabsDatabase,
    SafariTabsDatabase,
    demo_tabs,
)
from deploy.demo.open_tabs import demo_files as demo_tab_files
from deploy.demo.phone import FIRST_RUN, LATER_RUN
from deploy.demo.places import DOMAIN as MAPS_DOMAIN
from deploy.demo.places import STORE as MAPS
from deploy.demo.places import demo_places
from deploy.demo.places_database import Form as MapsForm
from deploy.demo.places_database import PlacesDatabase, route_request
from deploy.demo.safari_schema import Form
from deploy.demo.web_visits import DOMAIN, HISTORY, HistoryDatabase, demo_history
from deploy.demo.web_visits import demo_files as demo_visit_files

_KEPT_DAYS = 365
_PAGES = (
    ("https://weather.example/lake", "Weather at the lake"),
    ("https://news.example/zurich", "Zürich: the news of the day"),
    ("https://recipes.example/plum-cake", "Plum cake like grandmother's"),
    ("https://timetable.example/horgen", "Departures in Horgen"),
    ("https://school.example/calendar", "Calendar of the school"),
    ("https://vet.example/journal/parrots", "What parrots die of"),
    ("https://boats.example.org/varnish", "How to varnish a deck"),
    ("https://library.example/account", "Library: your loans"),
    ("https://shop.example/rain-boots", "Rain boots, size 33"),
    ("https://crossword.example/today", "The crossword of today"),
)


class _Visit(NamedTuple):
    url: str
    title: str
    at: dt.datetime


@cache
def _visits_on(day: dt.date) -> tuple[_Visit, ...]:
    return tuple(sorted(_visits(day), key=lambda one: one.at))


def _visits(day: dt.date) -> Iterator[_Visit]:
    dice, place = chance("web", day), place_on(day)
    for _ in range(dice.randrange(1, 6)):
        url, title = dice.choice(_PAGES)
        yield _Visit(url, title, clock(day, dice.uniform(6.5 * 60, 22 * 60)))
    if trip_on(day) is not None:
        city = place.city
        yield _Visit(f"https://guide.example/{city.lower()}", f"{city}: what not to miss",
                     clock(day, dice.uniform(7 * 60, 10 * 60)))  # fmt: skip


def files_of(revision: Revision) -> list[PhoneFile]:
    """Return Safari's stores, and that of Maps since iOS 14."""
    has_story, later = revision.at >= FIRST_RUN, revision.at >= LATER_RUN
    form: Form = "26" if revision.version >= 15 else "13"
    history = demo_history(later=later) if has_story else HistoryDatabase(form=form, seed=41)
    since = revision.at.date() - _KEPT_DAYS * DAY
    for day in revision.days:
        if day < since:
            continue
        for visit in _visits_on(day):
            if visit.at <= revision.at:
                history.visit(visit.url, visit.title, at=visit.at)
    forgotten = (cocoa_seconds(revision.at - _KEPT_DAYS * DAY),)
    history.execute("delete from history_visits where visit_time < ?", forgotten)
    files = [PhoneFile(DOMAIN, HISTORY, history.to_bytes())]
    if has_story:
        files += [one for one in demo_visit_files(later=later) if one.relative_path != HISTORY]
    files.append(PhoneFile(HOME_DOMAIN, BOOKMARKS, _bookmarks(revision).to_bytes()))
    files += _tabs(revision)
    if revision.version >= 14:
        files.append(PhoneFile(MAPS_DOMAIN, MAPS, _places(revision).to_bytes()))
    return files


def _bookmarks(revision: Revision) -> BookmarksDatabase:
    form: Form = "26" if revision.version >= 15 else "13"
    if revision.at >= FIRST_RUN:
        db = demo_bookmarks(later=revision.at >= LATER_RUN)
    else:
        db = BookmarksDatabase(form=form, seed=51)
    for number, (url, title) in enumerate(_PAGES):
        added = clock(dt.date(2018, 2, 1) + number * 150 * DAY, 19 * 60)
        if added <= revision.at:
            db.bookmark(title, url, parent=db.special[MENU if number % 3 else BAR], added_at=added,
                        modified_at=added, external_uuid=key("bookmark", url))  # fmt: skip
    for trip in TRIPS:
        added = clock(trip.first - 40 * DAY, 21 * 60)
        if added <= revision.at:
            city = trip.place.city
            db.to_read(
                f"{city} in {trip.nights + 1} days", f"https://guide.example/{city.lower()}/days",
                added_at=added, is_read=trip.first <= revision.at.date(),
                PreviewText=f"All that you need to know of {city}, and some that you do not.",
                columns={"external_uuid": key("to read", trip.first)},
            )  # fmt: skip
    return db


def _tabs(revision: Revision) -> list[PhoneFile]:
    today = revision.at.date()
    opened = [visit for back in range(12, 0, -1) for visit in _visits_on(today - back * DAY)][-8:]
    if revision.at >= FIRST_RUN:
        later = revision.at >= LATER_RUN
        tabs, path = demo_tabs(later=later), f"{FOLDER}/SafariTabs.db"
        files = [one for one in demo_tab_files(later=later) if one.relative_path != path]
    elif revision.version >= 15:
        tabs, files = SafariTabsDatabase(seed=61), []
    else:
        state = BrowserStateDatabase(seed=60)
        for number, visit in enumerate(opened):
            state.tab(visit.title, visit.url, viewed_at=visit.at, order_index=number,
                      uuid=key("tab", visit.at))  # fmt: skip
        cloud = CloudTabsDatabase(seed=62)
        return [
            PhoneFile(HOME_DOMAIN, f"{FOLDER}/BrowserState.db", state.to_bytes()),
            PhoneFile(HOME_DOMAIN, f"{FOLDER}/CloudTabs.db", cloud.to_bytes()),
        ]
    for number, visit in enumerate(opened):
        tabs.tab(tabs.local, visit.title, visit.url, viewed_at=visit.at, order_index=number + 1,
                 external_uuid=key("tab", visit.at))  # fmt: skip
    return [*files, PhoneFile(HOME_DOMAIN, f"{FOLDER}/SafariTabs.db", tabs.to_bytes())]


def _places(revision: Revision) -> PlacesDatabase:
    """Journeys are looked up in Maps, and their houses are kept in a guide."""
    version, later = revision.version, revision.at >= LATER_RUN
    form: MapsForm = "26" if version >= 17 else "15" if version >= 15 else "14"
    if revision.at >= FIRST_RUN:
        db = demo_places(later=later)
    else:
        db = PlacesDatabase(form=form, seed=37)
    guide: int | None = None
    for trip in TRIPS:
        place, at = trip.place, clock(trip.first - 5 * DAY, 20.5 * 60)
        # Identities are those of the journey, whatever this form of the store has besides.
        db.begin_identities(trip.first.toordinal())
        listed = [place.street, f"{place.city}, {place.country}"]
        if at > revision.at:
            break
        route = route_request([[HOME.street, HOME.city], listed])
        if guide is None:
            guide = db.guide("Where we stayed", at=at)
        item = db.item(f"House in {place.city}", place=(place.latitude, place.longitude),
                       address=listed)  # fmt: skip
        db.history("HistorySearchItem", at=at, ZQUERY=f"{place.street}, {place.city}",
                   ZLOCATIONDISPLAY=place.city, ZLATITUDE1=place.latitude,
                   ZLONGITUDE1=place.longitude)  # fmt: skip
        db.history("HistoryDirectionsItem", at=clock(trip.first, 8 * 60),
                   ZROUTEREQUESTSTORAGE=route)  # fmt: skip
        db.saved([guide], at=at, ZMAPITEMNAME=f"House in {place.city}", ZMAPITEM=item,
                 ZMAPITEMADDRESS=", ".join(listed), ZLATITUDE=place.latitude,
                 ZLONGITUDE=place.longitude)  # fmt: skip
        if form == "26":
            seen = db.location(f"House in {place.city}", place=(place.latitude, place.longitude),
                               ZMAPITEMCITY=place.city)  # fmt: skip
            db.visit(seen, at=clock(trip.first, 15 * 60))
    # What was looked for is forgotten after two years.
    forgotten = (cocoa_seconds(revision.at - 730 * DAY),)
    db.execute("delete from ZHISTORYITEM where ZCREATETIME < ?", forgotten)
    return db
