"""Property lists that are small, well-formed and slow, or that unfold into more than they are."""

from __future__ import annotations

import plistlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.demo.container import PhoneFile, mint_backup
from services.discovery.inspection import read_plists
from services.indexer.kinds.keyed_archive import load_archive
from shared.ios_backup import BackupFolder
from shared.ios_backup.errors import DamagedPropertyList
from shared.ios_backup.property_lists import MAX_BYTES, MAX_OBJECTS, longest, read_property_list
from tests.hostile.bombs import closed_list, spared

#: Python's numbers and their remainders by it have the same hash.
_HASHED_BY = 2**61 - 1
_HEAD = b'<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>a</key>'
_TAIL = b"</dict></plist>"


def _text(content: bytes) -> bytes:
    return _HEAD + b"<string>" + content + b"</string>" + _TAIL


def colliding_keys(count: int) -> bytes:
    """A dictionary whose keys are different numbers of one hash: quadratic to fill."""
    references = struct.pack(f">{count}I", *range(1, count + 1))
    body = bytearray(b"bplist00\xdf\x12" + struct.pack(">I", count) + references)
    body += struct.pack(f">{count}I", *([count + 1] * count))
    offsets = [8]
    for number in range(count):
        offsets.append(len(body))
        body += b"\x14" + (number * _HASHED_BY + 7).to_bytes(16, "big")
    offsets.append(len(body))
    body += b"\x09"
    return closed_list(body, offsets)


def huge_numbers(count: int) -> bytes:
    """Numbers of one byte each that claim to have 32 KiB."""
    body = bytearray(b"bplist00\xd1" + struct.pack(">II", 1, 2))
    offsets = [8, len(body)]
    body += b"\x51a"
    offsets.append(len(body))
    body += b"\xaf\x12" + struct.pack(f">I{count}I", count, *range(3, count + 3))
    for _ in range(count):
        offsets.append(len(body))
        body += b"\x1f"
    body += bytes(40_000)
    return closed_list(body, offsets)


#: All of them are legal for the standard reader, which needs minutes or gigabytes for most.
SLOW: dict[str, Callable[[], bytes]] = {
    "a comment of 30 MB": lambda: _HEAD + b"<!--" + b"y" * (30 << 20) + b"--><true/>" + _TAIL,
    "an attribute of 30 MB": lambda: _HEAD + b'<true x="' + b"y" * (30 << 20) + b'"/>' + _TAIL,
    "an attribute full of ends": lambda: _HEAD + b'<true x="' + b">" * (30 << 20) + b'"/>' + _TAIL,
    "an attribute of the first tag": lambda: (
        b'<plist v="' + b">" * (30 << 20) + b'"><dict/></plist>'
    ),
    "a name of 30 MB": lambda: _HEAD + b"<" + b"y" * (30 << 20) + b"/>" + _TAIL,
    "an instruction of 30 MB": lambda: _HEAD + b"<?y " + b"y" * (30 << 20) + b"?><true/>" + _TAIL,
    "a declaration of 30 MB": lambda: (
        b'<!DOCTYPE plist PUBLIC "' + b"y" * (30 << 20) + b'" "x">' + _HEAD + b"<true/>" + _TAIL
    ),
    "a reference without an end": lambda: _text(b"&" + b"y" * (30 << 20)),
    "half a million attributes": lambda: (
        _HEAD + b"<true " + b" ".join(b'a%d=""' % n for n in range(500_000)) + b"/>" + _TAIL
    ),
    "sixty million line breaks": lambda: _text(b"\n" * (60 << 20)),
    "ten million references": lambda: _text(b"&#65;" * 10_000_000),
    "more values than any phone's": lambda: (
        _HEAD + b"<array>" + b"<true/>" * (MAX_OBJECTS + 1) + b"</array>" + _TAIL
    ),
    "text in UTF-16": lambda: (_HEAD + b"<true/>" + _TAIL).decode().encode("utf-16"),
    "keys of one hash": lambda: colliding_keys(50_000),
    "numbers of 32 KiB": lambda: huge_numbers(50_000),
    "a text of 60 MB that needs four times as much": lambda: _text(
        b"x" * (60 << 20) + "𝄞".encode()
    ),
    "keys that are a book": lambda: plistlib.dumps({"x" * (20 << 20): 1}, fmt=plistlib.FMT_BINARY),
}


