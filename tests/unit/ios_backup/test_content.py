"""Reading plaintext: exact lengths, any range, and honest failures on damage."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
import unittest.mock
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.demo.container import PhoneFile
from deploy.demo.minted_keys import encrypt, pad
from shared.ios_backup.content import FileReader
from shared.ios_backup.errors import DamagedFile, Locked, MissingFile
from shared.ios_backup.media_types import media_type
from shared.ios_backup.safe_files import open_within

KEY = bytes(range(32))
SMS = ("HomeDomain", "Library/SMS/sms.db")


def _reader(folder: Path, stored: bytes, *, key: bytes | None, claimed: int | None) -> FileReader:
    path = folder / "blob"
    path.write_bytes(stored)
    return FileReader(os.open(path, os.O_RDONLY), key=key, claimed=claimed)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.binary(max_size=200),
    offset=st.integers(0, 250),
    length=st.integers(0, 250),
    encrypted=st.booleans(),
    is_small=st.booleans(),
)
def test_a_range_is_what_slicing_the_whole_gives(
    tmp_path: Path, content: bytes, offset: int, length: int, *, encrypted: bool, is_small: bool
) -> None:
    stored = encrypt(KEY, pad(content)) if encrypted else content
    (tmp_path / "copy").unlink(missing_ok=True)
    with (
        unittest.mock.patch("shared.ios_backup.content._SMALL_BYTES", 10**6 if is_small else 0),
        _reader(tmp_path, stored, key=KEY if encrypted else None, claimed=None) as reader,
    ):
        assert reader.size_bytes == len(content)
        assert reader.read(offset, length) == content[offset : offset + length]
        assert b"".join(reader.chunks(48)) == content
        assert reader.copy_to(tmp_path / "copy") == len(content)
        assert (tmp_path / "copy").read_bytes() == content


@pytest.mark.parametrize("size", [0, 1, 5, 16, 1_048_575, 1_048_576, 1_048_577, 2_500_000])
@pytest.mark.parametrize("key", [KEY, None])
def test_a_copy_is_exact_at_every_border_of_its_pieces(
    tmp_path: Path, size: int, key: bytes | None
) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    stored = encrypt(KEY, pad(content[:size])) if key else content[:size]
    with _reader(tmp_path, stored, key=key, claimed=size) as reader:
        assert reader.copy_to(tmp_path / "copy") == size
    assert (tmp_path / "copy").read_bytes() == content[:size]


def test_a_range_reads_no_more_stored_bytes_than_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *args: asked.append(args[1]) or pread(*args))
    with _reader(tmp_path, encrypt(KEY, pad(bytes(10**6))), key=KEY, claimed=None) as reader:
        asked.clear()
        assert reader.read(500_003, 100) == bytes(100)
    assert sum(asked) <= 100 + 3 * 16


def test_copying_a_large_file_keeps_memory_flat(tmp_path: Path) -> None:
    content = os.urandom(1024) * 1024 * 24
    reader = _reader(tmp_path, encrypt(KEY, pad(content)), key=KEY, claimed=len(content))
    expected = hashlib.sha256(content).digest()
    del content
    tracemalloc.start()
    with reader:
        assert reader.copy_to(tmp_path / "copy") == 24 * 1024 * 1024
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
    assert hashlib.sha256((tmp_path / "copy").read_bytes()).digest() == expected
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


def test_a_copy_replaces_nothing_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    reader = _reader(tmp_path, encrypt(KEY, pad(bytes(3_000_000))), key=KEY, claimed=None)
    (tmp_path / "there").write_bytes(b"mine")
    with reader:
        with pytest.raises(FileExistsError):
            reader.copy_to(tmp_path / "there")
        os.truncate(tmp_path / "blob", 1_500_000)
        with pytest.raises(DamagedFile):
            reader.copy_to(tmp_path / "copy")
    assert (tmp_path / "there").read_bytes() == b"mine"
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("claimed", [0, 50, 99, 101, 10**9, None])
def test_valid_padding_is_trusted_whatever_the_manifest_claims(
    tmp_path: Path, claimed: int | None
) -> None:
    stored = encrypt(KEY, pad(b"x" * 100))
    with _reader(tmp_path, stored, key=KEY, claimed=claimed) as reader:
        assert reader.read(0, 1000) == b"x" * 100
        assert bool(reader.warnings) == (claimed in {0, 50, 10**9})


def test_with_invalid_padding_a_size_within_the_last_block_is_taken(tmp_path: Path) -> None:
    stored = encrypt(KEY, b"x" * 112)
    with _reader(tmp_path, stored, key=KEY, claimed=100) as reader:
        assert reader.read(0, 1000) == b"x" * 100
        assert reader.warnings
    for claimed in (96, 113, None):
        with pytest.raises(DamagedFile):
            _reader(tmp_path, stored, key=KEY, claimed=claimed)


def test_a_truncated_blob_is_damaged_and_not_cut(opened: Callable[..., Any]) -> None:
    backup = opened(passphrase="test")
    blob = backup.minted.blob_path(*SMS)
    for length in (4999, 16 * 100, 0):
        os.truncate(blob, length)
        with pytest.raises(DamagedFile):
            backup.file(*SMS)


def test_a_missing_blob_is_missing_and_present_says_so(opened: Callable[..., Any]) -> None:
    backup = opened(passphrase="test")
    entry = backup.entry(*SMS)
    assert backup.folder.has_blob(entry) is True
    backup.minted.blob_path(*SMS).unlink()
    assert backup.folder.has_blob(entry) is False
    with pytest.raises(MissingFile):
        backup.file(*SMS)
    link = backup.entry("AppDomain-com.example.app", "Documents/link")
    assert backup.folder.has_blob(link) is None
    with pytest.raises(DamagedFile):
        backup.folder.open_file(link, backup.keys)


def test_a_blob_that_is_a_link_a_folder_or_a_pipe_is_refused(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    backup = opened(passphrase="test")
    blob = backup.minted.blob_path(*SMS)
    secret = tmp_path / "secret"
    blob.rename(secret)
    for make in (lambda: blob.symlink_to(secret), blob.mkdir, lambda: os.mkfifo(blob)):
        make()
        with pytest.raises(DamagedFile):
            backup.file(*SMS)
        assert backup.folder.has_blob(backup.entry(*SMS)) is False
        if blob.is_dir() and not blob.is_symlink():
            blob.rmdir()
        else:
            blob.unlink()


def test_a_folder_of_blobs_that_is_a_link_is_refused(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    backup = opened()
    folder = backup.minted.blob_path(*SMS).parent
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedFile):
        backup.file(*SMS)


@pytest.mark.parametrize("parts", [(), ("..", "x"), ("a/b",), ("",), (".",), ("a\0",)])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, parts: tuple[str, ...]) -> None:
    with pytest.raises(DamagedFile):
        open_within(tmp_path, *parts)


@pytest.mark.parametrize("file_id", ["../../../etc/passwd", "A" * 40, "a" * 39, "a" * 40 + "\n"])
def test_file_ids_that_no_backup_has_are_refused(opened: Callable[..., Any], file_id: str) -> None:
    backup = opened()
    entry = msgspec.structs.replace(backup.entry(*SMS), file_id=file_id)
    assert backup.folder.has_blob(entry) is False
    with pytest.raises(DamagedFile):
        backup.folder.open_file(entry, None)
    assert backup.manifest.stat(file_id) is None


def test_encrypted_content_without_its_key_is_damaged(opened: Callable[..., Any]) -> None:
    backup = opened(passphrase="test")
    entry = backup.entry(*SMS)
    for wrapped_key in (None, b"short", bytes(44), entry.wrapped_key[:-1] + b"\0"):
        broken = msgspec.structs.replace(entry, wrapped_key=wrapped_key)
        with pytest.raises(DamagedFile):
            backup.folder.open_file(broken, backup.keys)
    with pytest.raises(Locked):
        backup.folder.open_file(entry, None)
    backup.keys.wipe()
    with pytest.raises(Locked):
        backup.folder.open_file(entry, backup.keys)


def test_a_bit_of_rot_in_the_last_block_is_noticed(opened: Callable[..., Any]) -> None:
    backup = opened(passphrase="test", sizes="missing")
    blob = backup.minted.blob_path(*SMS)
    stored = bytearray(blob.read_bytes())
    stored[-1] ^= 1
    blob.write_bytes(stored)
    with pytest.raises(DamagedFile):
        backup.file(*SMS)


def test_hostile_paths_are_listed_and_read_like_any_other(opened: Callable[..., Any]) -> None:
    paths = ["../../etc/passwd", "/etc/passwd", "a\0b", "a\\b\r\n", "CON", "x" * 4000, "naïve", "."]
    files = [PhoneFile("HomeDomain", path, path.encode()) for path in paths]
    backup = opened(files=files, passphrase="test")
    for path in paths:
        assert backup.content("HomeDomain", path) == path.encode()
    assert backup.manifest.file_count == len(paths)


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("IMG.HEIC", b"\0\0\0\x24ftypheic", "image/heic"),
        ("IMG.MOV", b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        ("clip", b"\0\0\0\x14ftypisom", "video/mp4"),
        ("voice.m4a", b"\0\0\0\x14ftypmp42", "audio/mp4"),
        ("liar.txt", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a/b.docx", b"PK\x03\x04", (
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        )),
        ("sms.db", b"SQLite format 3\0", "application/vnd.sqlite3"),
        ("folder.txt/noextension", b"??", "application/octet-stream"),
        ("notes.txt", b"", "text/plain"),
    ],
)  # fmt: skip
def test_media_types_come_from_bytes_first_and_names_second(
    name: str, head: bytes, expected: str
) -> None:
    assert media_type(name, head) == expected
