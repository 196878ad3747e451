"""Builds sms.db: single messages with every feature, or a million of them in a minute."""

from __future__ import annotations

import datetime as dt
import itertools
import plistlib
import random
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.demo.attributed_body import Run, attributed_body
from deploy.demo.messages_schema import Schema, columns_of, create_tables

_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
_KEEP = object()


def cocoa_nanoseconds(at: dt.datetime) -> int:
    """Return a moment as sms.db keeps it since iOS 11."""
    return (at - _COCOA) // dt.timedelta(microseconds=1) * 1000


def cocoa_seconds(at: dt.datetime) -> float:
    """Return a moment as most of Apple's databases keep it."""
    return (at - _COCOA) / dt.timedelta(seconds=1)


def summary_info(
    *,
    edits: dict[int, Sequence[tuple[dt.datetime, str]]] | None = None,
    unsent: Sequence[int] = (),
    parts: int = 1,
) -> bytes:
    """Return ``message_summary_info`` with the wordings of each part and the parts taken back."""
    info: dict[str, Any] = {
        "ust": True,
        "amc": 0,
        "otr": {str(part): {"lo": 0, "le": 1} for part in range(parts)},
    }
    if edits:
        info["ep"] = sorted(edits)
        info["ec"] = {
            str(part): [{"d": cocoa_seconds(at), "t": attributed_body(text)} for at, text in texts]
            for part, texts in edits.items()
        }
    if unsent:
        info["rp"] = list(unsent)
    return plistlib.dumps(info, fmt=plistlib.FMT_BINARY)


