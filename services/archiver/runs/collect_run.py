"""What is due in a destination is deleted: archives first, later what no archive needs any more.

Archives that the catalogue does not know are taken up before anything is looked for, so what they
need stays. While there is one that cannot be read, nothing is deleted that it might need, unless
that was asked for. May be killed anywhere, and run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from services.archiver.errors import (
    CancelledByPersonError,
    DamagedArchiveError,
    ObjectMissingError,
)
from services.archiver.format.bundle import BundleError
from services.archiver.runs.upkeep_work import UpkeepWork
from services.archiver.storage.deletions import (
    begin_deletion,
    fetch_due_archives,
    remove_archive,
)
from services.archiver.storage.ledger import PostgresLedger, fetch_stock
from services.archiver.storage.taking_up import fetch_known_paths
from services.archiver.storage.upkeep import mark_tidy, mark_untidy
from services.archiver.store.bundle_reading import packs_named, stray_packs
from services.archiver.store.collection import Sweep, carry_out, sweep
from services.archiver.store.transport import StoredName, Transport


async def collect(work: UpkeepWork) -> dict[str, Any]:
    """Delete what is due. The caller is the only one who writes there."""
    async with work.place.reached() as transport:
        await mark_untidy(work.pool, work.destination_id)
        await asyncio.to_thread(transport.clean)
        taken = await work.take_up(transport)
        work.pulse.position.bytes_done, work.pulse.position.bytes_total = 0, None
        work.pulse.begin("deleting archives")
        archives, bundle_bytes = await _delete_archives(work, transport)
        report = {
            "archives_deleted": archives,
            "bytes_freed": bundle_bytes,
            "objects_deleted": 0,
            "objects_marked": 0,
            "leftovers_deleted": 0,
            "dead_bytes": 0,
            "held_back": False,
            "archives_added": taken.added_count,
            "left_out": taken.left_out_count,
            "left_out_items": taken.left_out,
            "wrong": taken.left_out_count,
        }
        if taken.left_out_count and not work.wish.gives_up_unreadable:
            report["held_back"] = True
        else:
            plan = await _delete_objects(work, transport)
            report |= {
                "bytes_freed": bundle_bytes + plan.freed_bytes,
                "objects_deleted": len(plan.delete),
                "objects_marked": len(plan.mark),
                "leftovers_deleted": len(plan.delete_strays),
                "dead_bytes": plan.dead_bytes,
            }
        await mark_tidy(work.pool, work.destination_id)
    return report


async def _delete_archives(work: UpkeepWork, transport: Transport) -> tuple[int, int]:
    count = freed = 0
    for due in await fetch_due_archives(work.pool, work.destination_id):
        if work.pulse.is_stopping():
            raise CancelledByPersonError("The job was asked to stop.")
        if not await begin_deletion(work.pool, due.id):
            continue
        # The bundle first: an archive that can be got back by hand is one that is listed.
        await asyncio.to_thread(transport.delete, due.path)
        await asyncio.to_thread(transport.delete, f"{due.path}.sha256")
        async with work.pool.acquire() as connection, connection.transaction():
            await remove_archive(connection, due.id)
        count += 1
        freed += due.bundle_bytes
    return count, freed


async def _delete_objects(work: UpkeepWork, transport: Transport) -> Sweep:
    work.pulse.begin("looking for what nobody needs")
    listed = await asyncio.to_thread(_list_objects, transport)
    async with work.pool.acquire() as connection, connection.transaction():
        stock = await fetch_stock(connection, work.destination_id, listed)
    known = frozenset(held.path for held in stock.objects)
    named = stock.named
    if wanted := stray_packs(listed, known):
        paths = await fetch_known_paths(work.pool, work.destination_id)
        named |= await asyncio.to_thread(_named, transport, sorted(paths), wanted)
    plan = sweep(
        stock.objects,
        referred=stock.referred,
        sizes=stock.sizes,
        now=stock.now,
        grace=work.grace,
        listed=listed,
        named=named,
        strays_since=stock.strays,
    )
    work.pulse.begin("deleting")
    position = work.pulse.position
    position.bytes_total = sum(held.size_bytes for held in plan.delete)
    position.files_total = len(plan.delete)

    def tell(size_bytes: int) -> None:
        position.files_done += 1
        position.bytes_done += size_bytes

    ledger = PostgresLedger(
        work.pool,
        asyncio.get_running_loop(),
        destination_id=work.destination_id,
        now=stock.now,
    )
    await asyncio.to_thread(
        carry_out,
        plan,
        transport=transport,
        ledger=ledger,
        on_deleted=tell,
        is_cancelled=work.pulse.is_stopping,
    )
    return plan


def _list_objects(transport: Transport) -> list[StoredName]:
    return [found for folder in ("objects", "packs") for found in transport.names(folder)]


def _named(transport: Transport, paths: Sequence[str], wanted: frozenset[str]) -> frozenset[str]:
    """Return those packs that some archive's tree names; all of them where a tree is not there."""
    found: set[str] = set()
    for path in paths:
        try:
            found |= packs_named(transport, path, wanted)
        except (BundleError, DamagedArchiveError, ObjectMissingError):
            return wanted
    return frozenset(found)
