"""What one replica owes the others: a lock that says it lives, and an ear for closed sessions.

The lock belongs to one database connection, so Postgres drops it when the process dies, however
that happens. The same connection listens. When the connection is lost, sessions go on working;
once there is a new one, those that the others took for crashed meanwhile are locked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.unlock.storage import CLOSED_CHANNEL, Connection, Pool, replica_lock_name
from shared import postgres
from shared.cancellation import raise_if_cancelled

log = structlog.get_logger(__name__)

_RETRY_SECONDS = 1.0
#: How often a silent connection is asked for a sign of life; a vanished host sends no goodbye.
_PING_SECONDS = 30.0
_PING_TIMEOUT_SECONDS = 10.0


class ReplicaLease:
    """Holds the lock and calls *on_rows_closed* when rows may have been closed by others.

    *on_abandoned* is told the name of an opening that is given up.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        replica_id: str,
        on_rows_closed: Callable[[], Awaitable[None]],
        on_abandoned: Callable[[str], None],
        on_state: Callable[[bool], None],
    ) -> None:
        self._pool = pool
        self._name = replica_lock_name(replica_id)
        self._on_rows_closed = on_rows_closed
        self._on_abandoned = on_abandoned
        self._on_state = on_state
        #: Set while the lock is held; a session row must not be written before.
        self.held = asyncio.Event()

    async def run(self) -> None:
        """Hold the lock until cancelled, whatever then fails; a lost connection is replaced."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._hold(connection)
            except postgres.FAILED as error:
                raise_if_cancelled()
                log.warning("replica_lock_lost", error=type(error).__name__)
            finally:
                self.held.clear()
            self._on_state(False)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _hold(self, connection: Connection) -> None:
        awake = asyncio.Event()
        rows_closed = False

        def on_notice(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            nonlocal rows_closed
            if payload:
                self._on_abandoned(str(payload))
                return
            rows_closed = True
            awake.set()

        def on_termination(_: object) -> None:
            awake.set()

        # The server may not have noticed yet that our former connection is gone: wait for it.
        await connection.execute("select pg_advisory_lock(hashtextextended($1, 0))", self._name)
        connection.add_termination_listener(on_termination)
        await connection.add_listener(CLOSED_CHANNEL, on_notice)
        try:
            self.held.set()
            self._on_state(True)
            await self._on_rows_closed()
            while not connection.is_closed():
                try:
                    async with asyncio.timeout(_PING_SECONDS):
                        await awake.wait()
                except TimeoutError:
                    await connection.execute("select 1", timeout=_PING_TIMEOUT_SECONDS)
                    continue
                awake.clear()
                if rows_closed:
                    rows_closed = False
                    await self._on_rows_closed()
        finally:
            if not connection.is_closed():
                connection.remove_termination_listener(on_termination)
                await connection.remove_listener(CLOSED_CHANNEL, on_notice)
                await connection.execute(
                    "select pg_advisory_unlock(hashtextextended($1, 0))", self._name
                )
