"""A small believable family phone. Everyone and everything said is invented.

``demo_phone`` mints its backup; with ``later`` the same phone four weeks on: messages were added,
edited, unsent and deleted, a contact moved, so that histories have something to tell.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from pathlib import Path

from deploy.demo.contacts import (
    ADDRESS,
    DATE,
    EMAIL,
    PHONE,
    RELATED,
    SOCIAL,
    URL,
    ContactsDatabase,
    cocoa_date,
)
from deploy.demo.container import MintedBackup, PhoneApp, PhoneFile, mint_backup
from deploy.demo.messages import MessagesDatabase, bulk_texts
from deploy.demo.pictures import film_like, jpeg_like, png
from deploy.demo.story import Attached, tell_story

#: The moments of the two runs.
FIRST_RUN = dt.datetime(2024, 8, 4, 21, 15, tzinfo=dt.UTC)
LATER_RUN = dt.datetime(2024, 9, 1, 21, 15, tzinfo=dt.UTC)

DEMO_UDID = "00008110-000D3E0A1B2C3D4E"
SECOND_UDID = "00008027-001A2B3C4D5E6F70"


def demo_contacts(*, later: bool) -> ContactsDatabase:
    """Return the family's address book; with *later* as it is four weeks on."""
    book = ContactsDatabase(seed=11)
    local = book.store("On My iPhone", type_=0)
    cloud = book.store("Home account")
    book.store("Old account", is_enabled=False)
    owner = book.person(
        store=cloud, First="Mira", Last="Sandoval",
        values=[(PHONE, "_$!<Mobile>!$_", "+1 (555) 014-2000"),
                (EMAIL, "_$!<Home>!$_", "mira.sandoval@example.com")],
    )  # fmt: skip
    book.me(cloud, owner)
    jonas = book.person(
        store=cloud, First="Jonas", Last="Sandoval", Nickname="Jojo",
        Birthday=str(cocoa_date(dt.datetime(1984, 11, 3, 12, tzinfo=dt.UTC))),
        values=[(PHONE, "_$!<Mobile>!$_", "(555) 014-2001"),
                (EMAIL, "_$!<Home>!$_", "jonas@example.com"),
                (RELATED, "_$!<Sister>!$_", "Mira Sandoval"),
                (ADDRESS, "_$!<Home>!$_", {
                    "Street": "9 Rue de la Forêt" if later else "12 Lindenweg",
                    "City": "Lausanne" if later else "Zürich",
                    "ZIP": "1004" if later else "8001",
                    "Country": "Switzerland", "CountryCode": "ch"})],
    )  # fmt: skip
    yuki = book.person(
        store=cloud, First="由紀", Last="田中", FirstPhonetic="Yuki", LastPhonetic="Tanaka",
        values=[(PHONE, "_$!<Mobile>!$_", "+81 90 1234 5678"),
                (SOCIAL, None, {"service": "Mastodon", "username": "yuki_t",
                                "url": "https://social.example/@yuki_t"})],
    )  # fmt: skip
    zoe = book.person(
        store=local, First="Zoë", Last="Größl", Prefix="Dr.", Organization="Tierklinik am See",
        JobTitle="Veterinarian", Note="Closed on Wednesdays.",
        values=[(PHONE, "_$!<Work>!$_", "+43 660 1112223"),
                (URL, "_$!<HomePage>!$_", "https://tierklinik.example"),
                (DATE, "_$!<Anniversary>!$_",
                 str(cocoa_date(dt.datetime(2011, 6, 18, 12, tzinfo=dt.UTC))))],
    )  # fmt: skip
    again = book.person(
        store=local, First="Jonas", Last="S.", values=[(PHONE, "boat", "+1 555 014 2009")]
    )
    book.link(jonas, again)
    book.person(
        store=cloud, Organization="Harbour Pizza", Kind=1,
        values=[(PHONE, "_$!<Main>!$_", "+1 555 014 7777")],
    )  # fmt: skip
    if later:
        book.person(
            store=cloud, First="Amélie", Last="Dubois",
            Birthday=str(cocoa_date(dt.datetime(1604, 2, 29, 12, tzinfo=dt.UTC))),
            values=[(EMAIL, "_$!<Work>!$_", "amelie.dubois@example.org")],
        )  # fmt: skip
    book.group("Family", [jonas, owner])
    for number, person in enumerate((jonas, yuki, zoe)):
        book.picture(
            person,
            png(500 + number, width=160, height=160),
            (0, png(500 + number, width=32, height=32)),
            (5, png(500 + number, width=64, height=64)),
        )
    return book


