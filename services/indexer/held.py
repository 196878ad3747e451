"""What the history holds of a kind at a moment, for the process that parses it anew.

A row whose digest is held is there already: it is counted and goes no further, so that only what
is new or different reaches Postgres. Digests cover the keys. What is held and was not met is gone.
Some 40 bytes a row: the digests lie in runs of about sixteen, and one is found by looking for its
bytes, which costs less than a tenth of making the row.
"""

from __future__ import annotations

import struct
from pathlib import Path

from services.indexer.staging import COPY_HEADER, COPY_TRAILER

#: A row of the file: two columns, the digest and the number of the artifact.
_row = struct.Struct(">6x16s4x8s")
_HEAD = struct.pack(">hi", 2, 16)
_ENDS_BYTES = len(COPY_HEADER) + len(COPY_TRAILER)
_ROWS_AT_ONCE = 8192
_DIGEST_BYTES = 16
#: A number as ``Held.left`` gives it.
NUMBER_BYTES = 8
_ENTRY_BYTES = _DIGEST_BYTES + NUMBER_BYTES
#: A row of a stage begins with the number of its columns and the length of its key.
_LENGTH_AT, _KEY_AT = 2, 6
#: At most what ``Held`` takes for each row.
BYTES_PER_ROW = 64


def count_held(path: Path) -> int | None:
    """Return the number of rows in a file; None when it is not one of digests and numbers."""
    size = path.stat().st_size - _ENDS_BYTES
    return None if size < 0 or size % _row.size else size // _row.size


class Held:
    """The rows of one file, each until it is met."""

    def __init__(self, path: Path) -> None:
        """Read *path*, the binary COPY of digests and numbers."""
        count = count_held(path)
        if count is None:
            raise ValueError("not digests and numbers")
        self._mask = (1 << max(0, count.bit_length() - 4)) - 1
        self._runs = [bytearray() for _ in range(self._mask + 1)]
        with path.open("rb") as file:
            file.seek(len(COPY_HEADER))
            while count > 0:
                piece = file.read(_row.size * min(count, _ROWS_AT_ONCE))
                if not piece.startswith(_HEAD):
                    raise ValueError("not digests and numbers")
                count -= len(piece) // _row.size
                for digest, number in _row.iter_unpack(piece):
                    run = self._runs[int.from_bytes(digest[:3], "little") & self._mask]
                    run += digest
                    run += number

    def takes(self, row: bytes) -> bool:
        """Return whether an encoded *row* is held; it is held once."""
        at = _KEY_AT + int.from_bytes(row[_LENGTH_AT:_KEY_AT], "big") + 4
        digest = row[at : at + _DIGEST_BYTES]
        run = self._runs[int.from_bytes(digest[:3], "little") & self._mask]
        found = run.find(digest)
        while found > 0 and found % _ENTRY_BYTES:  # across two of them
            found = run.find(digest, found + 1)
        if found < 0:
            return False
        del run[found : found + _ENTRY_BYTES]
        return True

    def left(self) -> bytes:
        """Return the numbers of what was not met, eight bytes each."""
        return b"".join(
            [
                bytes(run[at : at + NUMBER_BYTES])
                for run in self._runs
                for at in range(_DIGEST_BYTES, len(run), _ENTRY_BYTES)
            ]
        )


def numbers_of(left: bytes) -> list[int]:
    """Return what ``Held.left`` gave as numbers."""
    return list(struct.unpack(f">{len(left) // NUMBER_BYTES}q", left))
