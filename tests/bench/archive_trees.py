"""A tree to archive, and what becomes of it until the next archive.

Nothing in it can be compressed and no two files have anything in common, as with photos, videos and
encrypted backups. A hundred files have each size, so a hundredth of them is always as many bytes.
"""

from __future__ import annotations

import os
import random
import statistics
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

#: Of the whole, in files of equal size that are as large as videos and databases.
LARGE_COUNT = 10
_LARGE_SHARE = 0.26
#: On average, large ones included: 20,000 files are 4 GB.
_FILE_BYTES = 200_000
_SIGMA = 2.0
_EDIT_BYTES = 4096
_PIECE_BYTES = 4 * 1024 * 1024


class Tree:
    """A folder with files in 256 folders, as a backup has them."""

    def __init__(self, root: Path, files: int) -> None:
        """Make *files* files, a multiple of a hundred, below *root*."""
        assert files % 100 == 0
        self.root = root
        self._dice = random.Random(5)
        self._large = [root / f"large-{number}.sqlite" for number in range(LARGE_COUNT)]
        self._by_size: dict[int, list[Path]] = {}
        for prefix in range(256):
            (root / f"{prefix:02x}").mkdir(parents=True)
        large_bytes = int(files * _FILE_BYTES * _LARGE_SHARE) // LARGE_COUNT
        for path in self._large:
            _fill(path, large_bytes)
        for size_bytes in _sizes(files // 100, files * _FILE_BYTES - LARGE_COUNT * large_bytes):
            self._by_size[size_bytes] = [self._add(size_bytes) for _ in range(100)]

    @property
    def file_count(self) -> int:
        """How many files there are."""
        return LARGE_COUNT + sum(map(len, self._by_size.values()))

    @property
    def size_bytes(self) -> int:
        """How many bytes they hold."""
        return sum(path.stat().st_size for path in self._paths())

    def change(self) -> int:
        """Write 1 % of the files anew, remove 1 %, add 1 %, edit a page in a large one.

        Returns how many bytes are there that were not before.
        """
        changed = 0
        for size_bytes, paths in self._by_size.items():
            self._dice.shuffle(paths)
            paths.pop().unlink()
            _fill(paths[0], size_bytes)
            paths.append(self._add(size_bytes))
            changed += 2 * size_bytes
        large = self._large[0]
        with large.open("r+b") as file:
            file.seek(large.stat().st_size // 2)
            file.write(os.urandom(_EDIT_BYTES))
        return changed + _EDIT_BYTES

    def differences(self, other: Path) -> int:
        """Return how many files of the tree another folder does not hold as they are."""
        return sum(
            not (there := other / path.relative_to(self.root)).is_file()
            or there.stat().st_size != path.stat().st_size
            or not _same(path, there)
            for path in self._paths()
        )

    def _add(self, size_bytes: int) -> Path:
        name = f"{self._dice.getrandbits(160):040x}"
        path = self.root / name[:2] / name
        _fill(path, size_bytes)
        return path

    def _paths(self) -> Iterator[Path]:
        yield from self._large
        for paths in self._by_size.values():
            yield from paths


def _sizes(count: int, total_bytes: int) -> list[int]:
    """Return *count* different sizes of which a hundred each are so many bytes."""
    normal = statistics.NormalDist(0, _SIGMA)
    raw = [2.718281828 ** normal.inv_cdf((rank + 0.5) / count) for rank in range(count)]
    scale = total_bytes / 100 / sum(raw)
    # Each its own, also where some are close together.
    return [rank + max(1, round(size * scale)) for rank, size in enumerate(raw)]


def _fill(path: Path, size_bytes: int) -> None:
    cipher = Cipher(algorithms.AES(os.urandom(32)), modes.CTR(bytes(16))).encryptor()
    with path.open("wb") as file:
        for begin in range(0, size_bytes, _PIECE_BYTES):
            file.write(cipher.update(bytes(min(_PIECE_BYTES, size_bytes - begin))))


def _same(one: Path, other: Path) -> bool:
    with one.open("rb") as left, other.open("rb") as right:
        while piece := left.read(_PIECE_BYTES):
            if piece != right.read(_PIECE_BYTES):
                return False
        return not right.read(1)
