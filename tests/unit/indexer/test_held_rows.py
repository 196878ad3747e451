"""What the history holds, as the parser's process knows it."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from services.indexer.held import Held, count_held, numbers_of
from services.indexer.staging import COPY_HEADER, COPY_TRAILER, StagedArtifact, encode_row


class Body(msgspec.Struct, frozen=True):
    """A payload."""


def row_of(key: str, text: str = "") -> bytes:
    return encode_row(StagedArtifact(key=key, text=text, payload=Body()))


def digest_of(row: bytes) -> bytes:
    at = 6 + int.from_bytes(row[2:6], "big") + 4
    return row[at : at + 16]


def write(path: Path, digests: Iterable[tuple[bytes, int]]) -> Path:
    """Write what Postgres would give for these digests and numbers."""
    rows = [struct.pack(">hi16siq", 2, 16, digest, 8, number) for digest, number in digests]
    path.write_bytes(COPY_HEADER + b"".join(rows) + COPY_TRAILER)
    return path


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1000, 20_000])
def test_a_row_that_is_held_is_taken_once_and_the_rest_is_left(tmp_path: Path, count: int) -> None:
    rows = [row_of(f"key {n}") for n in range(count)]
    path = write(tmp_path / "held", ((digest_of(row), n) for n, row in enumerate(rows)))
    assert count_held(path) == count
    held = Held(path)
    order = list(range(count))
    random.Random(count).shuffle(order)
    met = set(order[: count // 3])
    assert not any(held.takes(row_of(f"key {n}", "other words")) for n in met)
    assert all(held.takes(rows[n]) for n in met)
    assert not any(held.takes(rows[n]) for n in met)
    assert sorted(numbers_of(held.left())) == sorted(set(order) - met)


def test_a_digest_that_lies_across_two_others_is_not_held(tmp_path: Path) -> None:
    wanted = row_of("key")
    digest = digest_of(wanted)
    # The number of the one and the digest of the next give the bytes that are looked for.
    first = (bytes(16), int.from_bytes(digest[:8], "big", signed=True))
    second = (digest[8:] + bytes(8), 7)
    held = Held(write(tmp_path / "held", [first, second]))
    assert not held.takes(wanted)
    held = Held(write(tmp_path / "held", [first, second, (digest, 9)]))
    assert held.takes(wanted)
    assert numbers_of(held.left()) == [first[1], 7]


@pytest.mark.parametrize("content", [b"", b"PGCOPY", COPY_HEADER + b"x" * 30 + COPY_TRAILER])
def test_a_file_of_something_else_is_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "held"
    path.write_bytes(content)
    assert count_held(path) is None
    with pytest.raises(ValueError, match="not digests"):
        Held(path)
    other = write(path, [(bytes(16), 1)]).read_bytes().replace(struct.pack(">hi", 2, 16), b"123456")
    path.write_bytes(other)
    with pytest.raises(ValueError, match="not digests"):
        Held(path)
