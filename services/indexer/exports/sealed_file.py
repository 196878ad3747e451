"""A file on disk that nobody can read but this process: AES-256-GCM in chunks. Blocking.

The key is made here, lives in memory and goes with the process. Any chunk can be read alone.
Chunks have one size but for the last one. A nonce is the number of its chunk: a key seals one file,
once, from its beginning to its end, so that no number comes twice.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: One read of the bus is one chunk.
CHUNK_BYTES = 512 * 1024
_TAG_BYTES = 16


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


class SealedFile:
    """One that is whole: its bytes from anywhere."""

    def __init__(self, path: Path, cipher: AESGCM, *, size_bytes: int, sha256: str) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.sha256 = sha256
        self._cipher = cipher

    def read(self, offset: int, length: int) -> bytes:
        """Return up to *length* bytes; raises ``OSError`` or ``InvalidTag`` for a damaged file."""
        stop = min(offset + length, self.size_bytes)
        if offset >= stop:
            return b""
        first, last = offset // CHUNK_BYTES, (stop - 1) // CHUNK_BYTES
        with self.path.open("rb") as file:
            file.seek(first * (CHUNK_BYTES + _TAG_BYTES))
            plain = b"".join(
                self._cipher.decrypt(_nonce(number), file.read(CHUNK_BYTES + _TAG_BYTES), None)
                for number in range(first, last + 1)
            )
        begin = offset - first * CHUNK_BYTES
        return plain[begin : begin + stop - offset]

    def remove(self) -> None:
        """Delete the file; one that is gone is fine."""
        self.path.unlink(missing_ok=True)


class SealedWriter:
    """One that is being written, from its beginning to its end."""

    def __init__(self, path: Path) -> None:
        """Make *path*, which must not exist yet."""
        self.path = path
        self._cipher = AESGCM(AESGCM.generate_key(bit_length=256))
        self._digest = hashlib.sha256()
        self._waiting = bytearray()
        self._chunks = 0
        self.size_bytes = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0)

    def write(self, data: bytes) -> None:
        """Append *data*; what is not a whole chunk waits in memory."""
        self._digest.update(data)
        self.size_bytes += len(data)
        self._waiting += data
        while len(self._waiting) >= CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]))
            del self._waiting[:CHUNK_BYTES]

    def finish(self) -> SealedFile:
        """Seal the rest and return the whole file."""
        if self._waiting:
            self._seal(bytes(self._waiting))
            self._waiting.clear()
        self._file.close()
        return SealedFile(
            self.path, self._cipher, size_bytes=self.size_bytes, sha256=self._digest.hexdigest()
        )

    def discard(self) -> None:
        """Give it up and delete what there is of it."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _seal(self, chunk: bytes) -> None:
        sealed = memoryview(self._cipher.encrypt(_nonce(self._chunks), chunk, None))
        self._chunks += 1
        while sealed:
            # An unbuffered file may take less than it is given.
            sealed = sealed[self._file.write(sealed) or 0 :]
