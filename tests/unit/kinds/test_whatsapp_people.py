"""WhatsApp: who people are, over numbers, private identities and backups."""

import sqlite3
from pathlib import Path

import pytest

from deploy.demo.whatsapp_chats import (
    AMELIE,
    JONAS,
    LAKE,
    STRANGER,
    YUKI,
    YUKI_LID,
    ZOE,
    demo_files,
)
from deploy.demo.whatsapp_database import (
    OWN,
    WhatsAppDatabase,
    compact,
    contacts_store,
    lids_store,
)
from tests.unit.kinds.collected import Collected, parse
from tests.unit.kinds.whatsapp_stores import AT, fixture_demo, lines, read, stores  # noqa: F401 -- a fixture


def test_names_come_from_contacts_first_then_chats_then_the_people_themselves(
    tmp_path: Path,
) -> None:
    store = WhatsAppDatabase()
    for jid, name in ((JONAS, "From the chat"), (ZOE, "From the chat"), (AMELIE, "+33 6 12")):
        store.chat(jid, name)
        store.insert("ZWAPROFILEPUSHNAME", ZJID=jid, ZPUSHNAME="From themselves")
    contacts = contacts_store([{"ZFULLNAME": "From contacts", "ZWHATSAPPID": JONAS}])
    found = read(store, tmp_path, contacts=contacts)
    assert [thread.title for thread in found.threads] == [
        "From contacts", "From the chat", "From themselves",
    ]  # fmt: skip


def test_marks_of_direction_are_no_part_of_a_name(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.chat(JONAS, "\u200eTú\u200e")
    assert read(store, tmp_path).threads[0].title == "Tú"


@pytest.mark.parametrize(
    ("jid", "handle"),
    [
        ("15550142001@s.whatsapp.net", "+15550142001"),
        ("15550142001:17@s.whatsapp.net", "+15550142001"),
        ("15550142001.0:2@s.whatsapp.net", "+15550142001"),
        ("15550142001@c.us", "+15550142001"),
        ("5215512345678@s.whatsapp.net", "+525512345678"),
        ("551187654321@s.whatsapp.net", "+5511987654321"),
        ("551132654321@s.whatsapp.net", "+551132654321"),
        ("0@s.whatsapp.net", "0@s.whatsapp.net"),
        ("209876543210987:3@lid", "209876543210987@lid"),
    ],
)
def test_identities_become_handles(jid: str, handle: str, tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(jid), "hello", at=AT, jid=jid, stanza="A1")
    found = read(store, tmp_path)
    assert found.find("whatsapp:in:A1").sender_handle == handle
    assert found.threads[0].participants == [handle]


def test_the_newest_pair_of_a_private_identity_counts(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(STRANGER), "hello", at=AT, jid=STRANGER, stanza="A1")
    lids = lids_store({STRANGER: "15550140001"}, at=AT)
    with sqlite3.connect(":memory:") as connection:
        connection.deserialize(lids)
        connection.execute(
            "insert into ZWAPHONENUMBERLIDPAIR (ZLID, ZPHONENUMBER, ZTIMESTAMP) values (?, ?, ?)",
            (STRANGER, "15550140002", 900_000_000.0),
        )
        connection.commit()
        lids = connection.serialize()
    found = read(store, tmp_path, lids=lids)
    assert found.find("whatsapp:in:A1").sender_handle == "+15550140002"


def test_contacts_resolve_private_identities_too(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(STRANGER), "hello", at=AT, jid=STRANGER, stanza="A1")
    contacts = contacts_store([{"ZFULLNAME": "Tomás", "ZWHATSAPPID": JONAS, "ZLID": STRANGER}])
    found = read(store, tmp_path, contacts=contacts)
    assert found.find("whatsapp:in:A1").sender_handle == "+15550142001"
    assert found.threads[0].title == "Tomás"


def test_the_owner_is_known_by_what_goes_out_where_nothing_came_in(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.group(LAKE, "Lake", created_at=AT)
    store.member(chat, OWN)
    store.member(chat, JONAS)
    store.message(chat, "hello", at=AT, stanza="A1", receipts={2: [{1: compact(OWN)}]})
    found = read(store, tmp_path)
    assert found.threads[0].participants == ["+15550142001"]
    assert "receipts" not in found.payload("whatsapp:out:A1")


def test_four_weeks_later_the_same_messages_have_the_same_keys(
    demo: Collected, tmp_path: Path
) -> None:
    files = demo_files(later=True)
    later = parse("whatsapp", stores(files), tmp_path, listing=lines(files))
    before, after = ({a.key for a in found.artifacts} for found in (demo, later))
    assert before - after == {"whatsapp:in:WADEMO50"}
    assert after - before == {
        "whatsapp:in:WADEMO90", "whatsapp:out:WADEMO91", "whatsapp:call:WACALL04",
    }  # fmt: skip
    edited = [a.text for a in later.artifacts if ":WADEMO52:" in a.key]
    assert edited == ["Street party on Sunday!"] * 2
    assert later.payload("whatsapp:in:WADEMO11")["is_deleted_for_everyone"]
    left = later.payload(f"whatsapp:chat:group:{LAKE}")["chat"]["members"][2]
    assert left == {"handle": "+819012345678", "name": "田中 由紀", "is_former": True}


def test_a_chat_that_moves_between_backups_keeps_its_keys_and_its_thread(tmp_path: Path) -> None:
    found = []
    for number, jid in enumerate((YUKI, YUKI_LID)):
        store = WhatsAppDatabase()
        store.message(store.chat(jid), "hello", at=AT, jid=jid, stanza="A1")
        folder = tmp_path / str(number)
        folder.mkdir()
        found.append(read(store, folder, lids=lids_store({YUKI_LID: "819012345678"}, at=AT)))
    before, after = found
    assert [(a.key, a.thread_key) for a in before.artifacts] == [
        (a.key, a.thread_key) for a in after.artifacts
    ]
