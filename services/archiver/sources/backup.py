"""A phone backup as a source: the folder as it lies on disk, ciphertext as ciphertext.

Only a backup that is complete and quiet is archived, and only if it still is the same one when all
of it was read. The manifest comes first: a blob that it lists and that vanished meanwhile is
noticed by whoever restores.
"""

from __future__ import annotations

from typing import Any

from services.archiver.errors import SourceChangedError, SourceMissingError
from shared.bus import Bus
from shared.contracts.archiver import Source
from shared.contracts.discovery import Backup, ListBackups, LocateBackup, Location
from shared.contracts.identifiers import Udid
from shared.contracts.problems import ProblemError

#: In this order, before everything else.
FIRST = (b"Manifest.plist", b"Manifest.db", b"Status.plist", b"Info.plist", b"Manifest.mbdb")


async def locate_source(bus: Bus, source: Source) -> Location | None:
    """Return where the backup lies that *source* stands for; None for any other sort of source."""
    if source.type != "device_backup":
        return None
    assert source.config.udid is not None
    return await locate(bus, source.config.udid)


async def locate(bus: Bus, udid: Udid) -> Location:
    """Return the newest complete backup of a device.

    Raises ``SourceMissingError``, and ``SourceChangedError`` while none is complete and quiet.
    """
    backups = await _backups(bus, udid)
    if not backups:
        raise SourceMissingError("No backup of that device is known.")
    complete = [backup for backup in backups if backup.state == "complete"]
    if not complete:
        raise SourceChangedError("No backup of that device is complete now.")
    newest = max(
        complete, key=lambda backup: (backup.last_backup_at is not None, backup.last_backup_at)
    )
    try:
        return await bus.request(LocateBackup(backup_id=newest.id))
    except ProblemError as error:
        if error.problem.status == 404:
            raise SourceMissingError("The backup of that device is gone.") from None
        raise


def facts(location: Location) -> dict[str, Any]:
    """Return what the manifest says of a backup."""
    return {
        "udid": location.udid,
        "revision": location.revision,
        "taken_at": location.taken_at,
        "encrypted": location.encrypted,
    }


async def check_same(bus: Bus, location: Location) -> None:
    """Make sure that nothing ran since. Raises ``SourceChangedError``."""
    try:
        now = await bus.request(LocateBackup(backup_id=location.backup_id))
    except ProblemError as error:
        if error.problem.status == 404:
            raise SourceMissingError("The backup of that device is gone.") from None
        raise
    if now.state != "complete" or now.revision != location.revision:
        raise SourceChangedError("The phone was backed up again while the backup was read.")


async def _backups(bus: Bus, udid: Udid) -> list[Backup]:
    page = await bus.request(ListBackups(device=udid, limit=1000))
    return page.items
