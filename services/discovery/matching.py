"""Tell which folder on disk is which known backup: the same, moved, back again, or new.

Identity is the folder. A folder that shows up elsewhere with the same device and the same content,
while the old one is gone, is the old one moved; a copy beside the old one is a backup of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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
    """What tells a folder apart that lies where none was before."""

    udid: str | None
    revision: str | None
    run: bytes


def by_path(known: Iterable[KnownFolder]) -> dict[bytes, KnownFolder]:
    """Return the backup of each path; a removed one yields to the one that lies there now."""
    ordered = sorted(known, key=lambda backup: (not backup.is_removed, backup.id.bytes))
    return {backup.path: backup for backup in ordered}


def is_other_device(backup: KnownFolder, udid: str | None) -> bool:
    """Whether the folder at a backup's path cannot be that backup any more."""
    return backup.udid is not None and udid is not None and backup.udid != udid


def find_moved(missing: Iterable[KnownFolder], found: FoundFolder) -> KnownFolder | None:
    """Return the missing backup that *found* is: same device and same content, or None.

    One that was there until now is preferred over one that was removed long ago.
    """
    candidates = [backup for backup in missing if _is_same_content(backup, found)]
    return min(candidates, key=lambda b: (b.is_removed, b.id.bytes), default=None)


def _is_same_content(backup: KnownFolder, found: FoundFolder) -> bool:
    """Content is the revision, or the marks of the plists and the manifest."""
    if backup.udid is None or backup.udid != found.udid:
        return False
    is_same_revision = backup.revision is not None and backup.revision == found.revision
    return is_same_revision or backup.run == found.run


def remounted(found: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    """Return what number each file system has now, from (then, now) of the backups found.

    Network mounts get another number at every mount, so numbers are compared only after this
    translation.
    """
    numbers: dict[int, set[int]] = {}
    for then, now in found:
        numbers.setdefault(then, set()).add(now)
    return numbers


def is_removed(
    backup: KnownFolder,
    *,
    remaining_file_system: int | None,
    remounted: Mapping[int, Collection[int]],
    unreadable: Iterable[Unreadable],
) -> bool:
    """Whether a folder that was not found is really gone.

    ``remaining_file_system`` is that of the nearest folder above it that still exists. Where it is
    another one than the backup lay on, the drive is not mounted: the empty mount point looks like
    a deletion of everything. Nothing is concluded below a folder that was unreadable.
    """
    for place in unreadable:
        if place.is_root and place.root == backup.root:
            return False
        if backup.path == place.path or backup.path.startswith(place.path.rstrip(b"/") + b"/"):
            return False
    if remaining_file_system is None:
        return False
    return remaining_file_system == backup.file_system or remaining_file_system in remounted.get(
        backup.file_system, ()
    )
