"""Tell which folder on disk is which known backup: the same, moved, back again, or new.

Identity is the folder. A folder that shows up elsewhere with the same device and the same content,
while the old one is gone, is the old one moved; a copy beside the old one is a backup of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from services.discovery.folders import Unreadable


class KnownFolder(Struct, frozen=True, kw_only=True):
    """A backup as it was stored by an earlier scan."""

    id: UUID
    path: bytes
    udid: str | None
    revision: str | None
    #: Marks of the plists and the manifest; they survive a rename.
    run: bytes
    root: bytes
    file_system: int
    is_removed: bool


class FoundFolder(Struct, frozen=True, kw_only=True):
    """A folder that this scan found."""

    path: bytes
    udid: str | None
    revision: str | None
    run: bytes


def match(
    known: Sequence[KnownFolder], found: Iterable[FoundFolder]
) -> tuple[dict[bytes, UUID], list[UUID]]:
    """Return the known backup of each found path, and the backups whose folders are not there.

    Found paths that are missing from the first result are new. Each backup is used once.
    """
    found = sorted(found, key=lambda folder: folder.path)
    matched: dict[bytes, UUID] = {}
    free = {backup.id: backup for backup in known}
    # A removed backup yields its path to the one that lies there now.
    by_path = {b.path: b for b in sorted(known, key=lambda b: (not b.is_removed, b.id.bytes))}
    for folder in found:
        backup = by_path.get(folder.path)
        if backup is None or not _may_be(backup, folder):
            continue
        matched[folder.path] = backup.id
        del free[backup.id]
    for folder in found:
        if folder.path in matched:
            continue
        moved = [backup for backup in free.values() if _is_copy(backup, folder)]
        if moved:
            # Prefer one that was there until now over one that was removed long ago.
            best = min(moved, key=lambda b: (b.is_removed, b.id.bytes))
            matched[folder.path] = best.id
            del free[best.id]
    gone = [backup.id for backup in free.values() if not backup.is_removed]
    return matched, gone


def _may_be(backup: KnownFolder, folder: FoundFolder) -> bool:
    """Whether the folder at a backup's path may be that backup: not when it is another device's."""
    return backup.udid is None or folder.udid is None or backup.udid == folder.udid


def _is_copy(backup: KnownFolder, folder: FoundFolder) -> bool:
    """Whether device and content agree; content is the revision, or the marks of all its plists."""
    if backup.udid is None or backup.udid != folder.udid:
        return False
    is_same_revision = backup.revision is not None and backup.revision == folder.revision
    return is_same_revision or backup.run == folder.run


def remounted(
    known: Iterable[KnownFolder], matched: Mapping[UUID, int]
) -> Mapping[int, frozenset[int]]:
    """Which number each file system has now, learnt from the backups that were found.

    Network mounts get another number at every mount, so numbers are compared only after
    this translation.
    """
    now: dict[int, set[int]] = {}
    for backup in known:
        if backup.id in matched:
            now.setdefault(backup.file_system, set()).add(matched[backup.id])
    return {number: frozenset(numbers) for number, numbers in now.items()}


def is_removed(
    backup: KnownFolder,
    *,
    remaining_file_system: int | None,
    now: Mapping[int, frozenset[int]],
    unreadable: Iterable[Unreadable],
) -> bool:
    """Whether a folder that was not found is really gone.

    ``remaining_file_system`` is the file system of the nearest folder above it that still exists. Where
    that is another one than the backup lay on, the drive is not mounted: the empty mount point
    looks like a deletion of everything. Nothing is concluded below a folder that was unreadable.
    """
    for place in unreadable:
        if place.is_root and place.root == backup.root:
            return False
        if backup.path == place.path or backup.path.startswith(place.path.rstrip(b"/") + b"/"):
            return False
    if remaining_file_system is None:
        return False
    return remaining_file_system == backup.file_system or remaining_file_system in now.get(
        backup.file_system, frozenset()
    )
