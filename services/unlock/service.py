"""Wiring of unlock: what one replica holds, answers, hears and leaves behind."""

from __future__ import annotations

import asyncio
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from services.unlock import storage
from services.unlock.backup_disks import BackupDisks
from services.unlock.commands import Commands
from services.unlock.keeper import SessionKeeper
from services.unlock.key_cache import KeyCache
from services.unlock.opened_backups import OpenedBackups
from services.unlock.openings import Openings
from services.unlock.throttle import Limit
from services.unlock.unattended import Unattended
from shared.contracts.events import BackupRemoved
from shared.contracts.passphrase_references import (
    ListPassphraseReferences,
    OpenUnattended,
    SetPassphraseReference,
)
from shared.contracts.unlock import AbandonOpenings, ListSessions, OpenSession
from shared.ios_backup import Keys
from shared.runtime import Runtime
from shared.scratch import Scratch
from shared.settings import Settings

#: Threads that remove plaintext when sessions end.
_CLOSERS = 2
#: A caller that tries many backups gets more free attempts than one backup gives.
_CALLER_FACTOR = 2


async def start(runtime: Runtime) -> None:
    """Make this process a replica of unlock."""
    settings = runtime.settings
    # A core dump would be a copy of every key on disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    replica_id = str(uuid4())
    scratch = await _open_scratch(runtime, replica_id)
    derivers = ThreadPoolExecutor(
        settings.unlock.workers or max(2, os.cpu_count() or 2), thread_name_prefix="unlock-derive"
    )
    closers = ThreadPoolExecutor(_CLOSERS, thread_name_prefix="unlock-close")
    disks = BackupDisks()

    async def leave() -> None:
        disks.stop()
        for executor in (derivers, closers):
            executor.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(scratch.close)

    # The first to be named is the last to be called.
    runtime.at_stop(leave)
    key_cache: KeyCache[Keys] = KeyCache(wipe=Keys.wipe)
    openings = Openings()
    keeper = SessionKeeper(
        bus=runtime.bus,
        pool=runtime.pool,
        replica_id=replica_id,
        tasks=runtime.tasks,
        on_abandoned=openings.abandon,
        report_lock=lambda held: runtime.report("replica_lock", ready=held),
    )
    runtime.at_stop(keeper.close_all)
    per_keybag, per_caller = _limits(settings)
    commands = Commands(
        bus=runtime.bus,
        pool=runtime.pool,
        keeper=keeper,
        key_cache=key_cache,
        opened=OpenedBackups(scratch=scratch, key_cache=key_cache, disks=disks, closers=closers),
        openings=openings,
        derivers=derivers,
        disks=disks,
        replica_id=replica_id,
        longest_ttl_seconds=settings.session.ttl_seconds,
        per_keybag=per_keybag,
        per_caller=per_caller,
    )
    unattended = Unattended(
        bus=runtime.bus,
        pool=runtime.pool,
        disks=disks,
        open_session=commands.open_session,
        allow_commands=settings.unlock.reference_commands,
    )
    runtime.tasks.create_task(keeper.lease.run(), name="unlock replica lock")
    runtime.tasks.create_task(keeper.expire(), name="unlock expiry")
    crashed = await storage.record_crashed(runtime.pool, own_replica_id=replica_id)
    if crashed:
        runtime.log.warning("crashed_sessions_closed", sessions=crashed)
    await storage.forget_long_closed(runtime.pool)
    await runtime.serve(OpenSession, commands.open_session)
    await runtime.serve(AbandonOpenings, commands.abandon_openings)
    await runtime.serve(ListSessions, commands.list_sessions)
    await runtime.serve(SetPassphraseReference, unattended.set_reference)
    await runtime.serve(ListPassphraseReferences, unattended.list_references)
    await runtime.serve(OpenUnattended, unattended.open)
    runtime.consume({BackupRemoved: commands.on_backup_removed})


async def _open_scratch(runtime: Runtime, replica_id: str) -> Scratch:
    settings = runtime.settings
    root = settings.scratch_dir / "unlock"
    scratch = Scratch(root, replica_id=replica_id)
    removed = await asyncio.to_thread(scratch.open)
    if removed:
        runtime.log.warning("leftover_plaintext_removed", replicas=removed)
    is_chosen = "scratch_dir" in settings.explicit
    if not is_chosen and settings.scratch_dir.is_relative_to(settings.data_dir):
        runtime.log.warning(
            "scratch_on_disk",
            detail="There is no tmpfs; decrypted manifests go to the data directory while a "
            "session is open. Set KEEPSAKE_SCRATCH_DIR to choose another place.",
        )
    return scratch


def _limits(settings: Settings) -> tuple[Limit, Limit]:
    free, longest = settings.unlock.free_attempts, settings.unlock.longest_wait_seconds
    return (
        Limit(free_attempts=free, longest_delay_seconds=longest),
        Limit(free_attempts=free * _CALLER_FACTOR, longest_delay_seconds=longest),
    )
