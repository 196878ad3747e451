"""Walk the roots and find the folders that hold a backup. Reads names only, follows few links.

Everything below a root is hostile: names that are no text, loops, FIFOs, folders without end. A
symbolic link leads to a backup, or to a folder of backups, and no further: the person who put it
there meant it, but a link to ``/`` must not turn discovery loose on the whole disk.
"""

# Names on disk are bytes, which pathlib does not take:
# ruff: noqa: PTH116, PTH118, PTH119, PTH120

from __future__ import annotations

import errno
import os
import re
from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct

from services.discovery.errors import Stopped

#: How deep below a root a backup may lie, and below the target of a link.
MAX_DEPTH = 8
MAX_DEPTH_BELOW_LINK = 2
#: Folders opened in one walk; a root with more is somebody's whole disk.
MAX_FOLDERS = 50_000

MANIFESTS = frozenset({b"Manifest.plist", b"Manifest.db", b"Manifest.mbdb"})
_PLISTS = frozenset({b"Info.plist", b"Status.plist"})
_UDID_FOLDER = re.compile(
    rb"(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{16})(?:-[0-9]{8}-[0-9]{6})?"
)
_CLUTTER = frozenset(
    {
        b"$RECYCLE.BIN",
        b"System Volume Information",
        b"lost+found",
        b"@eaDir",
        b"@Recycle",
        b"@Recently-Snapshot",
        b"#recycle",
        b"#snapshot",
    }
)


class Folder(Struct, frozen=True, kw_only=True):
    """A folder that holds a backup. Paths are bytes because names on disk need not be text."""

    #: Without any symbolic link: the folder's identity.
    path: bytes
    #: As it was reached from its root, for people.
    shown_path: bytes
    root: bytes
    #: Number of the file system it lies on, to tell "deleted" from "not mounted".
    file_system: int
    is_below_link: bool = False


class Unreadable(Struct, frozen=True, kw_only=True):
    """A root, or a folder below one, that could not be read; nothing is concluded from it."""

    root: bytes
    path: bytes
    reason: str
    is_root: bool


class Survey(Struct, frozen=True, kw_only=True):
    """What one walk over all roots found."""

    folders: list[Folder]
    unreadable: list[Unreadable]
    #: Folders on the way, to be watched for new neighbours, each with its root.
    containers: dict[bytes, bytes]


class _Place(Struct, frozen=True, kw_only=True):
    path: bytes
    shown_path: bytes
    root: bytes
    depth_left: int
    is_below_link: bool = False


def survey(
    roots: Sequence[bytes],
    *,
    max_folders: int = MAX_FOLDERS,
    is_stopping: Callable[[], bool] = lambda: False,
    on_place: Callable[[bytes], None] = lambda _path: None,
) -> Survey:
    """Find every backup below *roots*, each real folder once, real folders before links to them.

    *on_place* hears what is looked at next. Raises ``Stopped``; a walk that was cut short would
    make what it had not reached look removed.
    """
    folders: list[Folder] = []
    unreadable: list[Unreadable] = []
    containers: dict[bytes, bytes] = {}
    seen: set[bytes] = set()
    opened = 0
    places: deque[_Place] = deque()
    for root in roots:
        on_place(root)
        path = os.path.realpath(root)
        places.append(_Place(path=path, shown_path=root, root=root, depth_left=MAX_DEPTH))
    links: deque[_Place] = deque()
    while places or links:
        if is_stopping():
            raise Stopped
        place = (places or links).popleft()
        if place.path in seen:
            continue
        seen.add(place.path)
        opened += 1
        if opened > max_folders:
            unreadable.append(_unreadable(place, "too-many-folders"))
            continue
        on_place(place.path)
        try:
            file_system = file_system_of(place.path)
            below, linked, is_backup = _read(place)
        except OSError as error:
            # A dangling link, or a folder deleted since its parent was listed, is nothing wrong;
            # a root that is not there is.
            if place.shown_path == place.root or error.errno not in {errno.ENOENT, errno.ENOTDIR}:
                unreadable.append(_unreadable(place, reason_of(error)))
            continue
        if is_backup:
            folders.append(
                Folder(
                    path=place.path,
                    shown_path=place.shown_path,
                    root=place.root,
                    file_system=file_system,
                    is_below_link=place.is_below_link,
                )
            )
            continue
        containers[place.path] = place.root
        if place.depth_left > 0:
            places.extend(below)
            links.extend(linked)
    return Survey(folders=folders, unreadable=unreadable, containers=containers)


