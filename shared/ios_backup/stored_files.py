"""Copies of many files' plaintext: what a stored file is, and the loop that copies one by one.

Most files of a phone are small. What is spent on each of them counts, so folders are looked up
once, buffers are used again and small files are read, decrypted and written at once. Nothing that
keeps a hostile folder from doing harm is left out. Used by ``extraction`` and its helpers.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import msgspec

from shared.ios_backup.content import FileReader
from shared.ios_backup.decryption import (
    BLOCK_BYTES,
    check_stored,
    compare_sizes,
    decryptor,
    plain_bytes,
    wipe,
    write_all,
)
from shared.ios_backup.errors import DamagedFile, MissingFile
from shared.ios_backup.safe_files import NEW_FILE, KeptFolders

NO_KEY = "The file's key is missing."
#: Files of up to so many bytes take one read and one write.
_AT_ONCE_BYTES = 256 * 1024


class StoredFile(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What it takes to read one file: the name of its blob, its key, its claimed size."""

    file_id: str
    #: None where the stored bytes are the content.
    key: bytes | None
    claimed: int | None
    #: Nothing is stored for some empty files.
    may_be_absent: bool = False
    #: Without a key, an encrypted file can only be an empty one.
    must_be_empty: bool = False

    def __repr__(self) -> str:
        """Show the name only: the key opens somebody's file."""
        return f"StoredFile(file_id={self.file_id!r})"


class Copier:
    """Copies files of one backup into one folder, under their file ids. One thread."""

    def __init__(self, source: Path, target: Path, *, is_flat: bool) -> None:
        """Copy from the backup *source* (*is_flat*: blobs lie in it and not in folders)."""
        self._folders = KeptFolders(source)
        self._is_flat = is_flat
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        self._target = os.open(target, flags)
        self._stored = memoryview(bytearray(_AT_ONCE_BYTES))
        self._plain = memoryview(bytearray(_AT_ONCE_BYTES + BLOCK_BYTES))
        #: What is odd about the file that was copied last, in sentences.
        self.warnings: list[str] = []

    def copy(self, file: StoredFile) -> int:
        """Write the plaintext to a new private file; return its length.

        Raises DamagedFile, MissingFile, and OSError where it cannot be written; on any failure
        nothing of it stays. ``file.file_id`` is sure to be a file id.
        """
        if self.warnings:
            self.warnings = []
        name = file.file_id
        try:
            source, status = self._folders.open_with_status("" if self._is_flat else name[:2], name)
        except MissingFile:
            if not file.may_be_absent:
                raise
            self._write(name, ())
            return 0
        size = status.st_size
        if file.must_be_empty or size > _AT_ONCE_BYTES:
            if file.must_be_empty and size:
                os.close(source)
                raise DamagedFile(NO_KEY)
            with FileReader(source, key=file.key, claimed=file.claimed, status=status) as reader:
                self.warnings = reader.warnings
                self._write(name, _readable(reader.pieces()))
                return reader.size_bytes
        try:
            piece = self._read(source, size, file)
        finally:
            os.close(source)
        self._write(name, (piece,))
        return len(piece)

    def discard(self, file: StoredFile) -> None:
        """Remove what was written of *file*, if anything was."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file.file_id, dir_fd=self._target)

    def close(self) -> None:
        """Close every folder and overwrite what the buffers hold of the last files."""
        self._folders.__exit__()
        os.close(self._target)
        wipe(self._plain)
        wipe(self._stored)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, source: int, size: int, file: StoredFile) -> memoryview:
        """Return the plaintext of a file of *size* stored bytes; valid until the next one."""
        stored = self._stored[:size]
        read = 0
        try:
            while read < size:
                # Network mounts may give less than asked for.
                count = os.preadv(source, [stored[read:] if read else stored], read)
                if not count:
                    raise DamagedFile("The stored file became shorter while it was read.")
                read += count
        except OSError:
            raise DamagedFile("The stored file cannot be read.") from None
        if file.key is None:
            compare_sizes(size, file.claimed, self.warnings)
            return stored
        check_stored(size, file.claimed)
        if not size:
            return stored
        plain = self._plain
        decryptor(file.key).update_into(stored, plain)
        length = plain_bytes(
            bytes(plain[size - BLOCK_BYTES : size]),
            stored_bytes=size,
            claimed=file.claimed,
            warnings=self.warnings,
        )
        compare_sizes(length, file.claimed, self.warnings)
        return plain[:length]

    def _write(self, name: str, pieces: Iterable[memoryview]) -> None:
        target = os.open(name, NEW_FILE, 0o600, dir_fd=self._target)
        try:
            for piece in pieces:
                write_all(target, piece)
        except BaseException:
            os.unlink(name, dir_fd=self._target)
            raise
        finally:
            os.close(target)


def _readable(pieces: Iterator[memoryview]) -> Iterator[memoryview]:
    """Tell a disk that cannot be read from one that cannot be written to."""
    try:
        yield from pieces
    except OSError:
        raise DamagedFile("The stored file cannot be read.") from None
