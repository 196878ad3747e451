"""Wiring: which handler answers which subject."""

from __future__ import annotations

import asyncio
import contextlib
import time
from uuid import uuid4

from services.indexer.commands import Commands
from services.indexer.exports.export_run import ExportRunner
from services.indexer.exports.handlers import ExportHandlers
from services.indexer.exports.request import MOST_UNDER_WAY, ExportRequests
from services.indexer.exports.store import ExportStore
from services.indexer.handlers import EventHandlers
from services.indexer.history.table_upkeep import TableUpkeep
from services.indexer.jobs import abandoned
from services.indexer.lineage.handlers import LineageHandlers
from services.indexer.lineage.requests import LineageRequests
from services.indexer.people.requests import PeopleRequests
from services.indexer.people.storage_seen import read_everything
from services.indexer.queries import Queries
from services.indexer.rules.checks import RuleChecks
from services.indexer.rules.commands import RuleCommands
from services.indexer.rules.events import RuleEvents
from services.indexer.rules.nightly import read_clock
from services.indexer.runs.index_run import IndexRunner
from services.indexer.runs.locked_notes import LockedNotes
from shared.bus import Delivery
from shared.contracts.events import (
    BackupChanged,
    BackupDiscovered,
    BackupRemoved,
    ExportRequested,
    IndexRequested,
    LineageRequested,
    SessionOpened,
)
from shared.contracts.exports import RequestExport
from shared.postgres import FAILED
from shared.runtime import Runtime
from shared.scratch import Scratch

#: Runs wait for each other's device without holding anything but their place here. Decisions about
#: lineages take turns as well; people make a few of them in a year.
_CONCURRENCY = 7 + MOST_UNDER_WAY


async def start(runtime: Runtime) -> None:
    """Start the indexer inside *runtime*."""
    scratch = Scratch(runtime.settings.scratch_dir / "indexer", replica_id=uuid4().hex)
    removed = await asyncio.to_thread(scratch.open)
    if removed:
        runtime.log.info("scratch_leftovers_removed", count=removed)

    async def hold_scratch() -> None:
        # Until the last handler is gone: loops are cancelled after them.
        try:
            await asyncio.Event().wait()
        finally:
            scratch.close()

    runtime.tasks.create_task(hold_scratch(), name="indexer scratch")

    async def read_people() -> None:
        with contextlib.suppress(*FAILED):
            if await read_everything(runtime.pool):
                runtime.log.info("people_read")

    runtime.tasks.create_task(read_people(), name="indexer people")

    async def look_at_lineages() -> None:
        with contextlib.suppress(*FAILED):
            await LineageRequests(pool=runtime.pool, bus=runtime.bus).look_at_all()

    runtime.tasks.create_task(look_at_lineages(), name="indexer lineages")

    upkeep = TableUpkeep(pool=runtime.pool, connect=runtime.connect)
    runtime.tasks.create_task(upkeep.run(), name="indexer table upkeep")

    async def keep_asking() -> None:
        await abandoned.keep_asking(runtime.pool)

    runtime.tasks.create_task(
        runtime.while_holding("abandoned", keep_asking), name="indexer abandoned jobs"
    )
    runner = IndexRunner(
        pool=runtime.pool,
        bus=runtime.bus,
        settings=runtime.settings,
        scratch=scratch,
        connect=runtime.connect,
    )
    checks = await _start_rules(runtime)

    events = EventHandlers(
        pool=runtime.pool, bus=runtime.bus, runner=runner, on_run_over=upkeep.wake
    )

    async def on_index_requested(event: IndexRequested, delivery: Delivery) -> None:
        try:
            await events.on_index_requested(event, delivery)
        finally:
            # There is room for another automatic job now.
            checks.wake()

    exports = await _start_exports(runtime)
    rule_events = RuleEvents(on_check=checks.wake)
    commands = Commands(pool=runtime.pool, bus=runtime.bus)
    queries = Queries(pool=runtime.pool, bus=runtime.bus)
    runtime.tasks.create_task(queries.warm_up(), name="indexer warm up")

    people = PeopleRequests(pool=runtime.pool, bus=runtime.bus)
    notes = LockedNotes(pool=runtime.pool, bus=runtime.bus, scratch=scratch)
    lineages = LineageRequests(pool=runtime.pool, bus=runtime.bus)
    arranging = LineageHandlers(pool=runtime.pool, bus=runtime.bus, connect=runtime.connect)
    for part in (commands, queries, people, notes, lineages):
        for request_type, answer in part.answers().items():
            await runtime.serve(request_type, answer)
    runtime.consume(
        {
            IndexRequested: on_index_requested,
            ExportRequested: exports.on_export_requested,
            LineageRequested: arranging.on_lineage_requested,
            BackupRemoved: events.on_backup_removed,
            BackupDiscovered: rule_events.on_backup,
            BackupChanged: rule_events.on_backup,
            SessionOpened: rule_events.on_session_opened,
        },
        concurrency=_CONCURRENCY,
    )


async def _start_exports(runtime: Runtime) -> ExportHandlers:
    store = ExportStore(runtime.bus, runtime.settings, monotonic=time.monotonic)
    removed = await asyncio.to_thread(store.open)
    if removed:
        runtime.log.info("export_leftovers_removed", count=removed)
    runtime.tasks.create_task(store.run(), name="indexer exports")
    requests = ExportRequests(pool=runtime.pool, bus=runtime.bus)
    await runtime.serve(RequestExport, requests.request_export)
    runner = ExportRunner(
        pool=runtime.pool,
        bus=runtime.bus,
        settings=runtime.settings,
        store=store,
        connect=runtime.connect,
    )
    return ExportHandlers(pool=runtime.pool, bus=runtime.bus, runner=runner)


async def _start_rules(runtime: Runtime) -> RuleChecks:
    checks = RuleChecks(
        pool=runtime.pool,
        bus=runtime.bus,
        nightly_at=read_clock(runtime.settings.indexer.nightly_at),
    )
    runtime.tasks.create_task(runtime.while_holding("rules", checks.run), name="indexer rules")
    rules = RuleCommands(pool=runtime.pool, on_change=checks.wake)
    for request_type, answer in rules.answers().items():
        await runtime.serve(request_type, answer)
    return checks
