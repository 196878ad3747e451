"""Many messages and the names of attachments, read the quick ways: the results are the same."""

from __future__ import annotations

import itertools
import random
import sqlite3
from pathlib import Path, PurePosixPath

import pytest

from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.message.attachment_files import AttachmentRow, MessageFiles
from services.indexer.kinds.message.batches import read_batch
from services.indexer.kinds.message.store import MessageStore
from services.indexer.kinds.protocol import ParserInputs, Tally


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Messages 1 to 400, of which every seventh is gone."""
    path = tmp_path / "numbered.db"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("create table message (rowid integer primary key, text text)")
        connection.executemany(
            "insert into message values (?, ?)",
            [(number, f"text {number}") for number in range(1, 401) if number % 7],
        )
    connection.close()
    return path


def test_messages_come_in_the_order_asked_for_whether_they_stand_together_or_not(
    numbered: Path,
) -> None:
    dice = random.Random(5)
    there = [number for number in range(1, 401) if number % 7]
    asked = [
        there,
        there[10:40],
        there[:1],
        there[::-1],
        there[::2],
        there[::5],
        [*there[50:60], *there[:50]],
        [1, 2, 3, 7, 8, 14],
        [7, 14],
        *(dice.sample(there, 30) for _ in range(5)),
        *(sorted(dice.sample(there, 200)) for _ in range(5)),
    ]
    with Database(numbered) as database:
        for numbers in asked:
            rows = read_batch(database, "m.rowid, m.text", numbers)
            assert rows == [(number, f"text {number}") for number in numbers if number % 7]


def test_reactions_are_all_read_when_one_of_them_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "sms.db"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "create table message (rowid integer primary key, guid text, date integer, text text,"
            " handle_id integer, associated_message_guid text, associated_message_type integer)"
        )
        connection.executemany(
            "insert into message values (?, ?, ?, null, 0, ?, 2000)",
            [(number, f"g{number}", number * 10**16, "p:0/x") for number in range(1, 8)],
        )
        connection.execute("update message set guid = cast(x'67ff34' as text) where rowid = 4")
    connection.close()
    with Database(path) as database:
        store = MessageStore(database, Handles(None), Tally())
        read = [(row[0], row[1]) for row in store.read_associated()]
        assert read == [(n, "g\ufffd4" if n == 4 else f"g{n}") for n in range(1, 8)]
        assert store.is_sound


def test_attachments_are_called_what_a_path_would_call_them() -> None:
    files = MessageFiles(ParserInputs(files={}))
    for length in range(1, 7):
        for letters in itertools.product("a./", repeat=length):
            filename = "".join(letters)
            row = AttachmentRow(
                guid="g", filename=filename, uti=None, mime_type="x/y", transfer_state=0,
                transfer_name=None, total_bytes=0, is_sticker=0, hide_attachment=0,
                sticker_user_info=None, attribution_info=None, description=None,
            )  # fmt: skip
            assert files.locate(row).name == (PurePosixPath(filename).name or None)
            is_folder = PurePosixPath(f"{filename}.bundle").suffix == ".bundle"
            row = AttachmentRow(
                guid="g", filename=f"{filename}.bundle", uti=None, mime_type="x/y",
                transfer_state=0, transfer_name=None, total_bytes=0, is_sticker=0,
                hide_attachment=0, sticker_user_info=None, attribution_info=None, description=None,
            )  # fmt: skip
            assert ("folder" in (files.locate(row).reason or "")) == is_folder
