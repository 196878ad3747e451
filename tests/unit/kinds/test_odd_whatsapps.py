"""WhatsApp: what is odd, missing or damaged costs itself."""

import sqlite3
from pathlib import Path

import pytest

from deploy.demo.minted_protobuf import protobuf
from deploy.demo.whatsapp_chats import (
    BUSINESS_DOMAIN,
    DOMAIN,
    JONAS,
    LAKE,
)
from deploy.demo.whatsapp_database import (
    WhatsAppDatabase,
    media_columns,
    person,
    poll,
)
from services.indexer.kinds import PARSERS
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse
from tests.unit.kinds.whatsapp_stores import (  # noqa: F401 -- a fixture
    AT,
    CHATS,
    MINUTE,
    OLD_DOMAIN,
    fixture_demo,
    read,
    stores,
)


def test_details_that_cannot_be_read_cost_the_details(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    store.message(
        chat, "still here", at=AT, jid=JONAS, stanza="A1", metadata=b"\x0a\xff", receipts=b"\x0f"
    )
    found = read(store, tmp_path)
    assert found.find("whatsapp:in:A1").text == "still here"
    assert found.tally.notes == {"Details of a WhatsApp message could not be read.": 2}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ZMESSAGETYPE", "image"), ("ZMESSAGETYPE", 2**62), ("ZMESSAGETYPE", None),
        ("ZTEXT", b"bytes \xff"), ("ZTEXT", 5), ("ZTEXT", "a\0b\ud7ff"), ("ZFROMJID", b"\xff"),
        ("ZFROMJID", "@" * 300), ("ZFROMJID", 7), ("ZSTANZAID", 12.5), ("ZSTANZAID", "x" * 5000),
        ("ZSTANZAID", b"\0"), ("ZCHATSESSION", "one"), ("ZGROUPMEMBER", -1), ("ZMEDIAITEM", 2**62),
        ("ZMESSAGEINFO", "x"), ("ZISFROMME", "yes"), ("ZFLAGS", 2**63 - 1), ("ZFLAGS", "x"),
        ("ZSENTDATE", float("inf")), ("ZMESSAGEDATE", 1e300), ("ZPARENTMESSAGE", "x"),
        ("ZPUSHNAME", "=" * 5000), ("ZGROUPEVENTTYPE", -5), ("ZMESSAGESTATUS", 1e20),
    ],
)  # fmt: skip
def test_odd_values_cost_nothing_but_themselves(column: str, value: object, tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    odd = store.message(chat, "odd", at=AT, jid=JONAS, receipts={4: 2}, metadata={5: "A2"})
    store.execute(f"update ZWAMESSAGE set {column} = ? where Z_PK = ?", (value, odd))
    store.message(chat, "even", at=AT + MINUTE, jid=JONAS, stanza="A2")
    found = read(store, tmp_path)
    assert found.find("whatsapp:in:A2").text == "even"
    assert (found.tally.undecodable, found.tally.kept) == (0, 3)


@pytest.mark.parametrize(
    "blob",
    [
        protobuf(poll("q" * 200_000, ["a"] * 300, votes={JONAS: [2**62, 299, 0]})),
        protobuf({7: [{1: {2: JONAS, 3: "x" * 5000}}], 2: [{1: b"\x81" + b"\xff" * 9}]}),
        protobuf({8: b"\xff\xff"}),
        protobuf({7: {3: {1: [{1: "👍", 2: 2**64 - 1}]}}}),
        protobuf({7: {1: {2: JONAS, 3: "👍", 4: 2**63}}}),
    ],
)
def test_odd_details_are_bounded(blob: bytes, tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS), "x", at=AT, form=46, stanza="A1", receipts=blob)
    found = read(store, tmp_path)
    assert len(found.find("whatsapp:out:A1").text or "") < 80_000
    assert found.tally.kept == 2


def test_missing_tables_and_columns_cost_what_they_hold(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS), "hello", at=AT, jid=JONAS, stanza="A1")
    for table in ("ZWAMEDIAITEM", "ZWAMESSAGEINFO", "ZWAGROUPMEMBER", "ZWAPROFILEPUSHNAME",
                  "ZWAMESSAGEDATAITEM", "Z_PRIMARYKEY"):  # fmt: skip
        store.execute(f"drop table {table}")
    store.execute("alter table ZWAMESSAGE drop column ZPUSHNAME")
    found = read(store, tmp_path)
    assert found.find("whatsapp:in:A1").text == "hello"


