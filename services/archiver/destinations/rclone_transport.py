"""A destination that rclone reaches, with or without crypt on top.

How an object comes to be whole or not at all, whoever is killed: it is written to a file of ours
first (rclone can only try again what it can read again, and check the length and hash of what it
knows beforehand), and ``operations/copyfile`` brings it there. Its streaming upload
(``operations/uploadfile``) writes under the final name on sftp, webdav and folders, so it is not
used. Bucket stores show an object when all of it arrived. Where files can be seen while they grow,
rclone writes ``NAME.XXXXXXXX.partial`` and renames it. What is neither, WebDAV above all, gets a
name of ours that ends so, and a move.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from services.archiver.destinations.disk_sync import sync_file_system
from services.archiver.destinations.failures import PassingError, failure
from services.archiver.destinations.patience import Limits, Patience
from services.archiver.destinations.rclone_answers import About, Features, Item, Listing, Stat
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.remotes import RcloneRemote, parts_fs, plain_fs, store_fs
from services.archiver.errors import (
    DestinationAwayError,
    DestinationRefusedError,
    ObjectMissingError,
    ScratchFullError,
    TransportError,
)
from services.archiver.format.names import STORE_FILE
from services.archiver.store.local_folder import PARTIAL, transport_error, write_pieces
from services.archiver.store.transport import StoredName

T = TypeVar("T")

_LOCAL = "local"
#: Their uploads are committed at the end, so the extra move is saved.
_ATOMIC = frozenset({"box", "drive", "dropbox", "onedrive"})
#: Back ends whose unfinished uploads are paid for. rclone's general clean-up is not used: on some
#: it empties the owner's whole trash, or removes old versions that the owner wants.
_MULTIPART = frozenset({"b2", "s3"})
#: A few round trips, where each brings 32 KiB.
_SMALL_PART_BYTES = 128 * 1024
#: Others may be uploading into the same bucket.
_UNFINISHED_FOR = "24h"
#: What rclone says of destinations that know only when something came: a hundred years.
_NO_TIMES = 100 * 365 * 24 * 3600 * 10**9


class RcloneTransport:
    """Objects are files of a remote. Used by any number of threads."""

    def __init__(
        self,
        daemon: RcloneDaemon,
        remote: RcloneRemote,
        *,
        is_new: bool = False,
        limits: Limits | None = None,
    ) -> None:
        """Use *remote*, which must carry a store's mark unless it *is_new*.

        Raises ``TransportError`` when rclone does not know what it is told.
        """
        self._daemon = daemon
        self._remote = remote
        self._is_new = is_new
        self._patience = Patience(limits)
        self._is_closed = False
        name = daemon.add(remote)
        self._plain = plain_fs(name, remote)
        self._fs = store_fs(name, remote)
        self._parts = parts_fs(name, remote)
        self._lock = threading.Lock()
        self._known_features: Features | None = None

    def put(self, path: str, pieces: list[bytes]) -> None:
        """Store an object."""
        spooled = self._daemon.spool / uuid4().hex
        try:
            with _scratch_errors():
                _write(spooled, pieces)
            # Nobody needs it twice while it is on its way, which may take long.
            pieces.clear()
            self.put_file(path, spooled)
        finally:
            spooled.unlink(missing_ok=True)

    def put_file(self, path: str, source: Path) -> None:
        """Store the content of a file of ours, and see that it is there, as long as it was."""
        with _scratch_errors():
            size_bytes = source.stat().st_size
        self._run(lambda: self._put(path, source, size_bytes))

    def get(self, path: str, *, offset: int = 0, size_bytes: int | None = None) -> bytes:
        """Return a part of an object. Raises ``DamagedArchiveError`` if crypt cannot read it."""
        return self._run(lambda: self._get(path, offset, size_bytes))

    def size(self, path: str) -> int | None:
        """Return how long the object is."""

        def look() -> int | None:
            found = self._size(path)
            if found is None:
                self._check_mark()
            return found

        return self._run(look)

    def names(self, folder: str) -> Iterator[StoredName]:
        """Yield everything below a folder."""

        def look() -> list[Item]:
            found = self._list(self._fs, folder, recurse=True)
            if not found:
                self._check_mark()
            return found

        for item in self._run(look):
            if not item.is_dir and not item.path.endswith(PARTIAL):
                yield StoredName(path=item.path, size_bytes=item.size)

    def delete(self, path: str) -> bool:
        """Remove an object."""
        tried = False

        def remove() -> bool:
            nonlocal tried
            was_tried, tried = tried, True
            try:
                self._call("operations/deletefile", remote=path)
            except ObjectMissingError:
                self._check_mark()
                # A reply that was lost: the first try did it.
                return was_tried
            return True

        return self._run(remove)

    def clean(self) -> int:
        """Remove what interrupted writes left behind."""

        def look() -> list[Item]:
            self._check_mark()
            return self._list(self._fs, "", recurse=True, only=f"*{PARTIAL}")

        count = 0
        for item in self._run(look):
            if not item.is_dir and item.path.endswith(PARTIAL):
                count += self.delete(item.path)
        if self._remote.backend in _MULTIPART:
            # Not every server knows it, and not every key may do it; nothing depends on it.
            with contextlib.suppress(TransportError):
                self._daemon.call(
                    "backend/command",
                    {
                        "command": "cleanup",
                        "fs": self._plain,
                        "arg": [],
                        "opt": {"max-age": _UNFINISHED_FOR},
                    },
                )
        return count

    def top(self) -> tuple[list[str], list[str]]:
        """Return the names at the top: as our objects are called, and as they really are called.

        A folder that is not there is empty; a bucket that is not there raises
        ``ObjectMissingError``.
        """

        def look() -> tuple[list[str], list[str]]:
            if self._features().bucket_based and not self._remote.path.strip("/"):
                raise DestinationRefusedError("The path must begin with the name of a bucket.")
            found: list[list[str]] = []
            for fs in (self._fs, self._plain):
                try:
                    items = self._daemon.call_as(
                        "operations/list", _listing(fs, "", recurse=False, only=None), Listing
                    )
                except ObjectMissingError:
                    if self._features().bucket_based:
                        raise
                    items = Listing()
                found.append([item.path for item in items.items or ()])
            return found[0], found[1]

        return self._run(look)

    def moves_by_copying(self) -> bool:
        """Whether what is moved is copied and deleted: such stores know no other way."""
        return self._run(self._features).bucket_based

    def keeps_times(self) -> bool:
        """Whether files have the times that they are given."""
        about = self._run(
            lambda: self._daemon.call_as("operations/fsinfo", {"fs": self._fs}, About)
        )
        return about.precision < _NO_TIMES

    def close(self) -> None:
        """Let nobody wait any longer, and end uploads under way; rclone goes on for others."""
        self._is_closed = True
        self._patience.end()

    def _run(self, call: Callable[[], T]) -> T:
        if self._is_closed:
            raise TransportError("The destination is closed.")
        return self._patience.run(call)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._daemon.call(method, {"fs": self._fs, **parameters})

    def _put(self, path: str, source: Path, size_bytes: int) -> None:
        # Else a share that is not mounted is filled on the wrong disk.
        self._check_mark()
        features = self._features()
        needs_move = not (
            features.bucket_based
            or features.partial_uploads
            or self._remote.backend in _ATOMIC
            or not features.move
        )
        folder, slash, _ = path.rpartition("/")
        first = f"{folder}{slash}{uuid4().hex[:16]}{PARTIAL}" if needs_move else path
        configuration = {
            # It would leave what has the same length and time.
            "IgnoreTimes": True,
            # Buckets replace; elsewhere there would be two of one name.
            "NoCheckDest": features.bucket_based,
            # On a disk of ours it would hash what it writes, and read all of it back from memory.
            "IgnoreChecksum": self._remote.backend == _LOCAL,
        }
        self._daemon.call(
            "operations/copyfile",
            {
                "srcFs": str(source.parent),
                "srcRemote": source.name,
                "dstFs": self._fs,
                "dstRemote": first,
                "_config": configuration,
            },
            is_over=lambda: self._is_closed,
        )
        if needs_move:
            self._move(first, path, size_bytes, configuration)
        found = self._size(path)
        if found != size_bytes:
            raise PassingError("What arrived at the destination is not what was sent.")
        if self._remote.backend == _LOCAL:
            self._make_safe()

    def _make_safe(self) -> None:
        """Let nothing be lost with the power: rclone leaves to the system when it is written."""
        try:
            sync_file_system(Path(self._remote.path))
        except OSError as error:
            raise transport_error(error) from None

    def _move(self, first: str, path: str, size_bytes: int, configuration: dict[str, bool]) -> None:
        try:
            self._daemon.call(
                "operations/movefile",
                {
                    "srcFs": self._fs,
                    "srcRemote": first,
                    "dstFs": self._fs,
                    "dstRemote": path,
                    "_config": configuration,
                },
            )
        except ObjectMissingError:
            # rclone died when it was done, and the call was made again.
            if self._size(path) != size_bytes:
                raise PassingError("What was sent was lost on the way.") from None

    def _get(self, path: str, offset: int, size_bytes: int | None) -> bytes:
        if size_bytes == 0:
            if self._size(path) is None:
                self._missing()
            return b""
        is_small = size_bytes is not None and size_bytes <= _SMALL_PART_BYTES
        fs = self._parts if is_small else self._fs
        reply = self._daemon.read(fs, path, offset=offset, size_bytes=size_bytes)
        if reply.status in (200, 206) and not reply.is_short:
            return reply.body
        if reply.whole_bytes is not None and offset >= reply.whole_bytes:
            return b""
        if reply.body.startswith(b"{") and reply.status not in (200, 206):
            error = failure(reply.body)
            if isinstance(error, ObjectMissingError):
                self._missing()
            raise error
        # It was found, and could not be read to its end; why, is not told here.
        return self._get_whole(path)[offset:][:size_bytes]

    def _get_whole(self, path: str) -> bytes:
        spooled = self._daemon.spool / uuid4().hex
        try:
            self._daemon.call(
                "operations/copyfile",
                {
                    "srcFs": self._fs,
                    "srcRemote": path,
                    "dstFs": str(spooled.parent),
                    "dstRemote": spooled.name,
                },
            )
            with _scratch_errors():
                return spooled.read_bytes()
        except ObjectMissingError:
            self._missing()
            raise
        finally:
            for leftover in spooled.parent.glob(f"{spooled.name}*"):
                leftover.unlink(missing_ok=True)

    def _size(self, path: str) -> int | None:
        found = self._daemon.call_as("operations/stat", {"fs": self._fs, "remote": path}, Stat).item
        return None if found is None or found.is_dir else found.size

    def _list(self, fs: str, folder: str, *, recurse: bool, only: str | None = None) -> list[Item]:
        try:
            found = self._daemon.call_as(
                "operations/list", _listing(fs, folder, recurse=recurse, only=only), Listing
            )
        except ObjectMissingError:
            return []
        return found.items or []

    def _features(self) -> Features:
        with self._lock:
            known = self._known_features
        if known is None:
            known = self._daemon.call_as("operations/fsinfo", {"fs": self._fs}, About).features
            with self._lock:
                self._known_features = known
        return known

    def _missing(self) -> None:
        self._check_mark()
        raise ObjectMissingError("The destination does not hold it.")

    def _check_mark(self) -> None:
        if not self._is_new and self._size(STORE_FILE) is None:
            raise DestinationAwayError(
                "The destination does not hold its store: it is not mounted, it is not the one that"
                " was set up, or the passwords are others."
            )


def _listing(fs: str, folder: str, *, recurse: bool, only: str | None) -> dict[str, Any]:
    options = {"recurse": recurse, "filesOnly": recurse, "noModTime": True, "noMimeType": True}
    asked: dict[str, Any] = {"fs": fs, "remote": folder, "opt": options}
    return asked if only is None else {**asked, "_filter": {"IncludeRule": [only]}}


def _write(path: Path, pieces: Sequence[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_pieces(descriptor, pieces)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _scratch_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ScratchFullError(
                "The scratch folder has no room for what is on its way."
            ) from None
        said = os.strerror(error.errno) if error.errno else type(error).__name__
        raise TransportError(f"A file on its way cannot be written or read: {said}.") from None
