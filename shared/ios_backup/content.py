"""The plaintext of one file of a backup: exact length, any range, whole copies.

Stored bytes of an encrypted backup end with PKCS#7 padding. In CBC the IV of any block is the
ciphertext block before it, so a range costs what the range is long. The padding decides the length:
the manifest's size is often wrong for databases that were open during the backup (both too small
and too large), and cutting at it has destroyed databases in other tools.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from shared.ios_backup.decryption import (
    BLOCK_BYTES,
    ZERO_IV,
    check_stored,
    compare_sizes,
    decryptor,
    plain_bytes,
    plain_pieces,
    wipe,
    write_all,
)
from shared.ios_backup.errors import DamagedFile
from shared.ios_backup.media_types import HEAD_BYTES, media_type
from shared.ios_backup.safe_files import NEW_FILE

#: A file of up to so many stored bytes is decrypted once, when it is opened. Its type, its length
#: and its content are asked for next to each other; most files of a phone are this small.
_SMALL_BYTES = 32 * 1024
_CHUNK_BYTES = 1024 * 1024
_KEPT_BYTES = 1024 * 1024 + BLOCK_BYTES


class _Buffers(threading.local):
    """Stored and decrypted bytes of the read that a thread is at.

    Allocated anew for every read, the system would clear their pages every time, which takes
    longer than decrypting. What is larger than usual is not kept.
    """

    def __init__(self) -> None:
        self._stored = memoryview(b"")
        self._plain = memoryview(b"")

    def of(self, length: int) -> tuple[memoryview, memoryview]:
        """Return room for *length* stored bytes, and for as many decrypted ones and a block."""
        if length > _KEPT_BYTES:
            return memoryview(bytearray(length)), memoryview(bytearray(length + BLOCK_BYTES))
        if length > len(self._stored):
            self._stored = memoryview(bytearray(length))
            self._plain = memoryview(bytearray(length + BLOCK_BYTES))
        return self._stored[:length], self._plain


_buffers = _Buffers()


class FileReader:
    """Reads one file. Any thread may call ``read``; memory is bounded by what is asked for."""

    def __init__(
        self,
        descriptor: int | None,
        *,
        key: bytes | None,
        claimed: int | None,
        status: os.stat_result | None = None,
    ) -> None:
        """Take over *descriptor* (None: an empty file) of stored bytes.

        *key* is None for plain content, *claimed* the size in the manifest, *status* what
        ``fstat`` just said. Raises DamagedFile.
        """
        self._descriptor = descriptor
        self._cipher_key = key
        #: All of a small file's plaintext, padding included.
        self._plain: bytes | None = None
        self.warnings: list[str] = []
        try:
            if status is None and descriptor is not None:
                status = os.fstat(descriptor)
            #: Length and time of the stored bytes, for an ETag.
            self.stored_bytes = status.st_size if status else 0
            self.stored_mtime_ns = status.st_mtime_ns if status else 0
            #: Exact length of the plaintext.
            self.size_bytes = self._exact_size(claimed)
        except BaseException:
            self.close()
            raise
        compare_sizes(self.size_bytes, claimed, self.warnings)

    def read(self, offset: int, length: int) -> bytes:
        """Return the plaintext from *offset*, at most *length* bytes, empty from the end on.

        Raises DamagedFile when the stored bytes became fewer meanwhile.
        """
        if offset < 0 or length < 0:
            raise ValueError("offset and length cannot be negative")
        end = min(offset + length, self.size_bytes)
        if offset >= end:
            return b""
        if self._cipher_key is None:
            return self._stored(offset, end - offset)
        if (whole := self._plain) is not None:
            return whole[offset:end]
        return self._decrypted(offset, end)

    def chunks(self, chunk_bytes: int = _CHUNK_BYTES) -> Iterator[bytes]:
        """Return the whole plaintext in order, in pieces of *chunk_bytes*."""
        for offset in range(0, self.size_bytes, chunk_bytes):
            yield self.read(offset, chunk_bytes)

    def pieces(self) -> Iterator[memoryview]:
        """Return the whole plaintext in order; a piece is valid until the next one is asked for.

        Raises DamagedFile when the stored bytes became fewer meanwhile.
        """
        left = self.size_bytes
        if (whole := self._plain) is not None:
            yield memoryview(whole)[:left]
            return
        if self._descriptor is None:
            return
        for piece in plain_pieces(self._descriptor, key=self._cipher_key):
            yield piece[:left]
            left -= min(left, len(piece))
            if not left:
                return
        if left:
            raise DamagedFile("The stored file became shorter while it was read.")

    def copy_to(self, path: Path) -> int:
        """Write the whole plaintext to a new private file; return its length.

        *path* must not exist. On any failure nothing stays there.
        """
        target = os.open(path, NEW_FILE, 0o600)
        try:
            for piece in self.pieces():
                write_all(target, piece)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(target)
        return self.size_bytes

    def media_type(self, name: str) -> str:
        """Return the media type by the first bytes, refined by *name*."""
        return media_type(name, self.read(0, HEAD_BYTES))

    def close(self) -> None:
        """Close the stored file. Safe to call twice; not while another thread reads."""
        descriptor, self._descriptor = self._descriptor, None
        self._cipher_key = self._plain = None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<FileReader of {self.size_bytes} bytes>"

    def _exact_size(self, claimed: int | None) -> int:
        if self._cipher_key is None or self._descriptor is None:
            return self.stored_bytes
        check_stored(self.stored_bytes, claimed)
        if self.stored_bytes == 0:
            return 0
        if self.stored_bytes <= _SMALL_BYTES:
            stored = self._stored(0, self.stored_bytes)
            self._plain = decryptor(self._cipher_key).update(stored)
            block = self._plain[-BLOCK_BYTES:]
        else:
            block = self._decrypted(self.stored_bytes - BLOCK_BYTES, self.stored_bytes)
        return plain_bytes(
            block, stored_bytes=self.stored_bytes, claimed=claimed, warnings=self.warnings
        )

    def _decrypted(self, offset: int, end: int) -> bytes:
        """Decrypt the blocks that hold *offset* to *end*, and return that part."""
        key = self._cipher_key
        if key is None:
            raise ValueError("the reader is closed")
        first = offset - offset % BLOCK_BYTES
        lead = BLOCK_BYTES if first else 0
        length = end + -end % BLOCK_BYTES - first
        stored, plain = _buffers.of(length + lead)
        self._read_into(stored, first - lead)
        cipher = decryptor(key, bytes(stored[:lead]) or ZERO_IV)
        cipher.update_into(stored[lead:], plain)
        found = bytes(plain[offset - first : end - first])
        # Whoever locks a backup is told that nothing of it is left.
        wipe(plain[:length])
        return found

    def _read_into(self, stored: memoryview, offset: int) -> None:
        if self._descriptor is None:
            raise ValueError("the reader is closed")
        while stored:
            # Network mounts may give less than asked for.
            count = os.preadv(self._descriptor, [stored], offset)
            if not count:
                raise DamagedFile("The stored file became shorter while it was read.")
            stored = stored[count:]
            offset += count

    def _stored(self, offset: int, length: int) -> bytes:
        if self._descriptor is None:
            raise ValueError("the reader is closed")
        found = os.pread(self._descriptor, length, offset)
        if len(found) == length:
            return found
        pieces = [found]
        missing = length - len(found)
        while missing:
            # Linux reads at most 2 GiB at once; network mounts may give less than asked for.
            piece = os.pread(self._descriptor, missing, offset + length - missing)
            if not piece:
                raise DamagedFile("The stored file became shorter while it was read.")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)