def test_a_table_whose_schema_is_no_text_is_not_there(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS), "hello", at=AT, jid=JONAS, stanza="A1")
    store.execute("pragma writable_schema = on")
    store.execute(
        "update sqlite_master set sql = cast(sql as blob) where name = 'ZWAPROFILEPUSHNAME'"
    )
    assert read(store, tmp_path).find("whatsapp:in:A1").text == "hello"


def test_damaged_pages_cost_the_messages_on_them(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    for number in range(400):
        store.message(chat, f"line {number} " + "x" * 400, at=AT + number * MINUTE, jid=JONAS)
    content = bytearray(store.to_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    found = parse("whatsapp", {CHATS: bytes(content)}, tmp_path)
    # A page holds a handful of messages; the chat is an artifact, too.
    assert 385 < len(found.artifacts) < 401
    assert any("damaged" in note for note in found.tally.notes)
    assert found.tally.read == 401


def test_stores_beside_the_chats_that_are_damaged_cost_what_they_hold(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS, "Jonas"), "hello", at=AT, jid=JONAS, stanza="A1")
    found = read(store, tmp_path, contacts=b"x" * 5000, calls=b"x" * 5000, lids=b"x" * 5000)
    assert found.threads[0].title == "Jonas"
    assert set(found.tally.notes) == {
        "WhatsApp's contacts could not be read.",
        "WhatsApp's list of private identities could not be read.",
        "The calls of WhatsApp could not be read.",
    }


def test_one_app_is_read_where_the_other_is_damaged(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS), "hello", at=AT, jid=JONAS, stanza="A1")
    files = {CHATS: store.to_bytes(), f"{BUSINESS_DOMAIN}/ChatStorage.sqlite": b"x" * 5000}
    found = parse("whatsapp", dict(files), tmp_path)
    assert found.find("whatsapp:in:A1").text == "hello"
    assert set(found.tally.notes) == {"One of several WhatsApp stores could not be read."}


def test_a_store_that_is_none_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStoreError, match="damaged or not a database"):
        parse("whatsapp", {CHATS: b"x" * 5000}, tmp_path)
    connection = sqlite3.connect(":memory:")
    connection.execute("create table other (x)")
    with pytest.raises(UnsupportedStoreError, match="no table of messages"):
        parse("whatsapp", {CHATS: connection.serialize()}, tmp_path)
    with pytest.raises(UnsupportedStoreError, match="no WhatsApp store"):
        parse("whatsapp", {}, tmp_path)


def test_the_log_of_members_that_is_left_out_is_noted(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS), "hello", at=AT, jid=JONAS)
    store.insert("ZWAGROUPMEMBERSCHANGE", ZCHANGETYPE=1, ZGROUPJID=LAKE, ZMEMBERJIDS=JONAS)
    notes = read(store, tmp_path).tally.notes
    assert notes == {"WhatsApp's log of who was in which group was left out.": 1}


def test_keys_of_media_are_nowhere(demo: Collected, tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    media = media_columns("Media/x/1.jpg", "image/jpeg", b"abc", ZMEDIAKEY=b"secret-key-of-media")
    store.message(store.chat(JONAS), at=AT, form=1, stanza="A1", media=media)
    found = read(store, tmp_path)
    assert "secret" not in repr([found.payload(a.key) for a in found.artifacts])
    assert demo.artifacts


def test_the_parser_names_the_stores_of_both_apps_and_the_folders_of_their_media() -> None:
    parser = PARSERS["whatsapp"]
    required = {(f.domain, f.relative_path) for f in parser.files if f.required}
    assert required == {
        (DOMAIN, "ChatStorage.sqlite"),
        (BUSINESS_DOMAIN, "ChatStorage.sqlite"),
        (OLD_DOMAIN, "Documents/ChatStorage.sqlite"),
    }
    assert (DOMAIN, "Message/") in parser.listings
    assert person("+1555") == "1555@s.whatsapp.net"
