"""Databases of messages that run, unfold or pretend something, in the real worker process."""

from __future__ import annotations

import datetime as dt
import io
import plistlib
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from deploy.demo.messages import MessagesDatabase
from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.message.balloons import describe_balloon
from services.indexer.kinds.message.summary import read_summary
from services.indexer.parsing.frames import WorkerRequest
from services.indexer.parsing.parse_worker import parse
from services.indexer.staging import encode_json
from tests.hostile.bombs import overlapping_list, shared_list, spared
from tests.hostile.seeds import messages
from tests.hostile.workers import FORKED, SMS, KindFailed, Messages


def read(content: bytes, scratch: Path) -> str | None:
    """Return why the kind failed, or None when it was read."""
    reader = Messages()
    reader._listed = ""
    reader._count = FORKED
    try:
        reader.read({SMS: content}, scratch)
    except KindFailed as failed:
        return str(failed)
    return None


def changed(script: str, *, encoding: str | None = None) -> bytes:
    """Return the demo phone's sms.db after *script*, or that of *script* alone."""
    with sqlite3.connect(":memory:") as connection:
        if encoding is None:
            connection.deserialize(messages())
        else:
            connection.execute(f"pragma encoding = '{encoding}'")
        connection.executescript(script)
        connection.commit()
        return bytes(connection.serialize())


_AT = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
MANY = "with recursive n(x) as (select 1 union all select x + 1 from n where x < 50)"
#: Script, encoding (an empty database then) and whether the kind can still be read.
STORES: dict[str, tuple[str, str | None, bool]] = {
    "triggers": (
        (
            "create trigger a after insert on message begin delete from message; end;"
            "create trigger b after update on message begin delete from message; end;"
        ),
        None,
        True,
    ),
    "a generated column of text": (
        (
            "alter table message rename column text to old;"
            "alter table message add column text as (hex(zeroblob(400000000))) virtual;"
        ),
        None,
        True,
    ),
    "a generated column of guids": (
        "create table message(x integer primary key, date integer, handle_id integer,"
        " guid as (hex(randomblob(300000000))));"
        f"insert into message(x, date) {MANY} select x, x from n;".replace(
            "randomblob", "zeroblob"
        ),
        "UTF-8",
        True,
    ),
    "an index over an expression": (
        "create index i on message(hex(zeroblob(handle_id)));",
        None,
        True,
    ),
    "text in UTF-16": (
        (
            "create table message(guid text, date integer, handle_id integer, text text);"
            f"insert into message {MANY} select 'g' || x, x, 0, 'text' from n;"
        ),
        "UTF-16le",
        True,
    ),
    "a table without row numbers": (
        (
            "create table message(guid text primary key, date integer, handle_id integer, text)"
            f" without rowid; insert into message {MANY} select 'g' || x, x, 0, 'text' from n;"
        ),
        "UTF-8",
        True,
    ),
    "a view named message": (
        (
            "create view message as with recursive n(x) as (select 1 union all select x + 1 from n)"
            " select x rowid, x guid, x date, x handle_id from n;"
        ),
        "UTF-8",
        False,
    ),
    "views for the other tables": (
        (
            "drop table handle; drop table chat; create view handle as"
            " with recursive n(x) as (select 1 union all select x + 1 from n) select x rowid, x id"
            " from n; create view chat as select * from handle;"
        ),
        None,
        True,
    ),
    "a table of a module": (
        "create virtual table message using fts5(guid, date, handle_id, text);",
        "UTF-8",
        False,
    ),
    "a row of 200 MB": (
        "update message set text = cast(zeroblob(200000000) as text) where rowid = 1;",
        None,
        True,
    ),
    "a row number at each end": (
        (
            "insert into message(rowid, guid, date) values (9223372036854775807, 'a', 1),"
            " (-9223372036854775808, 'b', 1);"
        ),
        None,
        True,
    ),
    "members of millions of chats": (
        (
            "delete from chat_handle_join; insert into chat_handle_join(chat_id, handle_id)"
            " with recursive n(x) as (select 1 union all select x + 1 from n where x < 200000)"
            " select x, 1 from n;"
        ),
        None,
        True,
    ),
}


@pytest.mark.parametrize("name", STORES)
def test_a_trick_in_a_store_runs_nothing_and_costs_its_kind_at_most(
    name: str, tmp_path: Path
) -> None:
    script, encoding, is_readable = STORES[name]
    content = changed(script, encoding=encoding)
    failed = spared(lambda: read(content, tmp_path))
    assert not any(tmp_path.iterdir())
    assert (failed is None) is is_readable, failed


