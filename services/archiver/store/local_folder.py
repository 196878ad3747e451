"""A folder as a destination: a disk of this machine, or what is mounted there.

A share that is not mounted is an empty folder on the wrong disk. So nothing is written, and nothing
is said to be missing, unless the folder holds the mark of the store that it is meant to be.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

from services.archiver.errors import (
    DestinationAwayError,
    DestinationFullError,
    DestinationRefusedError,
    ObjectMissingError,
    TransportError,
)
from services.archiver.format.names import STORE_FILE
from services.archiver.store.transport import StoredName

#: What a write that was interrupted leaves behind ends so.
PARTIAL = ".partial"
_COPY_BYTES = 8 * 1024 * 1024
#: What every system takes in one call.
_MOST_PIECES = 1000
#: What is no file is not waited for.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class LocalFolder:
    """Objects are files below a folder, of which others may read nothing."""

    def __init__(self, root: Path, *, is_new: bool = False) -> None:
        """Use the folder *root*, which must carry a store's mark unless it *is_new*."""
        self._root = root
        self._is_new = is_new

    def put(self, path: str, pieces: list[bytes]) -> None:
        """Store an object: written beside its place, safe on the disk, then moved there."""
        self._put(path, lambda descriptor: write_pieces(descriptor, pieces))

    def put_file(self, path: str, source: Path) -> None:
        """Store the content of a file of ours."""

        def fill(descriptor: int) -> None:
            with (
                source.open("rb", buffering=0) as content,
                os.fdopen(descriptor, "wb", closefd=False) as output,
            ):
                shutil.copyfileobj(content, output, _COPY_BYTES)

        self._put(path, fill)

    def get(self, path: str, *, offset: int = 0, size_bytes: int | None = None) -> bytes:
        """Return a part of an object."""
        with self._errors():
            descriptor = os.open(self._place(path), _READ)
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise FileNotFoundError
                wanted = max(status.st_size - offset, 0)
                wanted = wanted if size_bytes is None else min(size_bytes, wanted)
                # All of it at once, but where a file system gives less: nothing is copied then.
                found = os.pread(descriptor, wanted, offset)
                while len(found) < wanted and (
                    more := os.pread(descriptor, wanted - len(found), offset + len(found))
                ):
                    found += more
                return found
            finally:
                os.close(descriptor)

    def size(self, path: str) -> int | None:
        """Return how long the object is."""
        with self._errors():
            self._check()
            try:
                found = self._place(path).lstat()
            except FileNotFoundError:
                return None
            return found.st_size if stat.S_ISREG(found.st_mode) else None

    def names(self, folder: str) -> Iterator[StoredName]:
        """Yield everything below a folder."""
        with self._errors():
            self._check()
            waiting = [folder]
            while waiting:
                inner = waiting.pop()
                try:
                    entries = list(os.scandir(self._place(inner)))
                except FileNotFoundError:
                    continue
                for entry in entries:
                    path = f"{inner}/{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    elif entry.is_file(follow_symlinks=False) and not path.endswith(PARTIAL):
                        with contextlib.suppress(FileNotFoundError):
                            size_bytes = entry.stat(follow_symlinks=False).st_size
                            yield StoredName(path=path, size_bytes=size_bytes)

    def delete(self, path: str) -> bool:
        """Remove an object."""
        with self._errors():
            self._check()
            try:
                self._place(path).unlink()
            except FileNotFoundError:
                return False
            return True

    def clean(self) -> int:
        """Remove what interrupted writes left behind."""
        count = 0
        with self._errors():
            self._check()
            for folder, _, files in os.walk(self._root):
                for name in files:
                    if name.endswith(PARTIAL):
                        with contextlib.suppress(FileNotFoundError):
                            Path(folder, name).unlink()
                            count += 1
        return count

    def close(self) -> None:
        """There is nothing to end."""

    def _put(self, path: str, fill: Callable[[int], None]) -> None:
        with self._errors():
            self._check()
            place = self._place(path)
            partial = place.with_name(f"{place.name}.{uuid4().hex}{PARTIAL}")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                descriptor = os.open(partial, flags, 0o600)
            except FileNotFoundError:
                self._make_folder(place.parent)
                descriptor = os.open(partial, flags, 0o600)
            try:
                try:
                    fill(descriptor)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                partial.replace(place)
            except BaseException:
                with contextlib.suppress(OSError):
                    partial.unlink()
                raise
            _sync_folder(place.parent)

    def _make_folder(self, folder: Path) -> None:
        missing = [inner for inner in (folder, *folder.parents) if not inner.exists()]
        for inner in reversed(missing):
            inner.mkdir(mode=0o700, exist_ok=True)
        for inner in (folder, *folder.parents):
            _sync_folder(inner)
            if inner == self._root:
                break

    def _place(self, path: str) -> Path:
        return self._root / path

    def _check(self) -> None:
        if not self._is_new and not (self._root / STORE_FILE).is_file():
            raise DestinationAwayError(
                "The destination's folder does not hold its store: it is not mounted, or not the"
                " one that was set up."
            )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            self._check()
            raise ObjectMissingError("The destination does not hold it.") from None
        except OSError as error:
            raise transport_error(error) from None


def write_pieces(descriptor: int, pieces: Sequence[bytes]) -> None:
    """Write all *pieces*, in order, many at a time. Raises OSError."""
    waiting = [view for piece in pieces if (view := memoryview(piece))]
    first = 0
    while first < len(waiting):
        count = os.writev(descriptor, waiting[first : first + _MOST_PIECES])
        while first < len(waiting) and count >= len(waiting[first]):
            count -= len(waiting[first])
            first += 1
        if count:
            waiting[first] = waiting[first][count:]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Some network file systems have no such thing.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def transport_error(error: OSError) -> TransportError:
    """Return what an error of a disk means for the destination on it."""
    said = f"{os.strerror(error.errno)}." if error.errno else "It cannot be written or read."
    if error.errno in _FULL:
        return DestinationFullError(f"The destination has no room: {said}")
    if error.errno in _REFUSED:
        return DestinationRefusedError(f"The destination refuses: {said}")
    return DestinationAwayError(f"The destination cannot be reached: {said}")