def merged(surveys: Sequence[Survey]) -> Survey:
    """Make one of several: a folder belongs to the nearest root, if a real path leads there."""

    def distance(folder: Folder) -> tuple[bool, int]:
        return folder.is_below_link, len(folder.shown_path) - len(folder.root)

    folders: dict[bytes, Folder] = {}
    unreadable: dict[bytes, Unreadable] = {}
    containers: dict[bytes, bytes] = {}
    for one in surveys:
        for folder in one.folders:
            other = folders.get(folder.path)
            if other is None or distance(folder) < distance(other):
                folders[folder.path] = folder
        for place in one.unreadable:
            if place.is_root or place.path not in unreadable:
                unreadable[place.path] = place
        for path, root in one.containers.items():
            containers.setdefault(path, root)
    return Survey(
        folders=sorted(folders.values(), key=lambda folder: folder.is_below_link),
        unreadable=list(unreadable.values()),
        containers=containers,
    )


def file_system_of(path: bytes) -> int:
    """Return the number of the file system that *path* lies on, as a signed 64-bit integer."""
    return int(os.stat(path).st_dev) & 0x7FFF_FFFF_FFFF_FFFF


def remaining_file_system(path: bytes) -> int | None:
    """Return the file system of the nearest folder at or above *path* that exists."""
    while True:
        try:
            return file_system_of(path)
        except (FileNotFoundError, NotADirectoryError):
            above = os.path.dirname(path)
            if above == path:
                return None
            path = above
        except OSError:
            return None


def is_clutter(name: bytes) -> bool:
    """Whether *name* is something that a NAS, a desktop or a copying program left behind."""
    return name.startswith(b".") or name.endswith(b".tmp") or name in _CLUTTER


def reason_of(error: OSError) -> str:
    """Name the error without its path, such as ``permission-denied``."""
    names = {
        errno.ENOENT: "not-there",
        errno.ENOTDIR: "not-a-folder",
        errno.EACCES: "permission-denied",
        errno.EPERM: "permission-denied",
        errno.ESTALE: "stale-network-mount",
        errno.EIO: "input-output-error",
    }
    return names.get(error.errno or 0, "unreadable")


def _read(place: _Place) -> tuple[list[_Place], list[_Place], bool]:
    """List one folder: its subfolders, its links, and whether it is itself a backup."""
    below: list[_Place] = []
    linked: list[_Place] = []
    plists: set[bytes] = set()
    with os.scandir(place.path) as entries:
        for entry in entries:
            name = entry.name
            if is_clutter(name):
                continue
            if entry.is_symlink():
                if not place.is_below_link and _leads_to_folder(entry):
                    linked.append(_below(place, name, is_link=True))
            elif entry.is_dir(follow_symlinks=False):
                below.append(_below(place, name, is_link=False))
            elif name in MANIFESTS:
                if entry.is_file(follow_symlinks=False):
                    return [], [], True
            elif name in _PLISTS and entry.is_file(follow_symlinks=False):
                plists.add(name)
    # A first run writes Info.plist and Status.plist long before it has a manifest.
    is_named_like_one = _UDID_FOLDER.fullmatch(os.path.basename(place.path)) is not None
    is_backup = plists == _PLISTS or (is_named_like_one and bool(plists))
    # Names come from the disk in any order; results must not depend on it.
    below.sort(key=lambda item: item.path)
    linked.sort(key=lambda item: item.shown_path)
    return below, linked, is_backup


def _leads_to_folder(link: os.DirEntry[bytes]) -> bool:
    try:
        return link.is_dir()
    except OSError:
        # A link to itself, or into a mount that is away.
        return False


def _below(place: _Place, name: bytes, *, is_link: bool) -> _Place:
    path = os.path.join(place.path, name)
    return _Place(
        path=os.path.realpath(path) if is_link else path,
        shown_path=os.path.join(place.shown_path, name),
        root=place.root,
        depth_left=MAX_DEPTH_BELOW_LINK - 1 if is_link else place.depth_left - 1,
        is_below_link=place.is_below_link or is_link,
    )


def _unreadable(place: _Place, reason: str) -> Unreadable:
    return Unreadable(
        root=place.root,
        path=place.path,
        reason=reason,
        is_root=place.shown_path == place.root,
    )