def test_pages_that_lead_to_the_same_pages_end(tmp_path: Path) -> None:
    """A tree of five pages of which each child is listed many times: billions of rows to walk."""
    long = MessagesDatabase()
    chat = long.chat([long.handle("+1555")], identifier="+1555")
    for number in range(3000):
        long.message(f"line {number}", at=_AT, chat=chat)
    content = bytearray(long.to_bytes())
    size = int.from_bytes(content[16:18], "big")
    interior = [
        at for at in range(0, len(content), size) if content[at + (100 if at == 0 else 0)] == 5
    ]
    for at in interior:
        start = at + (100 if at == 0 else 0)
        count = struct.unpack_from(">H", content, start + 3)[0]
        first = struct.unpack_from(">H", content, start + 12)[0]
        for cell in range(count):  # every cell is the first one
            struct.pack_into(">H", content, start + 12 + 2 * cell, first)
        # The page's own number as its last child.
        struct.pack_into(">I", content, start + 8, at // size + 1)
    read(bytes(content), tmp_path)


#: Made by the test that needs it: some take a while.
ARCHIVES: dict[str, Callable[[], bytes]] = {
    "deep sharing": lambda: shared_list(60, 2),
    "wide sharing": lambda: shared_list(20, 30),
    "overlap": lambda: overlapping_list(2000, 1_000_000),
    "doubling address": lambda: plistlib.dumps(
        {
            "$objects": [
                "$null",
                *(
                    {"NS.base": plistlib.UID(n + 1), "NS.relative": plistlib.UID(n + 1)}
                    for n in range(1, 60)
                ),
                "https://example.com/",
            ],
            "$top": {"root": plistlib.UID(1)},
        },
        fmt=plistlib.FMT_BINARY,
    ),
    "list as key": lambda: plistlib.dumps(
        {
            "$objects": [
                "$null",
                {"NS.keys": [plistlib.UID(2)], "NS.objects": [plistlib.UID(2)]},
                *([plistlib.UID(n + 1)] * 3 for n in range(2, 50)),
                "end",
            ],
            "$top": {"root": plistlib.UID(1)},
        },
        fmt=plistlib.FMT_BINARY,
    ),
    "edits": lambda: plistlib.dumps(
        {
            "ec": {str(n): [{"d": 1.0, "t": b"\x04\x0bstreamtyped"}] * 900 for n in range(900)},
            "tmp": [[["x"] * 1000] * 300] * 300,
        },
        fmt=plistlib.FMT_BINARY,
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_in_a_message_unfolds_to_nothing_large(name: str) -> None:
    payload = ARCHIVES[name]()

    def attempt() -> int:
        load_archive(payload)
        link = describe_balloon("com.apple.messages.URLBalloonProvider", payload)
        summary = read_summary(payload)
        return len(encode_json([link, summary]))

    assert spared(attempt) < 4 << 20


@pytest.mark.parametrize("table", ["handle", "chat", "chat_message_join", "attachment"])
def test_a_table_that_a_new_version_of_ios_calls_otherwise_is_named_in_the_report(
    table: str, tmp_path: Path
) -> None:
    """Nothing is worse than a history without names and no word about it."""
    store = tmp_path / "store"
    store.mkdir()
    path = store / "sms.db"
    path.write_bytes(changed(f"alter table {table} rename to {table}_of_tomorrow"))
    request = WorkerRequest(kind="message", files={SMS: str(path)}, listing=None, region="US")
    output = io.BytesIO()
    parse(request, output)
    report = msgspec.json.decode(output.getvalue()[output.getvalue().rindex(b'{"kind"') :])
    assert report["state"] == "indexed"
    assert report["kept"] > 0
    assert f"for want of known tables: {table}." in report["note"]


def test_an_index_of_the_phone_that_lacks_rows_hides_no_message(tmp_path: Path) -> None:
    """As a phone leaves it that lost power at a bad moment; SQLite sees nothing wrong with it."""
    kept = []
    for script in (
        "",
        (
            "drop index if exists message_idx_date;"
            " create index message_idx_date on message(date) where rowid % 3 = 0;"
            " pragma writable_schema = on;"
            " update sqlite_master set sql = 'CREATE INDEX message_idx_date ON message(date)'"
            " where name = 'message_idx_date'; pragma writable_schema = off;"
        ),
    ):
        path = tmp_path / "sms.db"
        path.write_bytes(changed(script))
        request = WorkerRequest(kind="message", files={SMS: str(path)}, listing=None, region="US")
        output = io.BytesIO()
        parse(request, output)
        report = msgspec.json.decode(output.getvalue()[output.getvalue().rindex(b'{"kind"') :])
        assert report["state"] == "indexed"
        kept.append((report["read"], report["kept"]))
    assert kept[0] == kept[1]
