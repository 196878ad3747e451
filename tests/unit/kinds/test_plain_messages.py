"""The short way of plain messages against the long one: the same bytes, whatever the messages."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import random
import sqlite3
import struct
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.messages import MessagesDatabase, attributed_body, write_bulk_messages
from deploy.demo.phone import phone_files
from services.indexer.kinds import PARSERS
from services.indexer.kinds.protocol import ParserInputs
from services.indexer.parsing.parse_worker import FrameSink
from services.indexer.staging import ARTIFACT_COLUMNS, StagedArtifact
from tests.unit.kinds.collected import SMS

AT = dt.datetime(2024, 5, 31, 12, 0, 0, 123_456, tzinfo=dt.UTC)


class Counting(FrameSink):
    """The worker's sink, which counts the rows that came the short way."""

    def __init__(self, output: io.BytesIO) -> None:
        super().__init__(output, device="d", kind="message")
        self.short = 0

    def row(self, row: bytes) -> None:
        self.short += 1
        super().row(row)

    def artifact(self, artifact: StagedArtifact) -> None:
        self.short -= 1
        super().artifact(artifact)


class LongWay(FrameSink):
    """The same without the offer to take rows."""

    def __init__(self, output: io.BytesIO) -> None:
        super().__init__(output, device="d", kind="message")
        self._own, self.named_threads = self.named_threads, None

    def artifact(self, artifact: StagedArtifact) -> None:
        self.named_threads = self._own
        super().artifact(artifact)
        self.named_threads = None

    def finish(self, *arguments: Any) -> None:
        self.named_threads = self._own
        super().finish(*arguments)


def rows_of(frames: bytes) -> list[bytes]:
    """The rows in order, one by one, so that a difference can be read."""
    found = []
    at = 0
    while at < len(frames):
        kind, length = struct.unpack_from(">cI", frames, at)
        at += 5
        if kind == b"A":
            found += frames[at : at + length].split(struct.pack(">h", len(ARTIFACT_COLUMNS)))
        at += length
    return found


def compare(path: Path) -> int:
    """Parse both ways; return how many rows came the short way."""
    outputs = []
    short = 0
    for sink_type in (Counting, LongWay):
        output = io.BytesIO()
        sink = sink_type(output)
        copy = path.with_name(f"{sink_type.__name__}.db")
        copy.write_bytes(path.read_bytes())
        inputs = ParserInputs(files={SMS: copy}, region="US")
        PARSERS["message"].parse(inputs, sink)
        sink.finish("message", "indexed", "")
        outputs.append(output.getvalue())
        if isinstance(sink, Counting):
            short = sink.short
    assert rows_of(outputs[0]) == rows_of(outputs[1])
    assert outputs[0] == outputs[1]
    return short


def test_a_bulk_phone_is_the_same_both_ways(tmp_path: Path) -> None:
    path = tmp_path / "sms.db"
    write_bulk_messages(path, 3000, chats=40)
    assert compare(path) > 2500


def test_the_demo_phone_is_the_same_both_ways(tmp_path: Path) -> None:
    path = tmp_path / "sms.db"
    path.write_bytes(next(f.content for f in phone_files() if f.relative_path.endswith("sms.db")))
    compare(path)


TEXTS: tuple[Any, ...] = (
    "plain", "", " ", None, "Größe 😀 東京", "don\u2019t \u2014 stop", "a.b@c.de www.x.org/?q=1",
    "broken \ufffd", "\ufffc", "nul \0 inside", "x" * 127, "x" * 128, "x" * 129, "x" * 70_000,
    "İ ẞ ﬁ ½ ¨", 17, b"bytes", 1.5,
)  # fmt: skip
ODD: dict[str, tuple[Any, ...]] = {
    "guid": ("", " ", "\0", "g\0h", "ünï", "k" * 1001, None, 5, b"x", "same", "same"),
    "service": ("SMS", None, 3, b"iMessage", "i\0", "RCS"),
    "date": (0, None, 5, -1, 10**15, 3 * 10**18, 1.5e17, "x", 2**62),
    "date_read": (0, None, 1, 10**14, 4 * 10**18, 738_849_600_123_456_789, "x", 2.5),
    "date_delivered": (0, None, 738_849_600_000_000_000, 1e17),
    "handle_id": (0, 1, 2, 99, None, "x"),
    "is_from_me": (0, 1, None, 2, "x"),
    "error": (0, None, 4, "x"),
    "subject": (None, "", "Re:", 4),
    "thread_originator_guid": (None, "", "g"),
    "destination_caller_id": (None, "", "+15550000000", "tel:+1 555 0000000", 7, "\0"),
    "expressive_send_style_id": (None, "com.apple.MobileSMS.expressivesend.impact"),
    "balloon_bundle_id": (None, "", "com.apple.messages.URLBalloonProvider"),
    "is_read": (0, 1, None),
    "is_delivered": (0, 1),
    "schedule_type": (None, 0, 2),
    "is_spam": (0, 1),
    "item_type": (0, 1, None),
    "associated_message_type": (0, None, 2000, 3),
    "was_downgraded": (0, 1),
}


@pytest.mark.parametrize("seed", range(10))
def test_messages_with_odd_values_are_the_same_both_ways(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    store = MessagesDatabase()
    people = [store.handle("+15550100001"), store.handle("Anna\u0301@Example.org")]
    chats = [
        store.chat(people[:1], identifier="+15550100001"),
        store.chat(people, identifier="chat1", name="Two"),
        store.chat(people[1:], identifier="x"),
    ]
    store.execute("update chat set is_filtered = 1 where chat_identifier = 'x'")
    for number in range(150):
        more = {
            name: chance.choice(values) for name, values in ODD.items() if chance.random() < 0.12
        }
        text = chance.choice(TEXTS) if chance.random() < 0.5 else f"message {number}"
        body: Any = None
        if isinstance(text, str) and chance.random() < 0.7:
            body = attributed_body(text)
            if chance.random() < 0.1:
                body = bytearray(body)
                body[chance.randrange(len(body))] = chance.randrange(256)
                body = bytes(body)
        message = store.message(
            None,
            at=AT + dt.timedelta(seconds=number),
            handle=chance.choice([0, *people]),
            body=body,
        )
        for name, value in {"text": text, **more}.items():
            with contextlib.suppress(sqlite3.IntegrityError):
                store.execute(f"update message set {name} = ? where rowid = ?", (value, message))
        for chat in chance.sample(chats, k=chance.choice([0, 1, 1, 1, 2])):
            store.insert("chat_message_join", chat_id=chat, message_id=message, message_date=0)
        if number % 15 == 0 and number:
            store.tapback(message, 2001, at=AT, chat=chats[0], handle=people[0])
        if number % 17 == 0:
            store.attach(message, "Library/SMS/Attachments/a.jpg")
    path = tmp_path / "sms.db"
    path.write_bytes(store.to_bytes())
    assert 5 < compare(path) < 150


def test_rows_have_as_many_columns_as_the_long_way() -> None:
    from services.indexer.kinds.message import plain

    assert plain._columns == struct.pack(">h", len(ARTIFACT_COLUMNS))
