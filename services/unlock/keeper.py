"""Opens and closes the doors of sessions: their subscriptions, their rows, their end.

A session is taken up in one order and ends in one order, whoever ends it: no further request,
row closed and announced, subscriptions gone, keys and files let go with the last running read.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Iterable

import structlog

from services.unlock import metrics, storage
from services.unlock.opened_backups import SessionContents
from services.unlock.replica import ReplicaLease
from services.unlock.session_verbs import SessionVerbs
from services.unlock.sessions import LiveSession, SessionTable
from services.unlock.storage import CloseReason, Pool, SessionRow
from shared import postgres
from shared.bus import Bus, Serving
from shared.cancellation import raise_if_cancelled
from shared.contracts.identifiers import SessionId
from shared.contracts.problems import unavailable

log = structlog.get_logger(__name__)

#: The wall clock may jump (a laptop that slept), so no wait for an expiry is longer.
_LONGEST_NAP_SECONDS = 15.0
#: How often the time of last use is written for the other replicas to show.
_USED_SECONDS = 30.0
_USED = dt.timedelta(seconds=_USED_SECONDS)
#: How long a close waits for reads that are still running; they end on their own.
_LET_GO_SECONDS = 2.0


class SessionKeeper:
    """Every session of this replica from its first request to its last."""

    def __init__(
        self,
        *,
        bus: Bus,
        pool: Pool,
        replica_id: str,
        tasks: asyncio.TaskGroup,
        on_abandoned: Callable[[str], None],
        report_lock: Callable[[bool], None],
    ) -> None:
        self._bus = bus
        self._pool = pool
        self._replica_id = replica_id
        self._tasks = tasks
        self._table: SessionTable[SessionContents] = SessionTable()
        self._servings: dict[SessionId, list[Serving]] = {}
        #: Sessions whose rows the other replicas see.
        self._written: set[SessionId] = set()
        #: Sessions that ended while the database was away, with the reason to write down.
        self._unrecorded: dict[SessionId, CloseReason] = {}
        self._changed = asyncio.Event()
        #: Set when the process ends: whoever opens now is refused.
        self.is_stopping = False
        self.lease = ReplicaLease(
            pool=pool,
            replica_id=replica_id,
            on_rows_closed=self._close_what_others_closed,
            on_abandoned=on_abandoned,
            on_state=report_lock,
        )

    def __len__(self) -> int:
        return len(self._table)

    async def take_up(
        self, live: LiveSession[SessionContents], *, token_digest: bytes, unattended: bool
    ) -> None:
        """Let a session be asked, then write it down and announce it.

        When that fails nothing of it is left, its keys and files included.
        """
        session_id = live.session_id
        try:
            # Without the lock the other replicas would take the row for a crashed one's.
            async with asyncio.timeout(5):
                await self.lease.held.wait()
        except BaseException as error:
            live.close()
            if isinstance(error, TimeoutError):
                raise unavailable("unlock") from None
            raise
        self._table.add(live)
        metrics.OPEN_SESSIONS.inc()
        try:
            verbs = SessionVerbs(live, lock=self._lock, max_reply_bytes=self._bus.max_payload_bytes)
            self._servings[session_id] = await verbs.serve(self._bus)
            await storage.record_opened(
                self._pool,
                SessionRow(
                    session=live.facts,
                    token_digest=token_digest,
                    replica_id=self._replica_id,
                    unattended=unattended,
                ),
            )
            self._written.add(session_id)
        except BaseException:
            await self.close([session_id], reason="stopped")
            raise
        if self.is_stopping:
            await self.close([session_id], reason="stopped")
            raise unavailable("unlock")
        self._changed.set()

    async def close(self, session_ids: Iterable[SessionId], *, reason: CloseReason) -> None:
        """End sessions of this replica; those that are not here (any more) are passed over."""
        closing = [live for session_id in session_ids if (live := self._table.remove(session_id))]
        metrics.OPEN_SESSIONS.dec(len(closing))
        for live in closing:
            live.close()
            self._written.discard(live.session_id)
            self._unrecorded[live.session_id] = reason
            for serving in self._servings.pop(live.session_id, []):
                # In the background: the request that locks is itself one of those being answered.
                self._tasks.create_task(_stop(serving), name=f"stop {serving.subject}")
            log.info("session_closed", session_id=live.session_id, reason=reason)
        if closing:
            await self._record_closed()
            # Whoever locks may look at once whether anything is left.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LET_GO_SECONDS):
                    for live in closing:
                        await live.ended.wait()

    async def _record_closed(self) -> None:
        """Write down what ended. The keys are gone either way; the loop tries again."""
        waiting = dict(self._unrecorded)
        try:
            for reason in set(waiting.values()):
                ended = [key for key, why in waiting.items() if why == reason]
                await storage.record_closed(self._pool, ended, reason=reason)
                for session_id in ended:
                    self._unrecorded.pop(session_id, None)
        except postgres.AWAY as error:
            log.warning("session_rows_not_written", error=type(error).__name__)

    async def close_all(self) -> None:
        """End every session because the process ends."""
        self.is_stopping = True
        await self.close(self._table.ids(), reason="stopped")
        if self._unrecorded:
            # Ended a moment ago: the loop that is writing it down is cancelled next.
            await self._record_closed()

    async def expire(self) -> None:
        """End sessions when their time is over, and write down when they were used; a loop."""
        loop = asyncio.get_running_loop()
        written_at, next_write = _now(), loop.time() + _USED_SECONDS
        while True:
            raise_if_cancelled()
            self._changed.clear()
            next_expiry = self._table.next_expiry()
            nap = _LONGEST_NAP_SECONDS
            if next_expiry is not None:
                nap = min(nap, max(0.0, (next_expiry - _now()).total_seconds()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(nap):
                    await self._changed.wait()
            now = _now()
            await self.close(self._table.expired(now), reason="expired")
            if self._unrecorded:
                await self._record_closed()
            if loop.time() >= next_write:
                # The time of day may have been set back meanwhile.
                used = self._table.used_since(min(written_at, now - _USED))
                written_at, next_write = now, loop.time() + _USED_SECONDS
                with contextlib.suppress(*postgres.AWAY):
                    await storage.record_used(self._pool, used)

    async def _lock(self, session_id: SessionId) -> None:
        await self.close([session_id], reason="locked")

    async def _close_what_others_closed(self) -> None:
        """Lock sessions whose rows were closed elsewhere: a removed backup, a lost connection."""
        # Only those whose rows were written: one that is being opened has none yet.
        here = self._written.copy()
        if here:
            gone = here - await storage.fetch_open_ids(self._pool, replica_id=self._replica_id)
            await self.close(gone, reason="locked")


async def _stop(serving: Serving) -> None:
    try:
        await serving.stop()
    except Exception as error:  # noqa: BLE001 -- the session is over; the service is not
        log.warning("session_subject_not_left", error=type(error).__name__)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
