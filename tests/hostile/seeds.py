"""What is damaged: minted data of every shape, and the public samples where they are."""

from __future__ import annotations

import datetime as dt
import os
import plistlib
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from deploy.demo.attributed_body import attributed_body
from deploy.demo.container import PhoneApp, PhoneFile, mint_backup
from deploy.demo.messages import MessagesDatabase, summary_info
from deploy.demo.minted_protobuf import protobuf
from deploy.demo.phone import phone_files

PASSPHRASE = "hostile demo"
_MOST_SAMPLE_BYTES = 256 * 1024
_MOST_DATABASE_BYTES = 1024 * 1024
_AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)


@cache
def samples_folder() -> Path | None:
    """Where the public samples are; None without KEEPSAKE_SAMPLES."""
    named = os.environ.get("KEEPSAKE_SAMPLES")
    return Path(named) / "ios" if named and (Path(named) / "ios").is_dir() else None


def _samples(*patterns: str, most_bytes: int = _MOST_SAMPLE_BYTES) -> Iterator[bytes]:
    folder = samples_folder()
    if folder is None:
        return
    for pattern in patterns:
        for path in sorted(folder.rglob(pattern)):
            if path.is_file() and 8 < path.stat().st_size <= most_bytes:
                yield path.read_bytes()


def phone() -> list[PhoneFile]:
    """A demo phone with some names that are odd already."""
    odd = ("../../../../tmp/escaped", "/etc/cron.d/x", "a\\..\\b", "a\rb\nc", "x" * 300, "con.txt")
    return [
        *phone_files(),
        *(PhoneFile("AppDomain-com.example.odd", name, b"odd") for name in odd),
        PhoneFile("HomeDomain", "Library/empty", b""),
        PhoneFile("HomeDomain", "Library/link", kind="symlink", target="../../../../etc/passwd"),
    ]


def mint(
    root: Path, *, passphrase: str | None, manifest_format: str = "manifest_db", **more: object
) -> Path:
    """Mint that phone's backup with few rounds; return its folder."""
    return mint_backup(
        root,
        files=phone(),
        passphrase=passphrase,
        format=manifest_format,  # type: ignore[arg-type]
        apps=[PhoneApp("com.example.odd", "Odd")],
        dpic=2,
        iterations=2,
        **more,  # type: ignore[arg-type]
    ).path


def property_lists(folder: Path) -> list[bytes]:
    """The three lists of a backup, forms of their own, and samples."""
    own = [
        (folder / name).read_bytes() for name in ("Info.plist", "Manifest.plist", "Status.plist")
    ]
    many: dict[str, Any] = {
        "a": [1, -1, 2.5, True, b"x", "é", plistlib.UID(3), _AT.replace(tzinfo=None)]
    }
    for _ in range(20):
        many = {"deeper": [many]}
    own.append(plistlib.dumps(many, fmt=plistlib.FMT_BINARY))
    return [*own, *_samples("*.plist")]


def archives() -> list[bytes]:
    """Keyed archives and summaries of messages, as sms.db holds them."""
    dates = [(_AT, "one"), (_AT, "two")]
    own = [
        summary_info(edits={0: dates, 1: dates}, unsent=[1], parts=2),
        _archive({"ldtext": "Game", "an": "App", "URL": "data:,x", "userInfo": {"caption": "c"}}),
        _archive({"richLinkMetadata": {"title": "t", "originalURL": "https://example.com"}}),
    ]
    with sqlite3.connect(":memory:") as connection:
        connection.deserialize(messages())
        for column in ("payload_data", "message_summary_info"):
            own += [
                row[0]
                for row in connection.execute(
                    f"select {column} from message where {column} is not null"
                )
            ]
    return [*own, *_samples("*_message/*.plist", "*properties/*.plist", "app_store/*.plist")]


def protobufs() -> list[bytes]:
    """Messages of every type of field: deep, long, with text, numbers and what comes again."""
    deep: bytes = protobuf({1: "the end", 2: 5})
    for number in range(30):
        deep = protobuf({1: deep, 2: number})
    note = {2: {3: {2: "A note\n" * 200, 5: [{1: n, 2: {1: 14.5}} for n in range(200)]}}}
    return [
        protobuf(
            {1: 150, 2: "Grüße 🎉", 3: {1: {1: 7}}, 4: -5, 5: 2.5, 6: b"\0\xff", 1000: 2**64 - 1}
        ),
        protobuf(note),
        protobuf({7: [1, 2, 3] * 300, 8: ["a", "b"], 9: [{1: 1, 2: "x"}] * 50}),
        deep,
    ]


def typedstreams() -> list[bytes]:
    """Attributed texts, plain and with every attribute."""
    own = [
        attributed_body("Hello"),
        attributed_body("Grüße 🎉 " * 50),
        attributed_body(
            "@Mira see https://example.com",
            [
                (5, {"__kIMMessagePartAttributeName": 0, "__kIMMentionConfirmedMention": "+1555"}),
                (5, {"__kIMMessagePartAttributeName": 1, "__kIMTextBoldAttributeName": 1}),
                (19, {"__kIMLinkAttributeName": "https://example.com", "d": 2.5, "b": b"\0" * 40}),
            ],
        ),
    ]
    return [*own, *_samples("typedstream/*")]


def small_samples(*patterns: str) -> list[bytes]:
    """Public samples of these names, where they are and not large."""
    return list(_samples(*patterns))


@cache
def messages() -> bytes:
    """The demo phone's sms.db."""
    return next(f.content for f in phone_files() if f.relative_path.endswith("sms.db"))


def message_stores() -> list[bytes]:
    """Every age of sms.db, one with enough rows for trees of pages, and samples."""
    long = MessagesDatabase(seed=9)
    handle = long.handle("+15550100001")
    chat = long.chat([handle], identifier="+15550100001")
    for number in range(400):
        long.message(f"line {number} " + "x" * 60, at=_AT, chat=chat, handle=handle)
    old = MessagesDatabase(schema="ios10")
    old.message("old", at=_AT, chat=old.chat([old.handle("+1555")], identifier="+1555"))
    samples = [
        content
        for content in _samples("*.db", "*.sqlite", most_bytes=_MOST_DATABASE_BYTES)
        if b"CREATE TABLE message " in content or b'CREATE TABLE "message"' in content
    ]
    return [messages(), long.to_bytes(), old.to_bytes(), *samples]


def address_books() -> list[tuple[bytes, bytes]]:
    """Pairs of address book and pictures."""
    files = {file.relative_path.rpartition("/")[2]: file.content for file in phone_files()}
    pair = (files["AddressBook.sqlitedb"], files["AddressBookImages.sqlitedb"])
    return [pair, *((book, pair[1]) for book in _samples("*AddressBook*.sqlitedb"))]


def _archive(root: dict[str, object]) -> bytes:
    objects: list[object] = ["$null"]

    def add(value: object) -> plistlib.UID:
        if isinstance(value, dict):
            number = len(objects)
            objects.append(None)
            objects[number] = {
                "NS.keys": [add(key) for key in value],
                "NS.objects": [add(inner) for inner in value.values()],
            }
            return plistlib.UID(number)
        objects.append(value)
        return plistlib.UID(len(objects) - 1)

    top = {"root": add(root)}
    return plistlib.dumps(
        {"$archiver": "NSKeyedArchiver", "$objects": objects, "$top": top, "$version": 100_000},
        fmt=plistlib.FMT_BINARY,
    )
