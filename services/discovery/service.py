"""Wire discovery: every replica answers; one of them scans, watches and measures."""

from __future__ import annotations

import asyncio
import os
from uuid import uuid4

from services.discovery.commands import Commands
from services.discovery.disk import Disk
from services.discovery.errors import Stopped
from services.discovery.measuring import Measurer
from services.discovery.scanning import Scanner, ScanReport
from services.discovery.watching import Watcher
from shared import postgres
from shared.cancellation import raise_if_cancelled
from shared.contracts.discovery import (
    ForgetBackup,
    GetBackup,
    GetDevice,
    ListBackups,
    ListDevices,
    LocateBackup,
    RefreshBackups,
    UpdateBackup,
)
from shared.runtime import Runtime
from shared.scratch import Scratch

#: How often a folder that is being written is looked at, as a part of the quiet period.
_LOOKS_PER_QUIET_PERIOD = 4
_SHORTEST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 15.0
_RETRY_SECONDS = 1.0


async def start(runtime: Runtime) -> None:
    """Serve requests, and take part in the scan lock."""
    settings = runtime.settings
    scratch = Scratch(settings.scratch_dir / "discovery", replica_id=uuid4().hex)
    if removed := await asyncio.to_thread(scratch.open):
        runtime.log.info("scratch_leftovers_removed", count=removed)
    disk = Disk()

    async def leave() -> None:
        await disk.stop()
        await asyncio.to_thread(scratch.close)

    runtime.at_stop(leave)
    scanner = Scanner(
        pool=runtime.pool,
        disk=disk,
        scratch=scratch,
        roots=[os.fsencode(path) for path in settings.backup_paths],
        quiet_seconds=settings.discovery.quiet_seconds,
        log=runtime.log,
    )
    keeper = _Keeper(runtime, disk=disk, scanner=scanner)
    commands = Commands(
        pool=runtime.pool,
        scanner=scanner,
        max_payload_bytes=runtime.bus.max_payload_bytes,
        on_scan=keeper.take_over,
        log=runtime.log,
    )
    await runtime.serve(ListBackups, commands.list_backups)
    await runtime.serve(GetBackup, commands.get_backup)
    await runtime.serve(UpdateBackup, commands.update_backup)
    await runtime.serve(ForgetBackup, commands.forget_backup)
    await runtime.serve(RefreshBackups, commands.refresh_backups)
    await runtime.serve(LocateBackup, commands.locate_backup)
    await runtime.serve(ListDevices, commands.list_devices)
    await runtime.serve(GetDevice, commands.get_device)
    runtime.tasks.create_task(
        runtime.while_holding("scan", keeper.run), name="discovery scan, watch and measure"
    )


class _Keeper:
    """Keeps what is known true: scans at changes, at intervals, and soon where something runs."""

    def __init__(self, runtime: Runtime, *, disk: Disk, scanner: Scanner) -> None:
        self._runtime = runtime
        self._scanner = scanner
        self._settings = runtime.settings.discovery
        self._wake = asyncio.Event()
        self._measurer = Measurer(pool=runtime.pool, disk=disk, log=runtime.log)
        self._watcher = Watcher(disk=disk, on_change=self._wake.set, log=runtime.log)
        disk.on_return = self._wake.set
        self._unreadable: set[tuple[bytes, str]] = set()

    async def run(self) -> None:
        """Run until cancelled; for the one replica that holds the scan lock."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watcher.run(), name="discovery watch")
            tasks.create_task(self._measurer.run(), name="discovery measure")
            tasks.create_task(self._scan(), name="discovery scan")

    def take_over(self, report: ScanReport) -> None:
        """Use the report of a scan that somebody asked for."""
        self._use(report)
        if report.is_unsettled:
            self._wake.set()

    async def _scan(self) -> None:
        loop = asyncio.get_running_loop()
        next_rescan = loop.time()
        while not self._runtime.stopping.is_set():
            self._wake.clear()
            is_due = loop.time() >= next_rescan
            pause_seconds = _RETRY_SECONDS
            try:
                report = await self._scanner.scan(is_thorough=is_due)
            except postgres.FAILED as error:
                raise_if_cancelled()
                self._runtime.log.warning("scan_failed", error=type(error).__name__)
            except Stopped:
                return
            else:
                if is_due:
                    next_rescan = loop.time() + self._settings.rescan_seconds
                self._tell_unreadable(report)
                self._use(report)
                pause_seconds = next_rescan - loop.time()
                if report.is_unsettled:
                    pause_seconds = min(pause_seconds, self._look_again_seconds())
            try:
                async with asyncio.timeout(max(pause_seconds, _SHORTEST_PAUSE_SECONDS)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _use(self, report: ScanReport) -> None:
        self._watcher.watch_these(report.containers, report.backups, silent=report.silent_roots)
        self._measurer.wake()

    def _tell_unreadable(self, report: ScanReport) -> None:
        """Log folders that cannot be read, when that changes; their paths may hold names."""
        unreadable = {(place.path, place.reason) for place in report.unreadable}
        if unreadable != self._unreadable:
            self._unreadable = unreadable
            self._runtime.log.warning(
                "folders_unreadable",
                count=len(unreadable),
                reasons=sorted({reason for _, reason in unreadable}),
            )

    def _look_again_seconds(self) -> float:
        wanted = self._settings.quiet_seconds / _LOOKS_PER_QUIET_PERIOD
        return min(max(wanted, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
