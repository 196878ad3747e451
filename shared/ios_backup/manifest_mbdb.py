"""Manifest.mbdb of iOS 4 to 9, brought into the form of Manifest.db.

The file is ``mbdb``, 05, 00 and then records, all numbers big-endian; a string is a length of
2 bytes and its bytes, and the length 0xFFFF is no string. A record is domain, path, target of a
link, digest and wrapped key; mode (2), inode (8), user, group, modified, status changed, born
(4 each), size (8), protection class (1); a count (1) of properties, and that many pairs of
strings. It is never encrypted itself, and blobs lie flat in the folder.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.ios_backup.errors import DamagedManifest, Locked
from shared.ios_backup.manifest_entry import EntryFacts

MAGIC = b"mbdb\x05\x00"
#: More than twice the largest known; it is held in memory whole.
MAX_BYTES = 128 * 1024**2
#: Real records have some hundred bytes, forged ones as few as fifty. Phones of that age held at
#: most 128 GB.
MAX_RECORDS = 1_000_000
#: A few milliseconds.
_RECORDS_BETWEEN_CHECKS = 500
_NUMBERS = struct.Struct(">HQIIIIIQBB")
_FLAGS = {0x8000: 1, 0x4000: 2, 0xA000: 4}
_SCHEMA = """
create table Files (fileID text primary key, domain text, relativePath text, flags integer,
                    file blob)
"""


def stage_mbdb(
    content: bytes, scratch: Path, *, is_over: Callable[[], bool] = lambda: False
) -> Path:
    """Write *content*'s records as a Manifest.db whose archives are records; return its path.

    Raises DamagedManifest, and Locked soon after *is_over* says so; nothing is left behind then.
    """
    if not content.startswith(MAGIC):
        raise DamagedManifest("The manifest is not one of iOS 4 to 9.")
    path = scratch / "manifest.sqlite"
    path.touch(mode=0o600, exist_ok=False)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("pragma journal_mode = off")
        connection.execute("pragma synchronous = off")
        connection.execute(_SCHEMA)
        connection.execute("begin")
        connection.executemany(
            # A later record of the same name replaces the earlier one, as in a restore.
            "insert or replace into Files values (?, ?, ?, ?, ?)",
            _rows(content, is_over),
        )
        connection.execute("commit")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        connection.close()
    return path


def _rows(
    content: bytes, is_over: Callable[[], bool]
) -> Iterator[tuple[str, str, str, int, bytes]]:
    for number, (begin, end) in enumerate(_records(content)):
        if number % _RECORDS_BETWEEN_CHECKS == 0 and is_over():
            raise Locked("The backup was locked meanwhile.")
        yield _row(content[begin:end])


def has_wrapped_keys(content: bytes) -> bool:
    """Whether any record carries a key, which means that the backup is encrypted."""
    return any(_strings(content, begin)[0][4] for begin, _ in _records(content))


def read_rows(content: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Yield (file id, flags as in Manifest.db, record) of every record, as they come.

    Raises DamagedManifest.
    """
    if not content.startswith(MAGIC):
        raise DamagedManifest("The manifest is not one of iOS 4 to 9.")
    for begin, end in _records(content):
        record = content[begin:end]
        name, _, _, flags, _ = _row(record)
        yield name, flags, record


def read_record(record: bytes) -> EntryFacts:
    """Read one record; garbage gives facts that are all None."""
    try:
        strings, position = _strings(record, 0)
        numbers = _NUMBERS.unpack_from(record, position)
    except (DamagedManifest, struct.error):
        return EntryFacts()
    mode, _, _, _, modified, _, created, size, protection_class, _ = numbers
    _, _, target, digest, wrapped_key = strings
    return EntryFacts(
        size_bytes=size if size < 2**62 else None,
        mode=mode,
        modified=modified,
        created=created,
        protection_class=protection_class,
        wrapped_key=wrapped_key or None,
        target=target.decode("utf-8", "replace") if target else None,
        digest=digest or None,
    )


def record_sizes(record: bytes) -> tuple[int | None, int | None]:
    """Read size and modification time of one record."""
    facts = read_record(record)
    return facts.size_bytes, facts.modified


def _row(record: bytes) -> tuple[str, str, str, int, bytes]:
    strings, position = _strings(record, 0)
    domain, path = strings[0] or b"", strings[1] or b""
    (mode,) = struct.unpack_from(">H", record, position)
    # The kind is in three bits only: of 0xA000, 0x8000 and 0x4000.
    flags = _FLAGS.get(mode & 0xE000, 0)
    name = hashlib.sha1(domain + b"-" + path, usedforsecurity=False).hexdigest()
    return (
        name,
        domain.decode("utf-8", "replace"),
        path.decode("utf-8", "replace"),
        flags,
        record,
    )


def _records(content: bytes) -> Iterator[tuple[int, int]]:
    position = len(MAGIC)
    count = 0
    while position < len(content):
        begin = position
        count += 1
        if count > MAX_RECORDS:
            raise DamagedManifest("The manifest lists more files than any real one.")
        _, position = _strings(content, position)
        position += _NUMBERS.size
        if position > len(content):
            raise DamagedManifest("The manifest is cut off.")
        for _ in range(2 * content[position - 1]):
            _, position = _string(content, position)
        yield begin, position


def _strings(content: bytes, position: int) -> tuple[list[bytes | None], int]:
    found: list[bytes | None] = []
    for _ in range(5):
        value, position = _string(content, position)
        found.append(value)
    return found, position


def _string(content: bytes, position: int) -> tuple[bytes | None, int]:
    begin = position + 2
    length = int.from_bytes(content[position:begin], "big")
    if length == 0xFFFF:
        length = 0
        if begin <= len(content):
            return None, begin
    if begin + length > len(content):
        raise DamagedManifest("The manifest is cut off.")
    return content[begin : begin + length], begin + length
