"""The manifests of a minted backup: Manifest.db as of iOS 10, and Manifest.mbdb before it."""

from __future__ import annotations

import datetime as dt
import plistlib
import sqlite3
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_SCHEMA = """
create table Files (fileID text primary key, domain text, relativePath text, flags integer,
                    file blob);
create index FilesDomainIdx on Files(domain);
create index FilesRelativePathIdx on Files(relativePath);
create index FilesFlagsIdx on Files(flags);
create table Properties (key text primary key, value blob);
pragma user_version = 2;
"""
_FLAGS = {"file": 1, "directory": 2, "symlink": 4}
_NULL_STRING = b"\xff\xff"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of a manifest, ready to be written."""

    file_id: str
    domain: str
    relative_path: str
    kind: str
    size: int | None
    mode: int
    modified_at: dt.datetime
    protection_class: int
    wrapped_key: bytes | None
    target: str | None
    inode: int
    attributes: dict[str, bytes] = field(default_factory=dict)


def manifest_db(entries: Iterable[Entry], *, uid_keys: bool) -> bytes:
    """Write Manifest.db. With *uid_keys* the keys' bytes stand in an object of their own."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(_SCHEMA)
        connection.executemany(
            "insert into Files values (?, ?, ?, ?, ?)",
            (
                (
                    entry.file_id,
                    entry.domain,
                    entry.relative_path,
                    _FLAGS[entry.kind],
                    archived_entry(entry, uid_keys=uid_keys),
                )
                for entry in entries
            ),
        )
        connection.commit()
        return connection.serialize()
    finally:
        connection.close()


def archived_entry(entry: Entry, *, uid_keys: bool) -> bytes:
    """Write one MBFile as NSKeyedArchiver does."""
    time = int(entry.modified_at.timestamp())
    objects: list[Any] = ["$null"]

    def add(value: object) -> plistlib.UID:
        objects.append(value)
        return plistlib.UID(len(objects) - 1)

    root: dict[str, Any] = {"LastModified": time, "Flags": 0, "GroupID": 501}
    add(root)
    if entry.target is not None:
        root["Target"] = add(entry.target)
    root["LastStatusChange"] = time
    root["RelativePath"] = add(entry.relative_path)
    root["Birth"] = time
    if entry.wrapped_key is not None:
        data_class = add({"$classname": "NSMutableData", "$classes": ["NSMutableData", "NSData"]})
        data: object = add(entry.wrapped_key) if uid_keys else entry.wrapped_key
        root["EncryptionKey"] = add({"$class": data_class, "NS.data": data})
    if entry.attributes:
        stored = plistlib.dumps(entry.attributes, fmt=plistlib.FMT_BINARY)
        data_class = add({"$classname": "NSMutableData", "$classes": ["NSMutableData", "NSData"]})
        root["ExtendedAttributes"] = add({"$class": data_class, "NS.data": stored})
    if entry.size is not None:
        root["Size"] = entry.size
    root |= {
        "Mode": entry.mode,
        "UserID": 501,
        "InodeNumber": entry.inode,
        "ProtectionClass": entry.protection_class,
        "$class": add({"$classname": "MBFile", "$classes": ["MBFile", "NSObject"]}),
    }
    archive = {
        "$version": 100000,
        "$archiver": "NSKeyedArchiver",
        "$top": {"root": plistlib.UID(1)},
        "$objects": objects,
    }
    return plistlib.dumps(archive, fmt=plistlib.FMT_BINARY, sort_keys=False)


def manifest_mbdb(entries: Iterable[Entry]) -> bytes:
    """Write Manifest.mbdb."""
    return b"mbdb\x05\x00" + b"".join(_mbdb_record(entry) for entry in entries)


def _mbdb_record(entry: Entry) -> bytes:
    time = int(entry.modified_at.timestamp())
    return b"".join(
        (
            _mbdb_string(entry.domain.encode()),
            _mbdb_string(entry.relative_path.encode("utf-8", "surrogatepass")),
            _mbdb_string(None if entry.target is None else entry.target.encode()),
            _NULL_STRING,  # digest of the content
            _mbdb_string(entry.wrapped_key),
            struct.pack(">HQIIIII", entry.mode, entry.inode, 501, 501, time, time, time),
            struct.pack(">QBB", entry.size or 0, entry.protection_class, 0),
        )
    )


def _mbdb_string(value: bytes | None) -> bytes:
    return _NULL_STRING if value is None else struct.pack(">H", len(value)) + value
