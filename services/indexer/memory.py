"""What one run leaves for the next: which records it read, and which artifacts they became.

A parser that keeps a memory splits its records into small groups and takes a fingerprint of each,
which covers everything that decides the group's artifacts. A group whose fingerprint is known from
the revision before need not be parsed again: its artifacts are those of then. A fingerprint says
nothing about what was read; beside it stand the keys of the artifacts and the beginnings of their
digests, so that it is known what ends when a group changes.

Whenever a store is not as a phone writes it, the parser gives the memory up. Then everything is
parsed and merged as a whole, which is always right.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from services.indexer.beside import append_file
from services.indexer.staging import COPY_HEADER, COPY_TRAILER

FINGERPRINT_BYTES = 16
#: As much of a digest as tells two contents of one key apart.
DIGEST_BYTES = 8
#: Longer keys are none that a phone writes, and their length does not fit into one byte.
MOST_KEY_BYTES = 200
_KEY_AT = 6

#: Columns of a group as they are written, in COPY order.
GROUP_COLUMNS = ("timeline", "fingerprint", "kept", "undecodable", "missing", "keys", "digests")
#: A group as it is handed to the next run: the fingerprint and three counts.
_known = struct.Struct(">16sIII")
_row_head = struct.Struct(">hiqi16siIiIiIi").pack
_length = struct.Struct(">i").pack


class MemoryRefusedError(Exception):
    """What is known cannot be relied on, but the run has relied on it: it must begin again."""


class Remembered(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What became of a group that is known."""

    kept: int
    undecodable: int
    missing: int


def timeline_number(device: str, kind: str) -> int:
    """Return what stands for a kind of a device in the table of groups."""
    name = f"{device}\0{kind}".encode("utf-8", "replace")
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big") >> 1


class Memory:
    """The memory of one run of one kind: what is known already, and what is written down."""

    def __init__(self, *, timeline: int, target: Path, known: Path | None = None) -> None:
        """Write groups to the file *target*; *known* is a file of what the last run left."""
        self._timeline = timeline
        self._target = target
        self._output: BinaryIO | None = None
        #: What is known and was not met yet.
        self._known: dict[bytes, tuple[int, int, int]] = {}
        if known is not None:
            self._known = {
                fingerprint: (kept, undecodable, missing)
                for fingerprint, kept, undecodable, missing in _known.iter_unpack(
                    known.read_bytes()
                )
            }
        #: Whether the run leaves out what is known.
        self.relies = known is not None
        self.is_refused = False
        self._written: set[bytes] = set()

    @property
    def folder(self) -> Path:
        """The private folder in which files may be made."""
        return self._target.parent

    def __enter__(self) -> Self:
        self._output = self._target.open("wb")
        self._output.write(COPY_HEADER)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._output is not None
        self._output.write(COPY_TRAILER)
        self._output.close()

    def recall(self, fingerprint: bytes | None) -> Remembered | None:
        """Return what became of a group, or None when it must be parsed."""
        found = self._known.pop(fingerprint, None) if fingerprint is not None else None
        return None if found is None else Remembered(*found)

    def refuse(self) -> None:
        """Say that the store is not one of which anything can be remembered.

        Raises ``MemoryRefusedError`` when the run has left out what it took for known.
        """
        self.is_refused = True
        if self.relies:
            raise MemoryRefusedError

    def remember(
        self, fingerprint: bytes | None, rows: Sequence[bytes], *, undecodable: int, missing: int
    ) -> None:
        """Write down a group and its encoded *rows*; None: it is to be parsed every time."""
        if self.is_refused:
            return
        found = _keys_and_digests(rows)
        if found is None:
            self.refuse()
            return
        keys, digests = found
        if fingerprint is None:
            fingerprint = secrets.token_bytes(FINGERPRINT_BYTES)  # which no group will ever have
        if fingerprint in self._written:  # a damaged store gives its rows twice
            self.refuse()
            return
        self._written.add(fingerprint)
        assert self._output is not None
        self._output.write(
            _row_head(
                len(GROUP_COLUMNS), 8, self._timeline, FINGERPRINT_BYTES, fingerprint,
                4, len(rows), 4, undecodable, 4, missing, len(keys),
            )
            + keys
            + _length(len(digests))
            + digests
        )  # fmt: skip

    def go_on_in(self, target: Path) -> None:
        """Write to a file of this process's own, after a fork; its groups alone, no stream."""
        self._at_fork = set(self._known)
        self._inherited, self._output = self._output, target.open("wb")

    def flush(self) -> None:
        """Pass on what is held back."""
        assert self._output is not None
        self._output.flush()

    def met(self) -> bytes:
        """Return the known fingerprints that were met since the fork."""
        return b"".join(self._at_fork - self._known.keys())

    def written(self) -> bytes:
        """Return the fingerprints that were written."""
        return b"".join(self._written)

    def absorb(self, *, met: bytes, written: bytes, groups: Path) -> None:
        """Take what another process of the same run met and wrote."""
        both = len(self._known)
        for fingerprint in _split(met):
            self._known.pop(fingerprint, None)
        if both - len(self._known) != len(met) // FINGERPRINT_BYTES or not (
            self._written.isdisjoint(_split(written))
        ):
            self.refuse()  # a damaged store gives its rows twice
        self._written.update(_split(written))
        assert self._output is not None
        append_file(groups, self._output)

    def lapsed(self) -> Iterator[bytes]:
        """Yield what was known and not met: its artifacts end unless others bring them."""
        yield from self._known


def _keys_and_digests(rows: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the keys of encoded *rows* as lines, and the beginnings of their digests.

    None unless every key is short printable ASCII, which a line can hold.
    """
    if not rows:
        return b"", b""
    lengths = {row[_KEY_AT - 4 : _KEY_AT] for row in rows}
    if len(lengths) == 1:  # as they nearly always are
        end = _KEY_AT + int.from_bytes(lengths.pop(), "big")
        keys = b"\n".join([row[_KEY_AT:end] for row in rows])
        digests = b"".join([row[end + 4 : end + 4 + DIGEST_BYTES] for row in rows])
        longest = shortest = end - _KEY_AT
    else:
        ends = [_KEY_AT + int.from_bytes(row[_KEY_AT - 4 : _KEY_AT], "big") for row in rows]
        keys = b"\n".join([row[_KEY_AT:end] for row, end in zip(rows, ends, strict=True)])
        digests = b"".join(
            [row[end + 4 : end + 4 + DIGEST_BYTES] for row, end in zip(rows, ends, strict=True)]
        )
        longest, shortest = max(ends) - _KEY_AT, min(ends) - _KEY_AT
    if not 0 < shortest <= longest <= MOST_KEY_BYTES or keys.count(b"\n") != len(rows) - 1:
        return None
    text = keys.replace(b"\n", b"")
    return (keys, digests) if text.isascii() and text.decode("ascii").isprintable() else None


def _split(fingerprints: bytes) -> list[bytes]:
    return [
        fingerprints[start : start + FINGERPRINT_BYTES]
        for start in range(0, len(fingerprints), FINGERPRINT_BYTES)
    ]
