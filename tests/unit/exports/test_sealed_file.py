"""Sealed files: whole from anywhere, noise to everybody else, and never mixed up."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from services.indexer.exports.sealed_file import CHUNK_BYTES, SealedFile, SealedWriter

NOISE = random.Random(7)


def seal(path: Path, *pieces: bytes) -> SealedFile:
    writer = SealedWriter(path)
    for piece in pieces:
        writer.write(piece)
    return writer.finish()


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7]
)
def test_any_part_of_a_file_comes_back_as_it_went_in(tmp_path: Path, size: int) -> None:
    content = NOISE.randbytes(size)
    file = seal(tmp_path / "x", content[: size // 3], content[size // 3 :])
    assert file.size_bytes == size
    assert file.read(0, size + 10) == content
    for _ in range(20):
        offset, length = NOISE.randrange(size + 5), NOISE.randrange(1, CHUNK_BYTES)
        assert file.read(offset, length) == content[offset : offset + length]


def test_nothing_of_the_content_can_be_found_on_disk(tmp_path: Path) -> None:
    words = b"the surprise party is on the 14th " * 40_000
    file = seal(tmp_path / "x", words)
    on_disk = (tmp_path / "x").read_bytes()
    assert b"surprise" not in on_disk
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    # The same content with another key is another file.
    seal(tmp_path / "y", words)
    assert (tmp_path / "y").read_bytes() != on_disk
    file.remove()
    file.remove()
    assert not (tmp_path / "x").exists()


def test_a_file_that_was_changed_or_cut_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    file = seal(path, b"a" * CHUNK_BYTES, b"b" * CHUNK_BYTES)
    sealed = bytearray(path.read_bytes())
    half = len(sealed) // 2
    for changed in (
        sealed[:10] + bytes([sealed[10] ^ 1]) + sealed[11:],
        sealed[half:] + sealed[:half],
        sealed[:-1],
        b"",
    ):
        path.write_bytes(bytes(changed))
        with pytest.raises(InvalidTag):
            file.read(0, 2 * CHUNK_BYTES)


def test_a_writer_takes_no_file_that_is_there_and_leaves_none_when_it_is_given_up(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x"
    writer = SealedWriter(path)
    writer.write(b"x" * 2 * CHUNK_BYTES)
    assert path.stat().st_size > 0
    with pytest.raises(FileExistsError):
        SealedWriter(path)
    writer.discard()
    assert not path.exists()
