"""Generated stores of every kind with as many rows as are asked for, as phones write them.

Kinds of which no phone holds many have fewer. What varies from row to row does so by its number, so
the same count gives the same store, and another program can be run on the same file.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.demo import (
    accounts,
    bookmarks,
    calendar_database,
    calendar_events,
    calls,
    data_usages,
    health,
    installed_apps,
    interactions,
    notes,
    notes_database,
    open_tabs,
    permissions,
    photos,
    places,
    places_database,
    reminders,
    reminders_database,
    voice_memos,
    voicemails,
    web_visits,
    whatsapp_chats,
    whatsapp_database,
    wifi_networks,
)
from deploy.demo.calls_database import FACETIME, TELEPHONY, CallsDatabase
from deploy.demo.contacts import EMAIL, PHONE, ContactsDatabase
from deploy.demo.container import PhoneApp, PhoneFile
from deploy.demo.health_database import many_samples
from deploy.demo.messages import write_bulk_messages
from deploy.demo.minted_database import binary_plist
from deploy.demo.photos_database import looked_up_place

_START = dt.datetime(2016, 1, 1, 8, tzinfo=dt.UTC)
_STEP = dt.timedelta(minutes=23)
_WORDS = (
    "harbour", "bread", "train", "garden", "tea", "Größe", "déjà", "明日", "🍒", "school", "rain",
    "dinner", "soon", "light", "pier",
)  # fmt: skip


def _at(number: int) -> dt.datetime:
    return _START + number * _STEP


def _words(number: int, count: int) -> str:
    return " ".join(_WORDS[(number * 7 + place * place) % len(_WORDS)] for place in range(count))


def _phone_number(number: int, people: int = 200) -> str:
    return f"+1555{number * 13 % people:07d}"


def _message(count: int) -> list[PhoneFile]:
    with tempfile.TemporaryDirectory(prefix="ks-bench-") as folder:
        path = Path(folder) / "sms.db"
        write_bulk_messages(path, count, chats=max(120, count * 3 // 1000))
        return [PhoneFile("HomeDomain", "Library/SMS/sms.db", path.read_bytes())]


def _contact(count: int) -> list[PhoneFile]:
    book = ContactsDatabase()
    store = book.store("Card")
    for number in range(count):
        book.person(
            store=store, First=f"Jonas {number}", Last=f"Sandoval {number % 900}",
            Organization="Harbour Office" if number % 4 == 0 else None,
            values=[
                (PHONE, "_$!<Mobile>!$_", f"+1555{number:07d}"),
                (EMAIL, "_$!<Home>!$_", f"jonas{number}@example.com"),
            ],
        )  # fmt: skip
    folder = "Library/AddressBook/AddressBook"
    return [
        PhoneFile("HomeDomain", f"{folder}.sqlitedb", book.to_bytes()),
        PhoneFile("HomeDomain", f"{folder}Images.sqlitedb", book.images_to_bytes()),
    ]


def _whatsapp(count: int) -> list[PhoneFile]:
    store = whatsapp_database.many_messages(count)
    return [PhoneFile(whatsapp_chats.DOMAIN, "ChatStorage.sqlite", store)]


def _call(count: int) -> list[PhoneFile]:
    store = CallsDatabase()
    for number in range(count):
        store.call(
            _phone_number(number), at=_at(number), seconds=float(number % 7 * 31),
            is_outgoing=number % 3 == 0, provider=FACETIME if number % 9 == 0 else TELEPHONY,
            kind=8 if number % 9 == 0 else 1,
        )  # fmt: skip
    path = f"{calls.FOLDER}/CallHistory.storedata"
    return [PhoneFile(calls.DOMAIN, path, store.to_bytes())]


def _voicemail(count: int) -> list[PhoneFile]:
    store = voicemails.VoicemailDatabase()
    for number in range(count):
        store.voicemail(_phone_number(number), at=_at(number), seconds=number % 90)
    path = f"{voicemails.FOLDER}/voicemail.db"
    return [PhoneFile(voicemails.DOMAIN, path, store.to_bytes())]


def _voice_memo(count: int) -> list[PhoneFile]:
    store = voice_memos.RecordingsDatabase()
    folder = store.folder("Lake")
    for number in range(count):
        store.recording(
            f"{_words(number, 3)} {number}", at=_at(number), name=f"{number:08d} 083000.m4a",
            seconds=number % 400 + 0.5, ZFOLDER=folder if number % 5 == 0 else None,
        )  # fmt: skip
    path = f"{voice_memos.FOLDER}/CloudRecordings.db"
    return [PhoneFile(voice_memos.DOMAIN, path, store.to_bytes())]


def _photo(count: int) -> list[PhoneFile]:
    """Three of four at one of a thousand places, one of ten with its original in the backup."""
    library = photos.DemoLibrary()
    database = library.database
    camera = {
        "ZCAMERAMAKE": "Apple", "ZCAMERAMODEL": "iPhone 13", "ZISO": 50, "ZAPERTURE": 1.6,
        "ZLENSMODEL": "iPhone 13 back dual wide camera 5.1mm f/1.6", "ZSHUTTERSPEED": 0.002,
        "ZFOCALLENGTH": 5.1, "ZFOCALLENGTHIN35MM": 26, "ZFLASHFIRED": 0,
    }  # fmt: skip
    looked_up = [
        looked_up_place(
            street=f"Seestrasse {number}", city="Zürich", state="ZH", postal_code="8002",
            country="Switzerland", code="CH", areas=[("Zürichsee", 88e6), ("Kreis 2", 11e6)],
        )
        for number in range(1000)
    ]  # fmt: skip
    people = [database.person(f"Person {number}") for number in range(20)]
    made = []
    for number in range(count):
        path = f"DCIM/{100 + number // 1000}APPLE/IMG_{number % 10_000:04d}.HEIC"
        there = number % 4 != 0
        made.append(
            database.asset(
                path, taken_at=_at(number), offset=7200, zone="Europe/Zurich", camera=camera,
                additional={"ZREVERSELOCATIONDATA": looked_up[number % 1000]} if there else None,
                ZLATITUDE=47.3 + number % 1000 / 9000 if there else -180.0,
                ZLONGITUDE=8.5 if there else -180.0, ZFAVORITE=int(number % 30 == 0),
            )
        )  # fmt: skip
        if number % 5 == 0:
            database.face(made[-1], people[number % 20])
        if number % 10 == 0:
            library.put(path, b"picture %d" % number, at=_at(number))
    for number in range(40):
        database.album(f"Album {number}", made[number::200])
    return [PhoneFile(photos.DOMAIN, photos.LIBRARY, database.to_bytes()), *library.files]


def _note(count: int) -> list[PhoneFile]:
    return [PhoneFile(notes.DOMAIN, notes.STORE, notes_database.many_notes(count))]


def _calendar_event(count: int) -> list[PhoneFile]:
    store = calendar_database.many_events(count)
    return [PhoneFile("HomeDomain", calendar_events.PATH, store)]


def _reminder(count: int) -> list[PhoneFile]:
    store = reminders_database.many_reminders(count)
    return [PhoneFile(reminders.DOMAIN, reminders.CLOUD, store)]


def _web_visit(count: int) -> list[PhoneFile]:
    store = web_visits.HistoryDatabase()
    store.execute("create index ours on history_items(url)")
    for number in range(count):
        page = number * 17 % max(1, count // 3)
        url = f"https://www.example{page % 300}.org/articles/{page}?from=list"
        store.visit(url, f"{_words(page, 5)} | Example {page % 300}", at=_at(number))
    return [PhoneFile(web_visits.DOMAIN, web_visits.HISTORY, store.to_bytes())]


def _bookmark(count: int) -> list[PhoneFile]:
    store = bookmarks.BookmarksDatabase()
    folders = [store.folder(f"Folder {n}", parent=store.special[1]) for n in range(50)]
    for number in range(count):
        url = f"https://www.example{number % 300}.org/{number}"
        if number % 5 == 0:
            store.to_read(_words(number, 5), url, added_at=_at(number), PreviewText="Reef early.")
        else:
            store.bookmark(
                _words(number, 4), url, parent=folders[number % 50], added_at=_at(number),
                modified_at=_at(number), order_index=number,
            )  # fmt: skip
    return [PhoneFile(bookmarks.DOMAIN, bookmarks.BOOKMARKS, store.to_bytes())]


def _open_tab(count: int) -> list[PhoneFile]:
    """Every third tab came from another page."""
    store = open_tabs.SafariTabsDatabase()
    for number in range(count):
        url = f"https://www.example{number % 300}.org/{number}"
        pages = open_tabs.session([("https://example.org/", "Start"), (url, "There")], 1)
        store.tab(
            store.local, _words(number, 5), url, viewed_at=_at(number), order_index=number,
            local={"SessionState": pages} if number % 3 == 0 else None,
        )  # fmt: skip
    return [PhoneFile(open_tabs.DOMAIN, f"{open_tabs.FOLDER}/SafariTabs.db", store.to_bytes())]


def _interaction(count: int) -> list[PhoneFile]:
    store = interactions.InteractionsDatabase()
    people = [store.person(f"Person {n}", f"+1555{n:07d}", ZPERSONID=f"P{n}") for n in range(300)]
    for number in range(count):
        who = people[number * 13 % 300]
        app = "com.apple.MobileSMS" if number % 3 else "net.whatsapp.WhatsApp"
        ends = {"to": [who]} if number % 2 else {"sender": who}
        store.interaction(
            app, at=_at(number), ZMECHANISM=4, ZDOMAINIDENTIFIER=f"iMessage;-;+1555{who:07d}",
            **ends,  # type: ignore[arg-type]
        )  # fmt: skip
    return [PhoneFile(interactions.DOMAIN, interactions.STORE, store.to_bytes())]


def _health(count: int) -> list[PhoneFile]:
    samples, sources = many_samples(count).to_bytes()
    files = [PhoneFile(health.DOMAIN, health.SAMPLES, samples)]
    if sources is not None:
        files.append(PhoneFile(health.DOMAIN, health.SOURCES, sources))
    return files


def _place(count: int) -> list[PhoneFile]:
    return [PhoneFile(places.DOMAIN, places.STORE, places_database.many_places(count))]


def _account(count: int) -> list[PhoneFile]:
    return [PhoneFile("HomeDomain", accounts.STORE, accounts.many_accounts(count))]


def _wifi_network(count: int) -> list[PhoneFile]:
    known = {}
    for number in range(count):
        point = wifi_networks.access_point(
            f"3c:37:86:a:{number // 256:x}:{number % 256:x}", at=_at(number), place=(47.4, 8.5)
        )
        known |= wifi_networks.known_network(
            f"Harbour {number}", added=_at(number), joined=_at(number), points=[point]
        )
    return [PhoneFile(wifi_networks.DOMAIN, wifi_networks.KNOWN, binary_plist(known))]


def _permission(count: int) -> list[PhoneFile]:
    return [PhoneFile("HomeDomain", permissions.TCC, permissions.many_permissions(count))]


def _data_usage(count: int) -> list[PhoneFile]:
    return [PhoneFile(data_usages.DOMAIN, data_usages.PATH, data_usages.many_processes(count))]


#: Every kind with what writes its store, and how many rows a store of a phone has at most.
STORES: dict[str, tuple[Callable[[int], list[PhoneFile]], int]] = {
    "message": (_message, 10**6),
    "contact": (_contact, 10**4),
    "whatsapp": (_whatsapp, 10**6),
    "call": (_call, 10**5),
    "voicemail": (_voicemail, 10**4),
    "voice_memo": (_voice_memo, 10**4),
    "photo": (_photo, 10**5),
    "note": (_note, 2 * 10**4),
    "calendar_event": (_calendar_event, 10**5),
    "reminder": (_reminder, 10**5),
    "web_visit": (_web_visit, 10**5),
    "bookmark": (_bookmark, 10**4),
    "open_tab": (_open_tab, 10**4),
    "interaction": (_interaction, 10**5),
    "health": (_health, 10**6),
    "place": (_place, 10**5),
    "account": (_account, 10**4),
    "wifi_network": (_wifi_network, 2000),
    "permission": (_permission, 10**4),
    "data_usage": (_data_usage, 10**4),
}
_MOST_APPS = 2000


def many_apps(count: int) -> list[PhoneApp]:
    """Return apps as the App Store wrote them down; they stand in Info.plist, not in a store."""
    return [
        PhoneApp(
            f"org.example.app{number}", f"App {number}", "1.2.3",
            installed_apps.store_metadata(
                artist=f"Maker {number % 90}", genre="Travel", store_id=900_000_000 + number,
                bought="2021-07-02T17:40:00Z",
            ),
        )
        for number in range(min(count, _MOST_APPS))
    ]  # fmt: skip


def rows_of(kind: str, count: int) -> int:
    """Return how many rows the store of a kind has when *count* are asked for."""
    return min(count, _MOST_APPS if kind == "installed_app" else STORES[kind][1])