@dataclass
class MessagesDatabase:
    """An sms.db in the making. Rows get their numbers in the order in which they are added."""

    schema: Schema = "ios18"
    seed: int = 1
    _connection: sqlite3.Connection = field(init=False, repr=False)
    _columns: dict[str, frozenset[str]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Open an empty database in memory."""
        self._connection = sqlite3.connect(":memory:")
        create_tables(self._connection, self.schema)
        self._random = random.Random(self.seed)  # noqa: S311 -- the same phone every time

    def guid(self) -> str:
        """Return the next identity."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4)).upper()

    def insert(self, table: str, **values: Any) -> int:
        """Add a row; columns that the schema lacks are left out. Returns its row number."""
        there = self._columns.get(table)
        if there is None:
            there = self._columns[table] = columns_of(self._connection, table)
        kept = {name: value for name, value in values.items() if name in there or name == "ROWID"}
        marks = ", ".join("?" for _ in kept)
        cursor = self._connection.execute(
            f"insert into {table} ({', '.join(kept)}) values ({marks})",  # noqa: S608 -- own names
            tuple(kept.values()),
        )
        return int(cursor.lastrowid or 0)

    def handle(
        self, address: str, *, service: str = "iMessage", country: str = "us",
        person: str | None = None,
    ) -> int:  # fmt: skip
        """Add a number or address."""
        return self.insert(
            "handle", id=address, service=service, country=country, person_centric_id=person
        )

    def chat(
        self,
        handles: Sequence[int],
        *,
        identifier: str,
        service: str = "iMessage",
        name: str | None = None,
        group_id: str | None = None,
        is_group: bool | None = None,
        **more: Any,
    ) -> int:
        """Add a conversation of some handles."""
        group = len(handles) > 1 if is_group is None else is_group
        number = self.insert(
            "chat",
            guid=f"{service};{'+' if group else '-'};{identifier}",
            style=43 if group else 45,
            chat_identifier=identifier,
            service_name=service,
            display_name=name,
            room_name=identifier if group else None,
            group_id=group_id or (self.guid() if group else None),
            is_filtered=0,
            **more,
        )
        for handle in handles:
            self.insert("chat_handle_join", chat_id=number, handle_id=handle)
        return number

    def message(
        self,
        text: str | None,
        *,
        at: dt.datetime,
        chat: int | None = None,
        handle: int = 0,
        guid: str | None = None,
        runs: Sequence[Run] | None = None,
        body: bytes | object | None = _KEEP,
        keep_text: bool = False,
        **more: Any,
    ) -> int:
        """Add a message; without *handle* it is one's own. The text goes into the typedstream."""
        if body is _KEEP:
            body = None if text is None else attributed_body(text, runs)
        when: Any = cocoa_nanoseconds(at)
        if self.schema in {"ios10", "ios5"}:
            when = int(cocoa_seconds(at))
        values: dict[str, Any] = {
            "guid": guid or self.guid(),
            "text": text if keep_text or self.schema in {"ios13", "ios10"} else None,
            "attributedBody": body,
            "handle_id": handle,
            "service": "iMessage",
            "date": when,
            "is_from_me": int(handle == 0),
            "is_read": int(handle != 0),
            "is_sent": int(handle == 0),
            "is_finished": 1,
            "error": 0,
            "item_type": 0,
            "associated_message_type": 0,
            "part_count": 1,
        }
        number = self.insert("message", **(values | more))
        if chat is not None:
            self.insert("chat_message_join", chat_id=chat, message_id=number, message_date=when)
        return number

    def guid_of(self, message: int) -> str:
        """Return a message's identity."""
        row = self._connection.execute("select guid from message where rowid = ?", (message,))
        return str(row.fetchone()[0])

    def tapback(
        self,
        target: int,
        kind: int,
        *,
        at: dt.datetime,
        chat: int | None,
        handle: int = 0,
        part: int | None = 0,
        **more: Any,
    ) -> int:
        """Add a row about another message: 2000 love … 3007 sticker taken back."""
        prefix = "bp:" if part is None else f"p:{part}/"
        return self.message(
            "Reacted to a message",
            at=at,
            chat=chat,
            handle=handle,
            associated_message_guid=prefix + self.guid_of(target),
            associated_message_type=kind,
            **more,
        )

    def attach(
        self,
        message: int,
        path: str | None,
        *,
        guid: str | None = None,
        media_type: str | None = "image/jpeg",
        size: int = 0,
        **more: Any,
    ) -> int:
        """Add an attachment to a message; *path* is relative to the phone's home."""
        values: dict[str, Any] = {
            "guid": guid or self.guid(),
            "filename": None if path is None else f"~/{path}",
            "mime_type": media_type,
            "transfer_name": None if path is None else path.rpartition("/")[2],
            "transfer_state": 5,
            "total_bytes": size,
            "is_sticker": 0,
            "hide_attachment": 0,
        }
        number = self.insert("attachment", **(values | more))
        self.insert("message_attachment_join", message_id=message, attachment_id=number)
        return number

    def delete_recently(self, message: int, *, chat: int, at: dt.datetime) -> None:
        """Move a message to "recently deleted"."""
        self._connection.execute("delete from chat_message_join where message_id = ?", (message,))
        self.insert(
            "chat_recoverable_message_join",
            chat_id=chat,
            message_id=message,
            delete_date=cocoa_nanoseconds(at),
        )

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Change anything else."""
        self._connection.execute(statement, parameters)

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        """Return what is there."""
        return self._connection.execute(question).fetchall()

    def to_bytes(self) -> bytes:
        """Return the database as a file's content."""
        self._connection.commit()
        return self._connection.serialize()


_VOCABULARY = """
morning train ticket garden lemon bicycle window river coffee evening project question letter
weather holiday kitchen doctor school market bridge island photo birthday number concert dinner
station mountain paper stone street summer winter yellow quiet later today tomorrow maybe surely
thanks please already never always again together Größe façade naïve
"""
_EXTRAS = (
    "😀",
    "👍🏽",
    "東京駅で会いましょう",
    "Привет",
    "https://example.org/a/b?c=1",
    "مرحبا",
    "สวัสดี",
)


def bulk_texts(seed: int) -> Iterator[str]:
    """Yield texts without end: short, mostly plain, some with emoji, links and other scripts."""
    chance = random.Random(seed)  # noqa: S311 -- the same texts every time
    words = _VOCABULARY.split()
    for number in itertools.count():
        text = " ".join(chance.choices(words, k=chance.randint(1, 18)))
        if number % 9 == 0:
            text = f"{text} {chance.choice(_EXTRAS)}"
        yield text


def write_bulk_messages(
    path: Path, count: int, *, seed: int = 7, chats: int = 120, body_only_percent: int = 70
) -> None:
    """Write *count* messages into a new file: about 20,000 a second, the same for the same seed.

    Four of a hundred rows are tapbacks, three have an attachment, one has been edited.
    """
    chance = random.Random(seed)  # noqa: S311 -- the same phone every time
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode=off")
    connection.execute("pragma synchronous=off")
    create_tables(connection, "ios18")
    for number in range(1, chats + 1):
        address = f"+1555{number:07d}"
        connection.execute(
            "insert into handle(id, service, country) values (?, 'iMessage', 'us')", (address,)
        )
        connection.execute(
            "insert into chat(guid, style, chat_identifier, service_name) "
            "values (?, 45, ?, 'iMessage')",
            (f"iMessage;-;{address}", address),
        )
        connection.execute("insert into chat_handle_join values (?, ?)", (number, number))
    started = cocoa_nanoseconds(dt.datetime(2016, 1, 1, tzinfo=dt.UTC))
    step = 300_000_000_000_000_000 // max(count, 1)
    texts = bulk_texts(seed)
    edited = summary_info(edits={0: [(dt.datetime(2023, 5, 1, tzinfo=dt.UTC), "before")]})
    previous = ""

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal previous
        for number in range(1, count + 1):
            text = next(texts)
            guid = f"{chance.getrandbits(128):032X}"
            guid = f"{guid[:8]}-{guid[8:12]}-{guid[12:16]}-{guid[16:20]}-{guid[20:]}"
            kind = number % 100
            own = chance.random() < 0.45
            about = f"p:0/{previous}" if kind < 4 and previous else None
            date = started + number * step
            yield (
                guid,
                None if chance.randrange(100) < body_only_percent else text,
                attributed_body(text),
                0 if own else number % chats + 1,
                "SMS" if number % 11 == 0 else "iMessage",
                date,
                date + 60_000_000_000 if own or kind > 50 else 0,
                date + 2_000_000_000 if own else 0,
                int(own),
                int(not own),
                int(own),
                about,
                2000 + kind if about else 0,
                edited if kind == 50 else None,
                date + 90_000_000_000 if kind == 50 else 0,
                "+15550000000",
            )
            if about is None:
                previous = guid

    with connection:
        connection.executemany(
            "insert into message(guid, text, attributedBody, handle_id, service, date, date_read, "
            "date_delivered, is_from_me, is_read, is_sent, associated_message_guid, "
            "associated_message_type, message_summary_info, date_edited, destination_caller_id, "
            "error, item_type) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
            rows(),
        )
        connection.execute(
            "insert into chat_message_join select rowid % ? + 1, rowid, date from message", (chats,)
        )
        connection.execute(
            "insert into attachment(guid, filename, mime_type, transfer_name, total_bytes, "
            "is_sticker, hide_attachment) select 'at_' || rowid, '~/Library/SMS/Attachments/00/0/'"
            " || rowid || '/IMG_' || rowid || '.jpg', 'image/jpeg', 'IMG_' || rowid || '.jpg', "
            "12345, 0, 0 from message where rowid % 100 between 60 and 62"
        )
        connection.execute(
            "insert into message_attachment_join select cast(substr(guid, 4) as integer), rowid "
            "from attachment"
        )
    connection.close()
