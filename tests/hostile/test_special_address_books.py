"""Address books, and the texts of messages, that run, unfold or pretend something."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path

import pytest

from deploy.demo.attributed_body import attributed_body
from services.indexer.kinds.message.attributed_text import decode_attributed_text
from tests.hostile.bombs import spared
from tests.hostile.seeds import address_books
from tests.hostile.test_special_stores import changed
from tests.hostile.test_special_stores import read as read_messages
from tests.hostile.workers import BOOK, FORKED, IMAGES, AddressBooks, KindFailed


def changed_book(script: str, *, encoding: str | None = None) -> bytes:
    """Return the demo phone's address book after *script*, or that of *script* alone."""
    with sqlite3.connect(":memory:") as connection:
        if encoding is None:
            connection.deserialize(address_books()[0][0])
        else:
            connection.execute(f"pragma encoding = '{encoding}'")
        connection.executescript(script)
        connection.commit()
        return bytes(connection.serialize())


def read_book(book: bytes, images: bytes, scratch: Path) -> str | None:
    """Return why the kind failed, or None when it was read."""
    reader = AddressBooks()
    reader._count = FORKED
    try:
        reader.read({BOOK: book, IMAGES: images}, scratch)
    except KindFailed as failed:
        return str(failed)
    return None


_MANY = "with recursive n(x) as (select 1 union all select x + 1 from n where x < {0})"
#: Script, encoding (an empty database then) and whether the kind can still be read.
BOOKS: dict[str, tuple[str, str | None, bool]] = {
    "triggers": (
        (
            "create trigger a after insert on ABPerson begin delete from ABPerson; end;"
            "create trigger b after update on ABMultiValue begin delete from ABMultiValue; end;"
        ),
        None,
        True,
    ),
    "a view named ABPerson": (
        (
            "create view ABPerson as with recursive n(x) as (select 1 union all select x+1 from n)"
            " select x rowid, x First, x Last from n;"
        ),
        "UTF-8",
        False,
    ),
    "views for the other tables": (
        (
            "drop table ABMultiValue; drop table ABGroup; create view ABMultiValue as"
            " with recursive n(x) as (select 1 union all select x + 1 from n) select x UID, 1"
            " record_id, 3 property, 'a' value from n; create view ABGroup as select * from"
            " ABMultiValue;"
        ),
        None,
        True,
    ),
    "a generated column of names": (
        (
            "alter table ABPerson rename column First to old;"
            "alter table ABPerson add column First as (hex(zeroblob(400000000))) virtual;"
        ),
        None,
        True,
    ),
    "a table of a module": (
        "create virtual table ABPerson using fts5(First, Last);",
        "UTF-8",
        False,
    ),
    "text in UTF-16": (
        "create table ABPerson (ROWID integer primary key, First text, Last text);"
        + _MANY.format(50).join(("insert into ABPerson ", " select x, 'a', 'b' from n;")),
        "UTF-16le",
        True,
    ),
    "a name of 200 MB": (
        "update ABPerson set First = cast(zeroblob(200000000) as text) where rowid = 1;",
        None,
        True,
    ),
    "two hundred thousand values of one card": (
        "insert into ABMultiValue (record_id, property, value) "
        + _MANY.format(200_000)
        + " select 1, 3, '+1555' || x from n;",
        None,
        True,
    ),
    "cards that are linked in a circle": (
        "update ABPerson set PersonLink = rowid % 3 + 1;",
        None,
        True,
    ),
    "a card number at each end": (
        (
            "insert into ABPerson (rowid, First) values (9223372036854775807, 'a'),"
            " (-9223372036854775808, 'b');"
        ),
        None,
        True,
    ),
}


@pytest.mark.parametrize("name", BOOKS)
def test_a_trick_in_an_address_book_runs_nothing_and_costs_its_kind_at_most(
    name: str, tmp_path: Path
) -> None:
    script, encoding, is_readable = BOOKS[name]
    book, images = changed_book(script, encoding=encoding), address_books()[0][1]
    failed = spared(lambda: read_book(book, images, tmp_path))
    assert not any(tmp_path.iterdir())
    assert (failed is None) is is_readable, failed


def test_pictures_without_number_and_of_any_size_cost_no_card(tmp_path: Path) -> None:
    book, images = address_books()[0]
    with sqlite3.connect(":memory:") as connection:
        connection.deserialize(images)
        connection.executescript(
            "insert into ABThumbnailImage (record_id, format, data) "
            + _MANY.format(100_000)
            + " select 1, 5, x'ffd8ff' from n;"
            "insert into ABFullSizeImage (record_id, data) values (2, zeroblob(300000000));"
        )
        connection.commit()
        hostile = bytes(connection.serialize())
    assert spared(lambda: read_book(book, hostile, tmp_path)) is None


#: Lengths as typedstreams write them: beyond the end, beyond memory, below zero.
LENGTHS = (b"\x81\xff\x7f", b"\x82\xff\xff\xff\x7f", b"\x82\xff\xff\xff\xff", b"\x81\x00\x80")


def _bombs() -> dict[str, bytes]:
    plain = attributed_body("Hello")
    at = plain.index(b"\x05Hello")
    found = {
        f"a text of {length.hex()}": plain[:at] + length + plain[at + 1 :] for length in LENGTHS
    }
    for length in LENGTHS:
        found[f"a class name of {length.hex()}"] = plain.replace(
            b"\x08NSObject", length + b"NSObject"
        )
    found |= {
        "an array of a billion": plain[:at] + b"\x84\x0d[999999999c]" + plain[at:],
        "an array of a billion objects": plain[:at] + b"\x84\x0d[999999999@]" + plain[at:],
        "structures in structures": plain[:at] + b"\x84\x82" + struct.pack("<I", 60_000)
        + b"{" * 30_000 + b"}" * 30_000 + plain[at:],
        "objects in objects": plain[:30] + b"\x84\x84" * 200_000,
        "a reference to itself": plain.replace(b"\x92", b"\x93") * 50,
        "runs without an end": plain + plain[plain.index(b"\x86\x84\x02iI") :] * 20_000,
    }  # fmt: skip
    return found


@pytest.mark.parametrize("name", _bombs())
def test_a_length_in_a_text_claims_no_memory_and_no_time(name: str, tmp_path: Path) -> None:
    body = _bombs()[name]

    def attempt() -> int:
        decoded = decode_attributed_text(body)
        return 0 if decoded is None else len(decoded.text)

    assert spared(attempt) <= len(body)


def test_texts_that_are_bombs_cost_their_own_messages_only(tmp_path: Path) -> None:
    bodies = [body for body in _bombs().values() if len(body) < 1 << 20]
    values = ", ".join(
        f"('bomb {number}', {number + 1}, x'{body.hex()}')" for number, body in enumerate(bodies)
    )
    content = changed(f"insert into message (guid, date, attributedBody) values {values};")
    assert spared(lambda: read_messages(content, tmp_path)) is None