def _camera() -> list[PhoneFile]:
    files = []
    for number in range(1, 9):
        taken = dt.datetime(2024, 7, 1 + number, 10, number, tzinfo=dt.UTC)
        name = f"Media/DCIM/100APPLE/IMG_{number:04d}"
        content = png(number) if number % 2 else jpeg_like(number)
        suffix = "PNG" if number % 2 else "JPG"
        files.append(PhoneFile("CameraRollDomain", f"{name}.{suffix}", content, modified_at=taken))
    return files


def _add_chatter(database: MessagesDatabase, count: int, chat: int, handle: int) -> None:
    start = dt.datetime(2017, 1, 1, 7, tzinfo=dt.UTC)
    step = dt.timedelta(days=2500) / max(count, 1)
    for number, text in enumerate(itertools.islice(bulk_texts(5), count)):
        database.message(
            text, at=start + number * step, chat=chat, handle=handle if number % 2 else 0
        )


def phone_files(*, later: bool = False, messages: int = 0) -> list[PhoneFile]:
    """Return what is on the phone; *messages* adds that many lines of small talk."""
    database = MessagesDatabase(seed=3)
    story = tell_story(database, later=later)
    _add_chatter(database, messages, story.chatter_chat, story.chatter_handle)
    book = demo_contacts(later=later)
    files = [
        PhoneFile("HomeDomain", "Library/SMS/sms.db", database.to_bytes()),
        PhoneFile("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb", book.to_bytes()),
        PhoneFile(
            "HomeDomain",
            "Library/AddressBook/AddressBookImages.sqlitedb",
            book.images_to_bytes(),
        ),
        PhoneFile(
            "HomeDomain",
            "Library/Preferences/com.apple.mobilephone.plist",
            b'<?xml version="1.0"?><plist version="1.0"><dict/></plist>',
        ),
    ]
    files.extend(attachment_file(attached) for attached in story.attached)
    return files + _camera()


def attachment_file(attached: Attached) -> PhoneFile:
    """Return the file that a message brought."""
    content = (
        film_like(attached.seed)
        if attached.path.endswith((".MOV", ".caf"))
        else jpeg_like(attached.seed)
        if attached.path.endswith(".jpg")
        else png(attached.seed)
    )
    return PhoneFile("MediaDomain", attached.path, content, modified_at=attached.at)


def demo_phone(
    root: Path,
    *,
    passphrase: str | None = None,
    later: bool = False,
    messages: int = 0,
    udid: str = DEMO_UDID,
    device_name: str = "Mira\u2019s iPhone",
    product_type: str = "iPhone14,5",
    rounds: int = 1000,
    files: Sequence[PhoneFile] | None = None,
    apps: Sequence[PhoneApp] = (),
) -> MintedBackup:
    """Mint the phone's backup below *root*; again with ``later`` for its next run.

    *files* stand in place of those that tests use, see ``everything``.
    """
    return mint_backup(
        root,
        files=phone_files(later=later, messages=messages) if files is None else files,
        apps=apps,
        udid=udid,
        passphrase=passphrase,
        device_name=device_name,
        product_type=product_type,
        phone_number="+1 (555) 014-2000",
        taken_at=LATER_RUN if later else FIRST_RUN,
        dpic=rounds,
        iterations=rounds,
    )
