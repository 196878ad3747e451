"""What discovery answers. Every replica answers everything; all but a refresh is from the database.

A forgotten backup leaves no row. Its folder is left alone until it changes on disk, moves, or a
person asks for a refresh; then it is discovered as a new backup.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from services.discovery import storage
from services.discovery.deciding import forgotten
from services.discovery.errors import Stopped
from services.discovery.folders import Unreadable
from services.discovery.paging import (
    Position,
    checked_limit,
    fitting,
    read_cursor,
    without,
    write_cursor,
)
from services.discovery.records import (
    Annotated,
    is_text,
    location_of,
    shown_backup,
    shown_device,
)
from services.discovery.scanning import SERVICE, SILENT, Scanner, ScanReport
from shared.bus import RequestContext, publish
from shared.contracts.discovery import (
    Backup,
    Device,
    ForgetBackup,
    GetBackup,
    GetDevice,
    ListBackups,
    ListDevices,
    LocateBackup,
    Location,
    RefreshBackups,
    RefreshReport,
    UpdateBackup,
)
from shared.contracts.identifiers import BackupId
from shared.contracts.problems import bad_request, not_found, problem, unavailable
from shared.contracts.requests import MAX_LIMIT, Done, Page

_MAX_LABEL = 200
_MAX_NOTES = 10_000
#: Room for a reply's headers and the frame around its items.
_FRAME_BYTES = 16 * 1024


class Commands:
    """Handlers of ``cmd.discovery.*``."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        scanner: Scanner,
        max_payload_bytes: int,
        on_scan: Callable[[ScanReport], None],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._pool = pool
        self._scanner = scanner
        self._max_bytes = max_payload_bytes - _FRAME_BYTES
        self._on_scan = on_scan
        self._log = log

    async def list_backups(self, request: ListBackups, _context: RequestContext) -> Page[Backup]:
        """Answer a page of backups, newest run first."""
        limit = checked_limit(request.limit)
        rows = await storage.fetch_backups(
            self._pool,
            udid=None if request.device is None else request.device.upper(),
            after=read_cursor(request.cursor),
            limit=limit + 1,
        )
        backups = [shown_backup(row, reveal=request.reveal) for row in rows[:limit]]
        shown = list(fitting(backups, max_bytes=self._max_bytes))
        cursor = None
        if len(shown) < len(rows):
            last = rows[len(shown) - 1].record
            cursor = write_cursor(Position(at=last.last_backup_at, id=str(last.id)))
        return Page(items=shown, next_cursor=cursor)

    async def get_backup(self, request: GetBackup, _context: RequestContext) -> Backup:
        """Answer one backup."""
        return shown_backup(await self._backup(request.backup_id), reveal=request.reveal)

    async def update_backup(self, request: UpdateBackup, _context: RequestContext) -> Backup:
        """Change label and notes."""
        label = _words(request.label, "label", most=_MAX_LABEL)
        notes = _words(request.notes, "notes", most=_MAX_NOTES)
        backup_id = _uuid(request.backup_id)
        async with self._pool.acquire() as connection, connection.transaction():
            found = await storage.fetch_backup(connection, backup_id, for_update=True)
            if found is None:
                raise not_found("backup")
            found = msgspec.structs.replace(
                found,
                label=found.label if label is msgspec.UNSET else label,
                notes=found.notes if notes is msgspec.UNSET else notes,
            )
            await storage.record_words(connection, backup_id, label=found.label, notes=found.notes)
        return shown_backup(found, reveal=False)

    async def forget_backup(self, request: ForgetBackup, _context: RequestContext) -> Done:
        """Forget a backup; nothing on disk is touched. Idempotent."""
        backup_id = _uuid(request.backup_id)
        async with self._pool.acquire() as connection, connection.transaction():
            found = await storage.fetch_backup(connection, backup_id, for_update=True)
            if found is None:
                raise not_found("backup")
            await storage.record_forgotten(connection, found.record)
            await publish(connection, forgotten(found.record), service=SERVICE)
        self._log.info("backup_forgotten", backup_id=str(backup_id))
        return Done()

    async def refresh_backups(
        self, request: RefreshBackups, _context: RequestContext
    ) -> RefreshReport:
        """Scan now and answer what there is then. Apps are left out when there is no room."""
        try:
            report = await self._scanner.scan(is_asked=True)
        except Stopped:
            raise unavailable(SERVICE) from None
        self._on_scan(report)
        rows = await storage.fetch_backups(self._pool, udid=None, after=None, limit=MAX_LIMIT)
        backups = [shown_backup(row, reveal=request.reveal) for row in rows]
        lighter = (msgspec.structs.replace(backup, apps=[]) for backup in backups)
        items = without(backups, max_bytes=self._max_bytes // 2, lighter=lighter)
        return RefreshReport(
            items=list(fitting(items, max_bytes=self._max_bytes // 2)),
            added=_ids(report.added),
            changed=_ids(report.changed),
            removed=_ids(report.removed),
            moved=_ids(report.moved),
            unreadable_roots=[_shown_root(place) for place in report.unreadable[:MAX_LIMIT]],
            seconds=report.seconds,
        )

    async def locate_backup(self, request: LocateBackup, _context: RequestContext) -> Location:
        """Answer where a backup lies, to services."""
        record = (await self._backup(request.backup_id)).record
        if record.state == "removed":
            raise not_found("backup")
        if not is_text(record.path):
            raise problem(
                "name-is-no-text",
                "The backup's folder has a name that cannot be used.",
                409,
                "Rename the folder to something that is valid UTF-8, then refresh.",
            )
        if not record.is_reachable:
            raise problem(
                "unreachable",
                "The backup cannot be reached at the moment.",
                503,
                "Connect and mount the drive that it lies on, then refresh.",
            )
        return location_of(record)

    async def list_devices(self, request: ListDevices, _context: RequestContext) -> Page[Device]:
        """Answer a page of devices, the one with the newest backup first."""
        limit = checked_limit(request.limit)
        rows = await storage.fetch_devices(
            self._pool, udid=None, after=read_cursor(request.cursor), limit=limit + 1
        )
        devices = [shown_device(record, ids, reveal=request.reveal) for record, ids in rows[:limit]]
        shown = list(fitting(devices, max_bytes=self._max_bytes))
        cursor = None
        if len(shown) < len(rows):
            last = shown[-1]
            cursor = write_cursor(Position(at=last.last_backup_at, id=last.udid))
        return Page(items=shown, next_cursor=cursor)

    async def get_device(self, request: GetDevice, _context: RequestContext) -> Device:
        """Answer one device."""
        rows = await storage.fetch_devices(
            self._pool, udid=request.udid.upper(), after=None, limit=1
        )
        if not rows:
            raise not_found("device")
        return shown_device(*rows[0], reveal=request.reveal)

    async def _backup(self, backup_id: BackupId) -> Annotated:
        found = await storage.fetch_backup(self._pool, _uuid(backup_id))
        if found is None:
            raise not_found("backup")
        return found


def _uuid(backup_id: BackupId) -> UUID:
    try:
        return UUID(backup_id)
    except ValueError:
        raise not_found("backup") from None


def _ids(ids: list[UUID]) -> list[BackupId]:
    return [BackupId(str(backup_id)) for backup_id in ids]


def _words(
    value: str | msgspec.UnsetType | None, name: str, *, most: int
) -> str | msgspec.UnsetType | None:
    """Check what a person wrote; Postgres cannot store NUL. Blank means none."""
    if not isinstance(value, str):
        return value
    if len(value) > most:
        raise bad_request(f"The {name} may have at most {most} characters.")
    if "\0" in value:
        raise bad_request(f"The {name} holds a character that cannot be stored.")
    return value.strip() or None


def _shown_root(place: Unreadable) -> dict[str, Any]:
    shown = {
        "path": place.root.decode("utf-8", "replace"),
        "reason": place.reason,
    }
    if not place.is_root or (place.reason == SILENT and place.path != place.root):
        shown["folder"] = place.path.decode("utf-8", "replace")
    return shown
