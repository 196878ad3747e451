"""Scan all roots: examine every folder, write what changed, each with its events.

A scan keeps nothing in memory for the next one, so any replica may scan, and a crash loses only
the scan. Scans of all replicas are sequential; each backup is one transaction.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import structlog
from msgspec import Struct

from services.discovery import metrics, storage
from services.discovery.deciding import (
    Decision,
    decide,
    decide_removed,
    decide_same,
    decide_unreachable,
)
from services.discovery.disk import Disk
from services.discovery.errors import FolderSilent, FolderUnreadable, FolderVanished, Stopped
from services.discovery.examination import Examined, examine
from services.discovery.folders import (
    Folder,
    Survey,
    Unreadable,
    merged,
    remaining_file_system,
    survey,
)
from services.discovery.lifecycle import Clock
from services.discovery.matching import (
    FoundFolder,
    KnownFolder,
    by_path,
    find_moved,
    is_other_device,
    is_removed,
    remounted,
)
from services.discovery.records import Record
from shared import postgres
from shared.bus import publish
from shared.scratch import Scratch

SERVICE = "discovery"
#: Why a root is unreadable whose disk does not answer.
SILENT = "not-answering"


class ScanReport(Struct, kw_only=True):
    """What one scan changed, and what comes next."""

    added: list[UUID] = []
    changed: list[UUID] = []
    removed: list[UUID] = []
    moved: list[UUID] = []
    unreadable: list[Unreadable] = []
    #: Folders whose direct children are worth watching, each with its root.
    containers: dict[bytes, bytes] = {}
    backups: list[Record] = []
    #: Something is running, or waits to be quiet: look again soon.
    is_unsettled: bool = False
    seconds: float = 0.0

    @property
    def silent_roots(self) -> set[bytes]:
        """Roots that did not answer: nothing is known of what is below them now."""
        return {place.root for place in self.unreadable if place.reason == SILENT and place.is_root}


class Scanner:
    """Scans on demand. One per process."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        disk: Disk,
        scratch: Scratch,
        roots: Sequence[bytes],
        quiet_seconds: float,
        log: structlog.typing.FilteringBoundLogger,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._pool = pool
        self._disk = disk
        self._scratch = scratch
        self._roots = roots
        self._quiet_seconds = quiet_seconds
        self._log = log
        self._now = now
        #: So that many who ask for a refresh wait with one connection and not with the whole pool.
        self._turn = asyncio.Lock()

    async def scan(self, *, is_asked: bool = False, is_thorough: bool = True) -> ScanReport:
        """Scan once; waits for a scan that is going on.

        ``is_asked``: a person wants the truth, so finished runs are judged at once and forgotten
        backups return. Not thorough: blobs of settled backups are not looked at.
        """
        started = time.monotonic()
        async with self._turn, self._pool.acquire() as connection:
            await storage.lock_scan(connection)
            scan = _Scan(
                connection,
                disk=self._disk,
                scratch=self._scratch,
                log=self._log,
                clock=Clock(now=self._now(), quiet_seconds=self._quiet_seconds, is_asked=is_asked),
                is_thorough=is_thorough,
            )
            await scan.run(self._roots)
        report = scan.report
        report.seconds = time.monotonic() - started
        metrics.SCAN_SECONDS.observe(report.seconds)
        metrics.show_backups(record.state for record in report.backups)
        self._log.debug(
            "scan_finished",
            backups=len(report.backups),
            added=len(report.added),
            changed=len(report.changed),
            removed=len(report.removed),
            moved=len(report.moved),
            unreadable=len(report.unreadable),
            seconds=round(report.seconds, 3),
        )
        return report


