"""The phone itself: whom it knows, its apps, accounts and networks, and what apps may and do."""

from __future__ import annotations

import datetime as dt
import plistlib

from deploy.demo.accounts import COPY, STORE, demo_accounts
from deploy.demo.contacts import ADDRESS, EMAIL, PHONE, cocoa_date
from deploy.demo.container import PhoneApp, PhoneFile
from deploy.demo.data_usages import DOMAIN as USAGE_DOMAIN
from deploy.demo.data_usages import PATH as USAGE
from deploy.demo.data_usages import TOTAL, UsageDatabase
from deploy.demo.family.life import (
    BEN,
    DAY,
    LENA,
    NADIA,
    ROSA,
    TOMAS,
    TRIPS,
    Revision,
    chance,
    clock,
    key,
)
from deploy.demo.installed_apps import demo_apps, folder, home_screen, store_metadata
from deploy.demo.minted_database import binary_plist, cocoa_seconds
from deploy.demo.permissions import (
    CLIENTS,
    TCC,
    PermissionsDatabase,
    demo_permissions,
    location_client,
)
from deploy.demo.phone import FIRST_RUN, LATER_RUN, demo_contacts
from deploy.demo.pictures import png
from deploy.demo.wifi_networks import DOMAIN as WIFI_DOMAIN
from deploy.demo.wifi_networks import KNOWN, OLD, access_point, known_network, old_list, old_network

#: When the first of these phones was set up.
_SETUP = dt.datetime(2018, 1, 6, 10, 0, tzinfo=dt.UTC)
#: Bundle, name, by whom, sort, and from when until when it was on the phone.
_APPS: tuple[tuple[str, str, str, str, dt.date, dt.date], ...] = tuple(
    (bundle, name, artist, genre, dt.date.fromisoformat(since), dt.date.fromisoformat(until))
    for bundle, name, artist, genre, since, until in (
        ("net.whatsapp.WhatsApp", "WhatsApp Messenger", "WhatsApp Inc.", "Social Networking",
         "2018-01-06", "2030-01-01"),
        ("org.example.timetable", "Fahrplan Zürich", "Verkehrsbetriebe am See", "Travel",
         "2018-01-07", "2030-01-01"),
        ("org.example.tides", "Tide Tables", "Harbour Software", "Weather", "2018-06-01",
         "2024-08-20"),
        ("org.example.crossword", "Crossword", "Quiet Evenings", "Games", "2018-11-11",
         "2021-01-31"),
        ("org.example.distance", "Keep Your Distance", "Office of Health", "Health", "2020-06-25",
         "2022-04-01"),
        ("org.example.birds", "Which Bird Is It", "Museum of Nature", "Education", "2020-04-19",
         "2030-01-01"),
        ("org.example.school", "Schoolbook", "Seefeld School", "Education", "2019-08-15",
         "2030-01-01"),
        ("org.example.kana", "Kana Cards", "Teehaus Matsu", "Education", "2024-05-02",
         "2025-02-01"),
        ("org.example.constellations", "Constellations", "Amélie Dubois", "Reference",
         "2024-08-17", "2030-01-01"),
        ("org.example.ferry", "Lake Ferry", "Lake Ferry AG", "Travel", "2025-03-08", "2030-01-01"),
    )
)  # fmt: skip


def apps_of(revision: Revision) -> list[PhoneApp]:
    """Return the apps on the phone, with a version that rises by the year."""
    story = {app.bundle_id: app for app in demo_apps(later=revision.at >= LATER_RUN)}
    found = []
    for number, (bundle, name, artist, genre, since, until) in enumerate(_APPS):
        if not since <= revision.at.date() < until:
            continue
        if bundle in story and revision.at >= FIRST_RUN:
            found.append(story[bundle])
            continue
        said = store_metadata(
            artist=artist, genre=genre, store_id=900_000_100 + number,
            bought=f"{since}T08:21:04Z",
        )  # fmt: skip
        version = f"{revision.at.year - 2014}.{revision.at.month}"
        icon = png(950 + number, width=60, height=60)
        found.append(PhoneApp(bundle, name, version, said, icon))
    return found


def files_of(revision: Revision) -> list[PhoneFile]:
    """Return contacts, accounts, networks, permissions, the counts of data and the home screen."""
    return [
        *_contacts(revision),
        *_accounts(revision),
        *_networks(revision),
        *_permissions(revision),
        _usage(revision),
        *_app_files(revision),
    ]


def _contacts(revision: Revision) -> list[PhoneFile]:
    book = demo_contacts(later=revision.at >= LATER_RUN)
    # The cards of the story are as old as the phone.
    book.execute("update ABPerson set CreationDate = ?, ModificationDate = ?",
                 (cocoa_date(_SETUP), cocoa_date(_SETUP)))  # fmt: skip
    if revision.at < dt.datetime(2025, 1, 1, tzinfo=dt.UTC):
        book.execute("delete from ABPerson where First = 'Amélie'")
    store = book.store("Family cards")
    today = revision.at.date()
    for person in (TOMAS, ROSA, NADIA, BEN, LENA):
        if not person.is_known(today):
            continue
        values = [(PHONE, "_$!<Mobile>!$_", person.number)]
        if person.email is not None:
            values.append((EMAIL, "_$!<Home>!$_", person.email))
        card: dict[str, object] = {"First": person.first, "Last": person.name.partition(" ")[2]}
        if person.birthday is not None:
            noon = dt.datetime.combine(person.birthday, dt.time(12), tzinfo=dt.UTC)
            card["Birthday"] = str(cocoa_date(noon))
        number = book.person(
            store=store, guid=key("card", person.name), created_at=_SETUP,
            values=values, **card,
        )  # fmt: skip
        if person is ROSA:
            # She moved in with the family.
            moved = today >= dt.date(2022, 5, 1)
            street, city = ("Lindenweg 12", "Zürich") if moved else ("Hafengasse 3", "Rorschach")
            book.address(number, ADDRESS, "_$!<Home>!$_", {"Street": street, "City": city})
    return [
        PhoneFile("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb", book.to_bytes()),
        PhoneFile("HomeDomain", "Library/AddressBook/AddressBookImages.sqlitedb",
                  book.images_to_bytes()),
    ]  # fmt: skip


