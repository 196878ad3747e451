"""A photo library as Immich keeps it (its ``UPLOAD_LOCATION``) as a source.

Immich writes a dump of its database into the library every night. Files that no dump knows are
harmless, and a dump that knows files which are not there is not: so the newest dump is chosen
before anything is read, stays the same one to the end, and is stored first. Then come the files
that nobody can make again, in the order of how much they would be missed; what Immich makes anew
is left out unless it is wanted.

Each folder of the library holds a file ``.immich``. Where it is missing, the folder's disk is
probably not mounted, and an archive would say that the photos are gone. Immich itself does not
start without them, so they are in every archive, those of folders that are left out as well.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from services.archiver.errors import (
    SourceChangedError,
    SourceError,
    SourceMissingError,
    SourceUnmountedError,
)
from services.archiver.sources import immich_dump
from services.archiver.sources.tree import Found, TreeSource, found_of

#: In this order, before everything else.
FIRST = (b"library", b"upload", b"profile", b"backups")
#: What Immich makes anew from the files.
REGENERABLE = (b"thumbs", b"encoded-video")
MARKER = b".immich"
_BACKUPS = b"backups"
#: The database's own files are no copy of it while it runs.
_DATABASE = (b"postgres",)
_DATABASE_FILE = "PG_VERSION"
_UNFINISHED = b".sql.gz.tmp"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class ImmichTree(TreeSource):
    """The library, looked at before it is walked."""

    def __init__(
        self,
        root: Path,
        *,
        takes: Callable[[bytes, bool], bool],
        most_dump_age: dt.timedelta,
        with_regenerable: bool,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """Read *root*, of it what *takes* a path beside what always or never belongs to it."""
        super().__init__(root, takes=self._belongs, first=FIRST)
        self._wanted = takes
        self._most_dump_age = most_dump_age
        self.left_out = () if with_regenerable else REGENERABLE
        self.databases: tuple[bytes, ...] = _DATABASE
        self._now = now
        self._dump: Found | None = None
        #: What the manifest says of the library; complete when it was looked at.
        self.facts: dict[str, Any] = {"path": str(root)}

    def __enter__(self) -> Self:
        """Open the folder, and look at it unless that was done."""
        super().__enter__()
        try:
            if self._dump is None:
                self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def prepare(self) -> None:
        """Make sure that the library is there, and choose the dump. Blocking.

        Raises ``SourceMissingError``, ``SourceUnmountedError``, ``DumpRefusedError``, and
        ``SourceChangedError`` for a dump of the future.
        """
        try:
            names = sorted(entry.name for entry in self._root.iterdir())
        except FileNotFoundError:
            raise SourceMissingError("The source's folder is not there.") from None
        except OSError as error:
            said = os.strerror(error.errno).lower() if error.errno else "it does not answer"
            raise SourceError(f"The source's folder cannot be read: {said}.") from None
        for folder in (*FIRST, *(REGENERABLE if not self.left_out else ())):
            if not self._root.joinpath(os.fsdecode(folder), os.fsdecode(MARKER)).is_file():
                raise SourceUnmountedError(
                    f"The folder {os.fsdecode(folder)} of the library has no file .immich: its"
                    " disk is not mounted, or the source is not Immich's UPLOAD_LOCATION."
                )
        self.databases = (
            *_DATABASE,
            *(
                os.fsencode(name)
                for name in names
                if self._root.joinpath(name, _DATABASE_FILE).exists()
            ),
        )
        now = self._now()
        dump = immich_dump.choose(
            self._root / os.fsdecode(_BACKUPS), now=now, most_age=self._most_dump_age
        )
        path = b"%b/%b" % (_BACKUPS, os.fsencode(dump.name))
        self._dump = found_of(path, dump.status)
        self._ahead = (path,)
        self.facts |= {
            "dump": dump.facts(),
            # Files are read from this moment on, and the dump was there by then.
            "files_read_from": now.isoformat(),
            "left_out": [
                os.fsdecode(one)
                for one in dict.fromkeys((*self.left_out, *self.databases))
                if os.fsdecode(one) in names
            ],
        }

    @property
    def dump_path(self) -> bytes:
        """Where the chosen dump lies."""
        assert self._dump is not None
        return self._dump.path

    def read_dump(self, is_stopping: Callable[[], bool]) -> None:
        """Read the chosen dump to its end. Blocking. Raises ``DumpRefusedError`` if it is cut."""
        assert self._dump is not None
        immich_dump.read_through(self._root / os.fsdecode(self._dump.path), is_stopping)
        self.facts["dump"]["read_to_its_end"] = True

    def check_dump(self) -> None:
        """Make sure that what was stored is the chosen dump. Raises ``SourceChangedError``."""
        assert self._dump is not None
        try:
            status = os.lstat(self._root / os.fsdecode(self._dump.path))
        except OSError:
            raise SourceChangedError("The database dump went while it was archived.") from None
        now = found_of(self._dump.path, status)
        if now is None or not now.is_like(self._dump):
            raise SourceChangedError("The database dump changed while it was archived.")

    def _belongs(self, path: bytes, is_folder: bool) -> bool:  # noqa: FBT001 -- as of TreeSource
        top, slash, rest = path.partition(b"/")
        if top in self.databases:
            return False
        if rest == MARKER:
            return True
        if top in self.left_out:
            return not slash
        if top == _BACKUPS and path.endswith(_UNFINISHED):
            return False
        return self._wanted(path, is_folder)


def make_folders(target: Path) -> list[str]:
    """Make what Immich looks for at its start and *target* does not have; return the folders.

    Never follows a link, and leaves alone what has the name of a folder and is none. Raises
    OSError.
    """
    made = []
    for name in (*FIRST, *REGENERABLE):
        folder = target / os.fsdecode(name)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o755)
        try:
            descriptor = os.open(folder, _FOLDER)
        except NotADirectoryError:
            continue
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            marker = os.open(MARKER, flags, 0o644, dir_fd=descriptor)
        except FileExistsError:
            continue
        finally:
            os.close(descriptor)
        with os.fdopen(marker, "w") as content:
            # Immich writes a moment into them, in milliseconds.
            content.write(str(int(dt.datetime.now(dt.UTC).timestamp() * 1000)))
        made.append(os.fsdecode(name))
    return made


def next_steps(facts: Mapping[str, Any]) -> list[str]:
    """Return what a person does once a library with these *facts* is back in a folder."""
    dump = facts["dump"]
    server = dump["server_version"]
    version = f" {server}, or a later one that can read its dumps," if server else ""
    steps = [
        (
            f"Install Immich{version} with an empty database and this folder as UPLOAD_LOCATION,"
            " owned by whom its container runs as."
        ),
        f"Restore backups/{dump['name']} on the page that Immich shows first, or with psql.",
    ]
    if facts["left_out"]:
        steps.append(
            "Run the jobs Generate Thumbnails and Transcode Videos for all assets: what they make"
            " was not archived."
        )
    return steps