@pytest.mark.parametrize("name", SLOW)
def test_a_list_that_is_slow_to_read_is_refused_before_it_is_read(name: str) -> None:
    content = SLOW[name]()
    assert len(content) <= MAX_BYTES

    def attempt() -> None:
        with pytest.raises(DamagedPropertyList):
            read_property_list(content)

    spared(attempt)


@pytest.mark.parametrize("name", ["keys of one hash", "numbers of 32 KiB", "a comment of 30 MB"])
def test_an_archive_in_a_message_that_is_slow_to_read_is_left_out(name: str) -> None:
    makers = {
        "keys of one hash": lambda: colliding_keys(50_000),
        "numbers of 32 KiB": lambda: huge_numbers(50_000),
        "a comment of 30 MB": lambda: _HEAD + b"<!--" + b"y" * (7 << 20) + b"--><true/>" + _TAIL,
    }
    content = makers[name]()
    assert spared(lambda: load_archive(content)) is None


#: The most expensive lists that are taken.
COSTLY: dict[str, Callable[[], bytes]] = {
    "dictionaries": lambda: (
        _HEAD + b"<array>" + b"<dict><key>a</key><true/></dict>" * 99_000 + b"</array>" + _TAIL
    ),
    "wide texts": lambda: (
        _HEAD + b"<array>" + (b"<string>" + b"x" * 99_990 + "𝄞".encode() + b"</string>") * 160
        + b"</array>" + _TAIL
    ),
    "one piece of data": lambda: _HEAD + b"<data>" + b"QUJD" * ((MAX_BYTES - 300) // 4) + b"</data>"
    + _TAIL,
    "a long text": lambda: plistlib.dumps({"a": "\u20ac" * (15 << 20)}, fmt=plistlib.FMT_BINARY),
}  # fmt: skip


@pytest.mark.parametrize("name", COSTLY)
def test_the_largest_list_that_is_taken_stays_within_the_limits(name: str) -> None:
    content = COSTLY[name]()
    assert spared(lambda: len(read_property_list(content))) == 1


def test_a_folder_with_three_of_the_largest_lists_stays_within_the_limits(tmp_path: Path) -> None:
    """What the services do, one after the other; memory is counted over all of it."""
    folder = mint_backup(tmp_path, files=[PhoneFile("HomeDomain", "a", b"x")]).path
    for name in ("Info.plist", "Manifest.plist", "Status.plist"):
        book = b"x" * min(longest(name) - 400, 15 << 20) + "𝄞".encode()
        rest = b"QUJD" * ((longest(name) - len(book) - 400) // 4)
        content = b"<array><string>" + book + b"</string><data>" + rest + b"</data></array>"
        (folder / name).write_bytes(_HEAD + content + _TAIL)

    def attempt() -> int:
        read_plists(bytes(folder))
        return len(BackupFolder.open(folder).readable)

    assert spared(attempt) == 3


@pytest.mark.parametrize("name", ["Manifest.plist", "Status.plist"])
def test_a_list_that_is_longer_than_any_of_its_name_is_damaged(name: str, tmp_path: Path) -> None:
    folder = mint_backup(tmp_path, files=[PhoneFile("HomeDomain", "a", b"x")]).path
    (folder / name).write_bytes(_text(b"x" * longest(name)))
    assert f"{name} is damaged." in BackupFolder.open(folder).warnings


def test_lists_as_people_write_them_are_read_as_ever() -> None:
    value = {"text": "a < b & c > d = e", "data": b"\xff" * 100_000, "n": 2**63, "r": 1.5}
    content = plistlib.dumps(value, fmt=plistlib.FMT_XML)
    assert read_property_list(content) == value
    assert read_property_list(b"\xef\xbb\xbf" + content) == value
    bare = content[content.index(b"<plist") :]
    assert read_property_list(bare) == value
    assert read_property_list(bare.replace(b' version="1.0"', b"")) == value
    assert read_property_list(plistlib.dumps(value, fmt=plistlib.FMT_BINARY)) == value