def _accounts(revision: Revision) -> list[PhoneFile]:
    db = demo_accounts(later=revision.at >= LATER_RUN)
    bought = cocoa_seconds(dt.datetime(2021, 12, 31, tzinfo=dt.UTC))
    db.execute("update ZACCOUNT set ZDATE = ? where ZDATE < ?", (cocoa_seconds(_SETUP), bought))
    db.execute("delete from ZACCOUNT where ZDATE > ?", (cocoa_seconds(revision.at),))
    content = db.to_bytes()
    return [PhoneFile("HomeDomain", path, content) for path in (STORE, COPY)]


def _networks(revision: Revision) -> list[PhoneFile]:
    seen: list[tuple[str, str, dt.datetime, dt.datetime, tuple[float, float]]] = [
        ("Lindenweg 12", "3c:37:86:a:b0:1", _SETUP, revision.at - DAY / 8, (47.3717, 8.5423)),
        ("Tierklinik am See", "3c:37:86:c:d0:2", _SETUP + 20 * DAY, revision.at - DAY,
         (47.3541, 8.5362)),
    ]  # fmt: skip
    for number, trip in enumerate(TRIPS):
        joined = clock(trip.first, 16 * 60)
        if joined <= revision.at:
            name = f"{trip.place.street.split()[0]} Guests"
            at = (trip.place.latitude, trip.place.longitude)
            seen.append((name, f"0:1a:2b:3c:4d:{number:x}", joined, clock(trip.last, 540), at))
    if revision.version < 14:
        listed = [
            old_network(name, bssid, lastJoined=last, lastAutoJoined=last)
            for name, bssid, _, last, _ in seen
        ]
        return [PhoneFile(WIFI_DOMAIN, OLD, old_list(listed))]
    known: dict[str, object] = {}
    for name, bssid, added, last, place in seen:
        known |= known_network(
            name, added=added, joined=last, points=[access_point(bssid, at=last, place=place)]
        )
    return [PhoneFile(WIFI_DOMAIN, KNOWN, binary_plist(known))]


def _permissions(revision: Revision) -> list[PhoneFile]:
    if revision.at >= FIRST_RUN:
        db = demo_permissions(later=revision.at >= LATER_RUN)
    else:
        db = PermissionsDatabase("ios13" if revision.version < 14 else "ios14")
    granted = 1 if revision.version < 14 else 2
    for bundle, _, _, _, since, until in _APPS:
        if since <= revision.at.date() < until and bundle != "net.whatsapp.WhatsApp":
            at = clock(since, 9 * 60)
            db.grant("Calendar", bundle, 0 if "crossword" in bundle else granted, at=at)
    if revision.at < FIRST_RUN:
        db.grant("AddressBook", "net.whatsapp.WhatsApp", granted, at=_SETUP)
    clients = {
        bundle: location_client(2, stopped=revision.at - DAY, BundleId=bundle)
        for bundle in ("org.example.timetable", "net.whatsapp.WhatsApp")
    }
    return [
        PhoneFile("HomeDomain", TCC, db.to_bytes()),
        PhoneFile("RootDomain", CLIENTS, binary_plist(clients)),
    ]


def _usage(revision: Revision) -> PhoneFile:
    """Counts of the last two weeks by day; what is older is one sum."""
    db, today = UsageDatabase(), revision.at.date()
    months = (today - _SETUP.date()).days / 30
    db.process(TOTAL, None, first=_SETUP, days=[(_SETUP, 0, 0, months * 4.1e8, months * 3.9e7)],
               ZKIND=255)  # fmt: skip
    for bundle, name, _, _, since, until in _APPS:
        if not since <= today < until:
            continue
        first, days = clock(since, 9 * 60), []
        for back in range(14, 0, -1):
            day = today - back * DAY
            if day > since:
                dice = chance("data", day)
                days.append((clock(day, 3), 0.0, 0.0, dice.randrange(10**5, 10**7) * 1.0, 9e4))
        process = f"{name.split()[0]}/{bundle}"
        db.process(process, bundle, first=first, last=revision.at, days=days)
    return PhoneFile(USAGE_DOMAIN, USAGE, db.to_bytes())


def _app_files(revision: Revision) -> list[PhoneFile]:
    there = [app.bundle_id for app in apps_of(revision)]
    travel = [one for one in there if "timetable" in one or "ferry" in one]
    others = [one for one in there if one not in travel and one != "net.whatsapp.WhatsApp"]
    screen = home_screen(
        [
            [
                "com.apple.mobilecal",
                "com.apple.mobileslideshow",
                folder("Unterwegs", travel),
                *others,
            ]
        ],
        ["com.apple.mobilephone", "com.apple.MobileSMS", "net.whatsapp.WhatsApp"],
    )
    files = [PhoneFile("HomeDomain", "Library/SpringBoard/IconState.plist", screen)]
    for bundle in there:
        launches = (revision.at.date() - _SETUP.date()).days
        files.append(
            PhoneFile(
                f"AppDomain-{bundle}", f"Library/Preferences/{bundle}.plist",
                plistlib.dumps({"Launches": launches}), modified_at=revision.at - DAY,
            )
        )  # fmt: skip
    return files
