"""Writes what Notes keeps in blobs: texts with runs, tables, galleries, shares, locked notes."""

from __future__ import annotations

import gzip
import hashlib
import plistlib
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from deploy.demo.attributed_body import utf16_length
from deploy.demo.minted_protobuf import Fields, protobuf

TITLE, HEADING, SUBHEADING, MONOSPACED = 0, 1, 2, 4
DOTTED, DASHED, NUMBERED, CHECK = 100, 101, 102, 103
BOLD, ITALIC, BOLD_ITALIC = 1, 2, 3

_KEYS = ("identity", "cellColumns", "UUIDIndex", "crRows", "crColumns", "crTableColumnDirection",
         "self")  # fmt: skip
_TYPES = ("com.apple.CRDT.NSString", "com.apple.CRDT.NSUUID", "com.apple.CRDT.CRTree",
          "com.apple.notes.CRTable", "com.apple.notes.ICTable")  # fmt: skip
_STRING, _UUID, _TABLE = 0, 1, 4
_ROUNDS = 20_000


@dataclass(frozen=True)
class Piece:
    """Some text with the fields of its run."""

    text: str
    run: Fields


def piece(
    text: str,
    style: int | None = None,
    *,
    indent: int | None = None,
    align: int | None = None,
    is_quote: bool = False,
    done: bool | None = None,
    weight: int | None = None,
    link: str | None = None,
    color: tuple[float, float, float] | None = None,
    attachment: tuple[str, str] | None = None,
    **more: int,
) -> Piece:
    """Return text that looks like this; *more* are underline, strike, script and highlight."""
    paragraph: dict[int, Any] = {1: style, 2: align, 3: 1, 4: indent, 8: 1 if is_quote else None}
    if done is not None:
        paragraph[5] = {1: hashlib.md5(text.encode(), usedforsecurity=False).digest(), 2: done}
    run: dict[int, Any] = {
        2: paragraph, 5: weight, 6: more.get("underline"), 7: more.get("strike"),
        8: more.get("script"), 9: link, 13: 1_720_000_000, 14: more.get("highlight"),
    }  # fmt: skip
    if color is not None:
        parts = (*color, 1.0)
        # A field of four bytes.
        run[10] = b"".join(struct.pack("<Bf", n << 3 | 5, part) for n, part in enumerate(parts, 1))
    if attachment is not None:
        run[12] = {1: attachment[0], 2: attachment[1]}
    return Piece(text, run)


def stands(key: str, uti: str, style: int | None = None) -> Piece:
    """Return the place of an attachment."""
    return piece("\ufffc", style, attachment=(key, uti))


def _note(pieces: Sequence[Piece]) -> dict[int, Any]:
    return {
        2: "".join(part.text for part in pieces),
        5: [{1: utf16_length(part.text), **part.run} for part in pieces],
    }


def note_data(pieces: Sequence[Piece]) -> bytes:
    """Return a note as ZDATA keeps it."""
    return gzip.compress(protobuf({1: 0, 2: {1: 0, 2: 0, 3: _note(pieces)}}), mtime=0)


def table_data(
    rows: Sequence[Sequence[str | Sequence[Piece]]], *, is_right_to_left: bool = False
) -> bytes:
    """Return a table as ZMERGEABLEDATA1 keeps it: rows and columns have two identities each."""
    entries: list[Any] = []
    identities: list[bytes] = []

    def identity() -> int:
        identities.append(uuid.uuid5(uuid.NAMESPACE_OID, f"{len(identities)} {rows}").bytes)
        entries.append({13: {1: _UUID, 3: {1: 2, 2: {2: len(identities) - 1}}}})
        return len(entries) - 1

    def ordered(count: int) -> tuple[int, list[int]]:
        array: list[Any] = []
        contents: list[Any] = []
        inner: list[int] = []
        for _ in range(count):
            outside, inside = identity(), identity()
            array.append({1: len(array), 2: identities[-2]})
            contents.append({1: {6: outside}, 2: {6: inside}})
            inner.append(inside)
        elements = {1: [{1: {6: place}, 2: {6: place}} for place in inner]}
        text = {2: "\ufffc" * count}
        entries.append({16: {1: {1: {1: text, 2: array}, 2: {1: contents}}, 2: elements}})
        return len(entries) - 1, inner

    entries.append(None)
    of_rows, row_places = ordered(len(rows))
    of_columns, column_places = ordered(len(rows[0]))
    columns = []
    for column, column_place in enumerate(column_places):
        cells = []
        for row, row_place in enumerate(row_places):
            cell = rows[row][column]
            pieces = [piece(cell)] if isinstance(cell, str) else list(cell)
            if any(part.text for part in pieces):
                entries.append({10: _note(pieces)})
                cells.append({1: {6: row_place}, 2: {6: len(entries) - 1}})
        entries.append({6: {1: cells}})
        columns.append({1: {6: column_place}, 2: {6: len(entries) - 1}})
    entries.append({6: {1: columns}})
    of_cells = len(entries) - 1
    word = f"CRTableColumnDirection{'RightToLeft' if is_right_to_left else 'LeftToRight'}"
    entries.append({13: {1: _STRING, 3: {1: 6, 2: {4: word}}}})
    named = ((3, of_rows), (4, of_columns), (1, of_cells), (5, len(entries) - 1))
    entries[0] = {13: {1: _TABLE, 3: [{1: key, 2: {6: place}} for key, place in named]}}
    return _mergeable(entries, identities)


