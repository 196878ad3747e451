"""Getting a tree back into a folder, as it was: content, times, modes, links.

A tree comes from a destination, and may be hostile: nothing is written outside of the folder, no
link is followed, and links are made last, when nothing is written through them any more. A file
appears under its name when all of it is there and right. What is there already and is the same is
left as it is, so a restore that was interrupted goes on where it ended; what is there and is
another is never touched unless that was asked for.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from services.archiver.errors import CancelledByPersonError, DamagedArchiveError
from services.archiver.format.tree import TreeEntry
from services.archiver.store.blobs import BlobReader

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
#: Set-user-ID and its like are not for an archive to give.
_MODE = 0o777
_MOST_TOLD = 1000
#: How many entries are looked at before they are restored.
_MOST_AHEAD = 1000


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was not restored, and why."""

    path: bytes
    reason: str


class Restored(msgspec.Struct, kw_only=True):
    """What came of a restore."""

    file_count: int = 0
    directory_count: int = 0
    symlink_count: int = 0
    size_bytes: int = 0
    #: What was there already, and the same.
    same_count: int = 0
    refused_count: int = 0
    #: The first of them.
    refused: list[Refusal] = msgspec.field(default_factory=list)


def restore_tree(
    entries: Iterable[TreeEntry],
    target: Path,
    *,
    blobs: BlobReader,
    overwrites: bool = False,
    on_progress: Callable[[Restored], None] = lambda _sums: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Restored:
    """Write *entries* below *target*, which is made if it is not there; see ``restore_each``."""
    with contextlib.closing(blobs):
        return restore_each(
            (
                (entry, map(blobs.read, entry.blobs))
                for entry in _looking_ahead(entries, target, blobs)
            ),
            target,
            overwrites=overwrites,
            on_progress=on_progress,
            is_cancelled=is_cancelled,
        )


def _looking_ahead(
    entries: Iterable[TreeEntry], target: Path, blobs: BlobReader
) -> Iterator[TreeEntry]:
    """Yield *entries*, some time after it was said which of their blobs are read next."""
    root = os.fsencode(target)
    waiting: deque[TreeEntry] = deque()
    for entry in entries:
        waiting.append(entry)
        # A guess, which nothing depends on: what is there need not be fetched.
        if entry.type == "file" and not _is_like(root + b"/" + entry.path, entry):
            blobs.expect(entry.blobs)
        while waiting and (blobs.is_full or len(waiting) > _MOST_AHEAD):
            yield waiting.popleft()
    yield from waiting


def restore_each(
    found: Iterable[tuple[TreeEntry, Iterable[bytes]]],
    target: Path,
    *,
    overwrites: bool = False,
    on_progress: Callable[[Restored], None] = lambda _sums: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Restored:
    """Write entries with their content below *target*; content is read when it is written.

    One that is damaged or in the way costs itself. Raises OSError when the folder takes no more,
    ``TransportError`` when the destination does not answer, ``CancelledByPersonError``. Blocking.
    """
    restorer = _Restorer(target, overwrites=overwrites)
    try:
        for entry, content in found:
            if is_cancelled():
                raise CancelledByPersonError("The job was asked to stop.")
            restorer.restore(entry, content)
            on_progress(restorer.sums)
        restorer.finish()
    finally:
        restorer.close()
    on_progress(restorer.sums)
    return restorer.sums


class _Restorer:
    def __init__(self, target: Path, *, overwrites: bool) -> None:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sums = Restored()
        self._overwrites = overwrites
        self._root = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._folder: tuple[bytes, int] | None = None
        self._folders: list[TreeEntry] = []
        self._links: list[TreeEntry] = []

    def restore(self, entry: TreeEntry, content: Iterable[bytes]) -> None:
        """Restore one entry; folders get their times, and links are made, at the end."""
        match entry.type:
            case "directory":
                self._folders.append(entry)
                self._try(entry, self._make_folder)
            case "symlink":
                self._links.append(entry)
            case "file":
                self._try(entry, lambda entry: self._restore_file(entry, content))

    def finish(self) -> None:
        """Make the links, and give folders their modes and times, inner ones first."""
        for entry in self._links:
            self._try(entry, self._make_link)
        for entry in reversed(self._folders):
            with contextlib.suppress(OSError):
                folder = self._open_folder(entry.path)
                os.fchmod(folder, entry.mode & _MODE)
                os.utime(folder, ns=(entry.mtime_ns, entry.mtime_ns))

    def close(self) -> None:
        """Close what is open."""
        if self._folder is not None:
            os.close(self._folder[1])
        os.close(self._root)

    def _try(self, entry: TreeEntry, restore: Callable[[TreeEntry], None]) -> None:
        try:
            restore(entry)
        except DamagedArchiveError as error:
            self._refuse(entry, str(error))
        except FileExistsError:
            self._refuse(entry, "Something else is there already.")
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
                raise
            said = os.strerror(error.errno) if error.errno else type(error).__name__
            self._refuse(entry, f"It cannot be written here: {said}.")

    def _refuse(self, entry: TreeEntry, reason: str) -> None:
        self.sums.refused_count += 1
        if len(self.sums.refused) < _MOST_TOLD:
            self.sums.refused.append(Refusal(path=entry.path, reason=reason))

    def _make_folder(self, entry: TreeEntry) -> None:
        self._open_folder(entry.path)
        self.sums.directory_count += 1

    def _make_link(self, entry: TreeEntry) -> None:
        assert entry.target is not None
        folder, name = self._parent(entry.path)
        with contextlib.suppress(OSError):
            if os.readlink(name, dir_fd=folder) == entry.target:
                self.sums.same_count += 1
                return
        if self._overwrites:
            self._remove(folder, name)
        os.symlink(entry.target, name, dir_fd=folder)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)
        self.sums.symlink_count += 1

    def _restore_file(self, entry: TreeEntry, content: Iterable[bytes]) -> None:
        folder, name = self._parent(entry.path)
        if self._is_there(folder, name, entry):
            self.sums.same_count += 1
            return
        # The same name every time: what a killed restore left behind goes away with the next.
        partial = b".%b.partial" % hashlib.sha256(entry.path).hexdigest()[:32].encode()
        self._remove(folder, partial)
        descriptor = os.open(partial, _NEW_FILE, 0o600, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as output:
                output.writelines(content)
                output.flush()
                os.fchmod(descriptor, entry.mode & _MODE)
                os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
            if self._overwrites:
                os.replace(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
            else:
                _rename_without_replacing(folder, partial, name)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(partial, dir_fd=folder)
            raise
        self.sums.file_count += 1
        self.sums.size_bytes += entry.size_bytes

    def _is_there(self, folder: int, name: bytes, entry: TreeEntry) -> bool:
        """Whether the file is there as a restore leaves it; another one is in the way."""
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if _says_the_same(status, entry):
            return True
        if not self._overwrites or stat.S_ISDIR(status.st_mode):
            raise FileExistsError
        return False

    @staticmethod
    def _remove(folder: int, name: bytes) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)

    def _parent(self, path: bytes) -> tuple[int, bytes]:
        folder, _, name = path.rpartition(b"/")
        return self._open_folder(folder), name

    def _open_folder(self, folder: bytes) -> int:
        """Open a folder, making what is missing of it. Raises OSError where a link stands."""
        if not folder:
            return self._root
        if self._folder is not None and self._folder[0] == folder:
            return self._folder[1]
        descriptor = os.dup(self._root)
        for name in folder.split(b"/"):
            try:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=descriptor)
                inner = os.open(name, _FOLDER, dir_fd=descriptor)
            finally:
                os.close(descriptor)
            descriptor = inner
        if self._folder is not None:
            os.close(self._folder[1])
        self._folder = (folder, descriptor)
        return descriptor


def _is_like(path: bytes, entry: TreeEntry) -> bool:
    try:
        return _says_the_same(os.lstat(path), entry)
    except OSError:
        return False


def _says_the_same(status: os.stat_result, entry: TreeEntry) -> bool:
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_size == entry.size_bytes
        and status.st_mtime_ns == entry.mtime_ns
    )


def _rename_without_replacing(folder: int, old: bytes, new: bytes) -> None:
    """Give a file its name. Raises ``FileExistsError`` where there is something."""
    try:
        os.link(old, new, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # File systems without links, of memory cards: the name was free a moment ago.
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        os.unlink(old, dir_fd=folder)