class _Scan:
    """The state of one scan in progress."""

    def __init__(
        self,
        connection: storage.Connection,
        *,
        disk: Disk,
        scratch: Scratch,
        log: structlog.typing.FilteringBoundLogger,
        clock: Clock,
        is_thorough: bool,
    ) -> None:
        self.report = ScanReport()
        self._connection = connection
        self._disk = disk
        self._scratch = scratch
        self._log = log
        self._clock = clock
        self._is_thorough = is_thorough
        self._records: dict[UUID, Record] = {}
        self._forgotten: dict[bytes, bytes] = {}
        #: Known backups whose folders are really gone; a new folder may be one of them.
        self._missing: dict[UUID, KnownFolder] = {}

    async def run(self, roots: Sequence[bytes]) -> None:
        if self._clock.is_asked:
            await storage.remember(self._connection)
        records = await storage.fetch_records(self._connection)
        self._records = {record.id: record for record in records}
        self._forgotten = await storage.fetch_forgotten(self._connection)
        # Each root by itself and all at once: one that does not answer holds up none of the others.
        found = await asyncio.gather(*(self._survey(root) for root in dict.fromkeys(roots)))
        walk = merged(found)
        self.report.unreadable.extend(walk.unreadable)
        self.report.containers.update(walk.containers)
        known = by_path(record.as_known() for record in records)
        await self._find_missing(walk, known)
        # Known ones first: what is missing then may be among the new ones.
        new: list[Folder] = []
        for folder in walk.folders:
            backup = known.get(folder.path)
            if backup is None or backup.is_removed:
                new.append(folder)
                continue
            with self._guarded(folder):
                if not await self._known(folder, backup):
                    new.append(folder)
        for folder in new:
            with self._guarded(folder):
                await self._new(folder, known.get(folder.path))
        for backup_id, backup in self._missing.items():
            if not backup.is_removed:
                await self._write(decide_removed(self._records[backup_id]))
        self.report.backups = [r for r in self._records.values() if r.state != "removed"]
        self.report.is_unsettled = any(
            not record.is_settled and record.is_reachable for record in self.report.backups
        )
        gone = set(self._forgotten) - {folder.path for folder in walk.folders}
        if gone and not walk.unreadable:
            await storage.remember(self._connection, gone)

    async def _survey(self, root: bytes) -> Survey:
        at, is_given_up = root, False

        def on_place(path: bytes) -> None:
            nonlocal at
            at = path

        def is_stopping() -> bool:
            return is_given_up or self._disk.stopping.is_set()

        try:
            return await self._disk.run_at(
                root,
                lambda: at,
                lambda: survey([root], is_stopping=is_stopping, on_place=on_place),
            )
        except FolderSilent as error:
            is_given_up = True
            place = Unreadable(root=root, path=error.place, reason=error.reason, is_root=True)
            return Survey(folders=[], unreadable=[place], containers={})

    async def _find_missing(self, walk: Survey, known: dict[bytes, KnownFolder]) -> None:
        """Tell deleted folders from those that nobody can see at the moment."""
        found = {folder.path: folder.file_system for folder in walk.folders}
        numbers = remounted(
            (backup.file_system, found[path])
            for path, backup in known.items()
            if path in found and not backup.is_removed
        )
        out_of_sight: set[bytes] = set()
        for backup in (record.as_known() for record in self._records.values()):
            if backup.is_removed:
                self._missing[backup.id] = backup
            elif backup.path not in found:
                if is_removed(
                    backup,
                    remaining_file_system=await self._remaining_file_system(backup),
                    remounted=numbers,
                    unreadable=walk.unreadable,
                ):
                    self._missing[backup.id] = backup
                else:
                    out_of_sight.add(backup.root)
                    await self._write(decide_unreachable(self._records[backup.id]))
        told = {place.root for place in walk.unreadable}
        self.report.unreadable.extend(
            Unreadable(root=root, path=root, reason="not-mounted", is_root=True)
            for root in sorted(out_of_sight - told)
        )

    async def _remaining_file_system(self, backup: KnownFolder) -> int | None:
        try:
            return await self._disk.run(backup.root, remaining_file_system, backup.path)
        except FolderSilent:
            return None

    async def _known(self, folder: Folder, backup: KnownFolder) -> bool:
        """Examine a folder that is known; False when it is another device's by now."""
        record = self._records[backup.id]
        examined = await self._examine(folder, record)
        if examined is None:
            await self._write(decide_same(record, folder))
            return True
        if is_other_device(backup, examined.plists.udid):
            self._missing[backup.id] = backup
            return False
        await self._write(decide(folder, record, examined, new_id=backup.id, clock=self._clock))
        return True

    async def _new(self, folder: Folder, removed: KnownFolder | None) -> None:
        """Examine a folder where no backup was known: moved, back again, or new."""
        examined = await self._examine(folder, None)
        if examined is None:
            return
        marks = self._forgotten.get(folder.path)
        if marks is not None:
            if marks == examined.marks.run:
                return
            await storage.remember(self._connection, [folder.path])
        udid = examined.plists.udid
        found = FoundFolder(
            udid=udid,
            revision=None if examined.judgement is None else examined.judgement.revision,
            run=examined.marks.run,
        )
        backup = find_moved(self._missing.values(), found)
        if backup is None and removed is not None and removed.id in self._missing:
            # Back at its old place, with a newer run maybe.
            backup = None if is_other_device(removed, udid) else removed
        record = None
        if backup is not None:
            del self._missing[backup.id]
            record = self._records[backup.id]
        await self._write(decide(folder, record, examined, new_id=uuid4(), clock=self._clock))

    @contextmanager
    def _guarded(self, folder: Folder) -> Iterator[None]:
        """Let one folder that nobody thought of cost that folder only, and say so."""
        try:
            yield
        except asyncpg.DataError as error:
            self._log.error("folder_not_stored", error=type(error).__name__)
            self._report_unreadable(folder, "unexpected")
        except (Stopped, *postgres.FAILED):
            raise
        except Exception as error:  # noqa: BLE001 -- disks hold anything
            self._log.error("folder_not_examined", error=type(error).__name__)
            self._report_unreadable(folder, "unexpected")

    def _report_unreadable(self, folder: Folder, reason: str) -> None:
        self.report.unreadable.append(
            Unreadable(root=folder.root, path=folder.path, reason=reason, is_root=False)
        )

    async def _examine(self, folder: Folder, record: Record | None) -> Examined | None:
        try:
            return await self._disk.run(
                folder.root,
                examine,
                folder,
                record,
                clock=self._clock,
                is_thorough=self._is_thorough,
                scratch=self._scratch,
                stopping=self._disk.stopping,
            )
        except FolderVanished:
            # It was there a moment ago. The next scan will know more.
            self.report.is_unsettled = True
        except FolderUnreadable as error:
            self._report_unreadable(folder, error.reason)
            if record is not None and record.is_reachable:
                await self._write(decide_unreachable(record))
        return None

    async def _write(self, decision: Decision) -> None:
        """Write a decision with its events, and count it."""
        record = decision.record
        is_known = record.id in self._records
        before = self._records.get(record.id)
        if before == record:
            return
        async with self._connection.transaction():
            if not await storage.record_scanned(self._connection, record, is_new=not is_known):
                # A person forgot it since the scan began.
                self._records.pop(record.id, None)
                return
            for event in decision.events:
                await publish(self._connection, event, service=SERVICE)
        self._records[record.id] = record
        if decision.is_new:
            self.report.added.append(record.id)
        elif record.state == "removed":
            self.report.removed.append(record.id)
        elif decision.is_moved:
            self.report.moved.append(record.id)
        elif decision.is_changed:
            self.report.changed.append(record.id)
        for event in decision.events:
            self._log.info(
                event.subject.replace(".", "_"), backup_id=str(record.id), state=record.state
            )