def gallery_data(keys: Sequence[str]) -> bytes:
    """Return the order of a gallery's pictures."""
    entries: list[Any] = []
    for place, key in enumerate(keys):
        entries += [{13: {1: _STRING, 3: {1: 0, 2: {4: key}}}}, {9: {1: {1: 1, 2: place}}}]
    # The last ones first: entries come as they were written, not as they stand.
    pairs = [entries[at : at + 2] for at in range(0, len(entries), 2)]
    return _mergeable([entry for pair in reversed(pairs) for entry in pair], [])


def _mergeable(entries: list[Any], identities: list[bytes]) -> bytes:
    content = {3: entries, 4: list(_KEYS), 5: list(_TYPES), 6: identities}
    return gzip.compress(protobuf({1: 0, 2: {1: 0, 2: 0, 3: content}}), mtime=0)


def share_data(people: Sequence[tuple[str, str, int, bool]]) -> bytes:
    """Return a share as CloudKit keeps it: given name and address, type, and whether it is me."""
    objects: list[Any] = ["$null"]

    def add(value: Any) -> plistlib.UID:
        if isinstance(value, dict):
            value = {
                name: add(inner) if isinstance(inner, dict | str | list) else inner
                for name, inner in value.items()
            }
        elif isinstance(value, list):
            value = {"NS.objects": [add(inner) for inner in value]}
        objects.append(value)
        return plistlib.UID(len(objects) - 1)

    participants = add(
        [
            {
                "Type": kind, "AcceptanceStatus": 2, "Permission": 3, "IsCurrentUser": is_me,
                "UserIdentity": {
                    "UserRecordID": {"RecordName": f"_{address}"},
                    "NameComponents": {
                        "NS.nameComponentsPrivate": {
                            "NS.givenName": name.split()[0], "NS.familyName": name.split()[-1],
                        },
                    },
                    "LookupInfo": {
                        "EmailAddress" if "@" in address else "PhoneNumber": address,
                    },
                },
            }
            for name, address, kind, is_me in people
        ]
    )  # fmt: skip
    top = {"Participants": participants, "ETag": add("1av"), "PublicPermission": 1}
    return plistlib.dumps(
        {"$archiver": "NSKeyedArchiver", "$objects": objects, "$top": top, "$version": 100_000},
        fmt=plistlib.FMT_BINARY,
    )


@dataclass(frozen=True)
class LockedData:
    """A note that was locked with a password of its own, by the columns that keep it."""

    data: bytes
    salt: bytes
    wrapped_key: bytes
    vector: bytes
    tag: bytes
    rounds: int = _ROUNDS


def locked_data(pieces: Sequence[Piece], password: str, *, seed: int = 1) -> LockedData:
    """Lock a note with *password* as iOS 9 to 15 do."""
    salt, key, vector = (hashlib.sha256(f"{seed} {n}".encode()).digest()[:16] for n in range(3))
    outer = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS, 16)
    sealed = AESGCM(key).encrypt(vector, note_data(pieces), None)
    return LockedData(sealed[:-16], salt, aes_key_wrap(outer, key), vector, sealed[-16:])
