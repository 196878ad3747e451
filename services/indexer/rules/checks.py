"""Holding backups against the rules, one after the other, in one replica at a time.

Events only say which backup to look at; what is to be done follows from what is so when its turn
comes: the rules, the revision on disk, what the history holds of it. A check stays in its table
until its job is written down, in one transaction, so that a crash loses none and doubles none.

Few automatic jobs are under way at once: what a person asks for does not wait behind a hundred.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from services.indexer.jobs.storage import create_job
from services.indexer.kinds import PARSERS
from services.indexer.rules.nightly import next_nightly
from services.indexer.rules.storage import (
    Check,
    ask_checks,
    count_unasked_jobs,
    fetch_due_checks,
    fetch_readings,
    fetch_round,
    fetch_rules,
    finish_check,
    finish_round,
    postpone_check,
    record_nightly,
)
from services.indexer.rules.wanted import lacking_kinds, wanted_kinds
from services.indexer.runs.index_run import Revision, readable_revision
from services.indexer.runs.session_files import SessionFiles
from shared.bus import Bus, publish
from shared.contracts.discovery import ListBackups, LocateBackup, Location
from shared.contracts.events import IndexRequested
from shared.contracts.identifiers import JobId, SessionId
from shared.contracts.jobs import JobOrigin
from shared.contracts.passphrase_references import ListPassphraseReferences
from shared.contracts.problems import ProblemError
from shared.contracts.requests import DEFAULT_LIMIT
from shared.contracts.unlock import ListSessions
from shared.postgres import FAILED

if TYPE_CHECKING:
    import asyncpg

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Checks that another replica took in are seen after so long; ours wake the loop.
_LOOK_SECONDS = 2.0
#: Before a backup is looked at again whose job is under way, or when somebody did not answer.
_BUSY_SECONDS = 2.0
_SILENT_SECONDS = 10.0
_BROKEN_SECONDS = 900.0
#: As many as one process reads at once (see index_run).
_MOST_UNDER_WAY = 2
_BATCH = 100
_PASSING = (429, 503, 504)


class RuleChecks:
    """The loop that turns checks into jobs."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus, nightly_at: dt.time | None) -> None:
        """*nightly_at* is in the machine's own time zone; None is never."""
        self._pool = pool
        self._bus = bus
        self._nightly_at = nightly_at
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """Look now: a check was taken in, or a run has ended."""
        self._awake.set()

    async def run(self) -> None:
        """Look for ever; what cannot be had for a moment is asked for again."""
        while True:
            self._awake.clear()
            try:
                await self.look()
            except ProblemError as error:
                log.info("rules_wait", problem=error.problem.type)
            except FAILED as error:
                log.info("rules_wait", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._awake.wait()

    async def look(self) -> None:
        """Carry out what is due now."""
        await self._begin_rounds()
        for check in await fetch_due_checks(self._pool, limit=_BATCH):
            if await count_unasked_jobs(self._pool) >= _MOST_UNDER_WAY:
                # The end of a run wakes us.
                return
            structlog.contextvars.bind_contextvars(backup_id=check.backup_id)
            try:
                await self._carry_out(check)
            except ProblemError as error:
                if error.problem.status in _PASSING:
                    await postpone_check(self._pool, check, seconds=_SILENT_SECONDS)
                    continue
                # Gone, or no completed run of the phone: its next event brings it back.
                await finish_check(self._pool, check)
            except FAILED:
                raise
            except Exception as error:  # noqa: BLE001 -- told, and looked at again
                # One backup that nobody foresaw is no reason to leave the others waiting.
                log.error("rule_check_broken", error=type(error).__name__)  # noqa: TRY400 -- no content
                await postpone_check(self._pool, check, seconds=_BROKEN_SECONDS)
            finally:
                structlog.contextvars.unbind_contextvars("backup_id")

    async def _begin_rounds(self) -> None:
        moment = dt.datetime.now(dt.UTC)
        due = await fetch_round(self._pool)
        is_night = (
            self._nightly_at is not None and due.nightly_at is not None and due.nightly_at <= moment
        )
        if due.asked_turn is not None or is_night:
            backup_ids = await self._every_backup()
            async with self._pool.acquire() as connection, connection.transaction():
                origin: JobOrigin = "rule" if due.asked_turn is not None else "nightly"
                await ask_checks(connection, backup_ids, origin=origin)
                if due.asked_turn is not None:
                    await finish_round(connection, due.asked_turn)
                if is_night:
                    await record_nightly(connection, next_nightly(self._nightly_at, moment))
            log.info("rules_round", origin=origin, backups=len(backup_ids))
            return
        # The setting may be another than it was, or the time of day set back.
        await record_nightly(self._pool, next_nightly(self._nightly_at, moment))

    async def _every_backup(self) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await self._bus.request(ListBackups(limit=DEFAULT_LIMIT, cursor=cursor))
            found += [one.id for one in page.items if one.state != "removed"]
            cursor = page.next_cursor
            if cursor is None:
                return found

    async def _carry_out(self, check: Check) -> None:
        """Make the job that the rules ask for, if they ask for one."""
        rules = await fetch_rules(self._pool)
        if not any(rule.enabled for rule in rules):
            await finish_check(self._pool, check)
            return
        location = await self._bus.request(LocateBackup(backup_id=check.backup_id))
        revision = readable_revision(location)
        kinds = await self._lacking(
            revision, wanted_kinds(rules, device=revision.udid, known=tuple(PARSERS))
        )
        if not kinds:
            await finish_check(self._pool, check)
            return
        session_id: SessionId | None = None
        if location.encrypted:
            session_id = await self._find_session(location)
            if session_id is None and not await self._has_reference(revision.udid):
                # A session that is opened later brings it back.
                await finish_check(self._pool, check)
                return
        await self._ask(check, kinds=kinds, session_id=session_id)

    async def _lacking(self, revision: Revision, wanted: tuple[str, ...]) -> tuple[str, ...]:
        return lacking_kinds(
            wanted,
            versions={kind: parser.version for kind, parser in PARSERS.items()},
            read_by=await fetch_readings(
                self._pool,
                backup_id=revision.backup_id,
                device=revision.udid,
                digest=revision.digest,
            ),
        )

    async def _find_session(self, location: Location) -> SessionId | None:
        """Return an open session that reads the revision which discovery sees."""
        page = await self._bus.request(ListSessions())
        for session in page.items:
            if session.backup_id != location.backup_id:
                continue
            try:
                await SessionFiles(self._bus, session.session_id).check(location)
            except ProblemError as error:
                if error.problem.status in _PASSING:
                    raise
                # Locked meanwhile, or opened before the phone's last run.
                continue
            return session.session_id
        return None

    async def _has_reference(self, udid: str) -> bool:
        page = await self._bus.request(ListPassphraseReferences())
        return any(one.udid == udid for one in page.items)

    async def _ask(
        self, check: Check, *, kinds: tuple[str, ...], session_id: SessionId | None
    ) -> None:
        job_id = JobId(str(uuid4()))
        async with self._pool.acquire() as connection, connection.transaction():
            job = await create_job(
                connection,
                job_id=job_id,
                backup_id=check.backup_id,
                session_id=session_id,
                kinds=list(kinds),
                origin=check.origin,
            )
            if job.id != job_id:
                # That may be another revision, or other kinds: looked at when it is over.
                await postpone_check(connection, check, seconds=_BUSY_SECONDS)
                return
            await finish_check(connection, check)
            await publish(
                connection,
                IndexRequested(
                    job_id=job_id,
                    backup_id=check.backup_id,
                    session_id=session_id,
                    kinds=list(kinds),
                ),
                service="indexer",
            )
        log.info("index_asked_by_rule", job_id=job_id, origin=check.origin, kinds=len(kinds))
