"""A folder as a source: everything below it, looked at first, read afterwards.

No link is ever followed, neither by a name on the way nor at its end, so what is read lies below
the folder whoever may write there. Sockets, pipes and devices are told and left out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from services.archiver.errors import SourceError, SourceMissingError
from services.archiver.format.tree import EntryType

#: Hostile folders may be nested for ever.
MOST_DEPTH = 128
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Something below the folder, as it was when it was looked at."""

    path: bytes
    type: EntryType
    mode: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    size_bytes: int
    target: bytes | None = None

    def is_like(self, other: Found) -> bool:
        """Whether nobody has written to it in between, as far as a file system tells."""
        return (self.size_bytes, self.mtime_ns, self.ctime_ns, self.inode) == (
            other.size_bytes, other.mtime_ns, other.ctime_ns, other.inode,
        )  # fmt: skip


class TreeSource:
    """The folder. Walked by one thread at a time."""

    def __init__(
        self,
        root: Path,
        *,
        takes: Callable[[bytes, bool], bool] = lambda _path, _is_folder: True,
        first: tuple[bytes, ...] = (),
    ) -> None:
        """Read *root*, of it what *takes* a path; what is at the top named *first* comes first."""
        self._root = root
        self._takes = takes
        self._first = first
        #: These files come before everything else, whatever *takes* says of them.
        self._ahead: tuple[bytes, ...] = ()
        #: What was yielded ahead in the walk that goes on, with the folders above.
        self._given: set[bytes] = set()
        #: The folder that was opened last: files of one folder come one after the other.
        self._folder: tuple[bytes, int] | None = None
        #: What is left out although it was wanted, with the reason.
        self.skipped: list[tuple[bytes, str]] = []

    def __enter__(self) -> Self:
        """Open the folder. Raises ``SourceMissingError``, ``SourceError``."""
        try:
            self._root_fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise SourceMissingError("The source's folder is not there.") from None
        except OSError as error:
            raise SourceError(f"The source's folder cannot be read: {_reason(error)}.") from None
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        if self._folder is not None:
            os.close(self._folder[1])
            self._folder = None
        os.close(self._root_fd)

    @property
    def root(self) -> str:
        """The folder."""
        return str(self._root)

    def wants(self, path: bytes) -> bool:
        """Whether a file of that path would be taken, if there were one."""
        parts = path.split(b"/")
        above = (b"/".join(parts[:depth]) for depth in range(1, len(parts)))
        return all(self._takes(folder, True) for folder in above) and self._takes(path, False)

    def walk(self) -> Iterator[Found]:
        """Yield everything: a folder before what is in it, names in order."""
        self._given = set()
        for path in self._ahead:
            yield from self._walk_ahead(path)
        yield from self._walk(b"", 0)

    def _walk_ahead(self, path: bytes) -> Iterator[Found]:
        """Yield a file and the folders above it, none of them twice; nothing if it is gone."""
        parts = path.split(b"/")
        above = [b"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        looked = [self.look(one) for one in above]
        for found in looked:
            if found is not None and None not in looked and found.path not in self._given:
                self._given.add(found.path)
                yield found

    def _walk(self, folder: bytes, depth: int) -> Iterator[Found]:
        for name in self._names(folder):
            path = folder + b"/" + name if folder else name
            try:
                found = self._look(name, path, self._open_folder(folder))
            except FileNotFoundError:
                continue
            except OSError as error:
                self.skipped.append((path, _reason(error)))
                continue
            if found is None:
                self.skipped.append((path, "is neither a file, a folder nor a link"))
            elif self._takes(path, found.type == "directory"):
                if path not in self._given:
                    yield found
                if found.type == "directory":
                    if depth >= MOST_DEPTH:
                        self.skipped.append((path, "lies too deep"))
                    else:
                        yield from self._walk(path, depth + 1)

    def _names(self, folder: bytes) -> list[bytes]:
        try:
            descriptor = self._open_folder(folder)
            with os.scandir(descriptor) as entries:
                names = sorted(os.fsencode(entry.name) for entry in entries)
        except OSError as error:
            self.skipped.append((folder, _reason(error)))
            return []
        if not folder and self._first:
            ranks = {name: rank for rank, name in enumerate(self._first)}
            names.sort(key=lambda name: (ranks.get(name, len(ranks)), name))
        return names

    def open(self, path: bytes) -> int:
        """Open a file for reading, as a descriptor. Raises OSError."""
        folder, _, name = path.rpartition(b"/")
        return os.open(name, _FILE, dir_fd=self._open_folder(folder))

    def look(self, path: bytes) -> Found | None:
        """Look at something again; None when it is gone."""
        folder, _, name = path.rpartition(b"/")
        with suppress(OSError):
            return self._look(name, path, self._open_folder(folder))
        return None

    @staticmethod
    def _look(name: bytes, path: bytes, folder: int) -> Found | None:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        found = found_of(path, status)
        if found is not None and found.type == "symlink":
            return msgspec.structs.replace(
                found, target=os.fsencode(os.readlink(name, dir_fd=folder)), size_bytes=0
            )
        return found

    def _open_folder(self, folder: bytes) -> int:
        if not folder:
            return self._root_fd
        if self._folder is not None:
            known, descriptor = self._folder
            if known == folder:
                return descriptor
        descriptor = os.dup(self._root_fd)
        for name in folder.split(b"/"):
            try:
                inner = os.open(name, _FOLDER, dir_fd=descriptor)
            finally:
                os.close(descriptor)
            descriptor = inner
        if self._folder is not None:
            os.close(self._folder[1])
        self._folder = (folder, descriptor)
        return descriptor


def found_of(path: bytes, status: os.stat_result) -> Found | None:
    """Return what *status* says; None for what cannot be archived."""
    kind: EntryType
    if stat.S_ISREG(status.st_mode):
        kind = "file"
    elif stat.S_ISDIR(status.st_mode):
        kind = "directory"
    elif stat.S_ISLNK(status.st_mode):
        kind = "symlink"
    else:
        return None
    return Found(
        path=path,
        type=kind,
        mode=stat.S_IMODE(status.st_mode),
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        inode=status.st_ino,
        size_bytes=status.st_size if kind == "file" else 0,
    )


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else type(error).__name__
