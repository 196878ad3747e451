import datetime as dt
import random
import sqlite3
from pathlib import Path

import pytest

from deploy.demo.attributed_body import attributed_body
from deploy.demo.messages import MessagesDatabase
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import SMS, Collected, parse

AT = dt.datetime(2024, 5, 1, 12, 0, tzinfo=dt.UTC)


def five_good() -> tuple[MessagesDatabase, int]:
    database = MessagesDatabase()
    handle = database.handle("+15550100001")
    chat = database.chat([handle], identifier="+15550100001")
    for number in range(5):
        database.message(f"good {number}", at=AT, chat=chat, handle=handle, guid=f"G{number}")
    return database, chat


def run(database: MessagesDatabase, folder: Path) -> Collected:
    return parse("message", {SMS: database.to_bytes()}, folder)


def test_odd_values_cost_no_more_than_their_record(tmp_path: Path) -> None:
    db, chat = five_good()
    for number, columns in enumerate(
        (
            {"date": "yesterday"},
            {"date": 9_000_000_000_000_000_000},
            {"date": -5},
            {"handle_id": 999},
            {"handle_id": "text"},
            {"text": b"\xff\xfe broken", "attributedBody": None},
            {"text": "nul\0inside"},
            {"is_from_me": "maybe", "error": "text", "item_type": "text"},
            {"associated_message_type": "text", "associated_message_guid": "p:zz/"},
            {"attributedBody": 42},
            {"message_summary_info": b"bplist00" + b"\xff" * 90, "date_edited": 1},
            {"balloon_bundle_id": "x", "payload_data": b"bplist00" + b"\xff" * 40},
            {"thread_originator_guid": "G0", "thread_originator_part": "x:y"},
            {"service": 7, "subject": 3.5, "balloon_bundle_id": 9},
        )
    ):
        db.message("odd", at=AT, chat=chat, guid=f"odd{number}")
        for name, value in columns.items():
            db.execute(f"update message set {name} = ? where guid = ?", (value, f"odd{number}"))
    found = run(db, tmp_path)
    assert {f"G{number}" for number in range(5)} <= {a.key for a in found.artifacts}
    assert found.tally.read == 19
    assert found.tally.kept + found.tally.undecodable >= 19
    assert found.find("odd0").occurred_at_us is None
    assert "date_unknown" in found.payload("odd0")["flags"]
    assert found.find("odd1").occurred_at_us is None


def test_text_that_is_no_utf8_is_read_with_replacements(tmp_path: Path) -> None:
    db, chat = five_good()
    db.message("x", at=AT, chat=chat, guid="T", body=None)
    db.execute("update message set text = cast(x'68ff69' as text) where guid = 'T'")
    found = run(db, tmp_path)
    assert found.find("T").text == "h\ufffdi"
    assert found.tally.kept == 6


def test_a_blob_that_cannot_be_decoded_is_unknown_and_not_empty(tmp_path: Path) -> None:
    db, chat = five_good()
    db.message("x", at=AT, chat=chat, guid="T", body=attributed_body("lost")[:20])
    found = run(db, tmp_path)
    assert found.find("T").text is None
    assert found.payload("T")["text_unknown"] is True
    assert found.tally.undecodable == 1


def test_equal_and_missing_identities_get_keys_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "sms.db"
    connection = sqlite3.connect(path)
    connection.execute(
        "create table message (ROWID integer primary key, guid text, text text, handle_id integer, "
        "date integer, is_from_me integer)"
    )
    for guid, text in (("A", "1"), ("A", "2"), ("", "3"), (None, "4"), (None, "5"), (None, "5")):
        connection.execute(
            "insert into message(guid, text, date) values (?, ?, 700000000)", (guid, text)
        )
    connection.commit()
    connection.close()
    keys = [a.key for a in parse("message", {SMS: path}, tmp_path).artifacts]
    assert len(set(keys)) == 6
    assert keys[:2] == ["A", "A#2"]


def test_views_and_virtual_tables_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sms.db"
    connection = sqlite3.connect(path)
    connection.execute(
        "create view message as with recursive n(x) as (select 1 union all select x + 1 from n) "
        "select x as rowid, x as date, x as handle_id from n"
    )
    connection.commit()
    connection.close()
    with pytest.raises(UnsupportedStoreError):
        parse("message", {SMS: path}, tmp_path)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"SQLite format 3\0" + b"\xff" * 4096, b"plain text"):
        with pytest.raises(UnsupportedStoreError):
            parse("message", {SMS: content}, tmp_path)


def test_damaged_pages_cost_what_is_on_them(tmp_path: Path) -> None:
    db, chat = five_good()
    for number in range(2000):
        db.message(f"line {number}", at=AT, chat=chat, guid=f"L{number}")
    content = bytearray(db.to_bytes())
    chance = random.Random(4)
    kept = []
    for _ in range(12):
        hurt = bytearray(content)
        for _ in range(6):
            start = chance.randrange(100_000, len(hurt) - 512)
            hurt[start : start + 512] = chance.randbytes(512)
        try:
            kept.append(parse("message", {SMS: bytes(hurt)}, tmp_path).tally.kept)
        except UnsupportedStoreError:
            continue
    assert max(kept) > 1000


def test_rows_that_point_nowhere_harm_nothing(tmp_path: Path) -> None:
    db, chat = five_good()
    db.insert("chat_message_join", chat_id=77, message_id=1)
    db.insert("chat_message_join", chat_id=chat, message_id=5_000_000_000)
    db.insert("chat_handle_join", chat_id=77, handle_id=66)
    db.insert("message_attachment_join", message_id=1, attachment_id=55)
    db.insert("chat_recoverable_message_join", chat_id=99, message_id=2, delete_date=1)
    assert run(db, tmp_path).tally.kept == 5
