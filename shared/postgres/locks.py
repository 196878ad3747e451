"""Leases as advisory locks: freed by the server the moment the holder's connection dies.

A lock has a connection of its own, because a pool's would be missing there for as long as the lock
is held.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from shared.credentials import PostgresCredentials
from shared.postgres.away import FAILED
from shared.postgres.pool import connect

#: A silent peer (a cable pulled, a node lost) is noticed after at most this long.
PROBE_SECONDS = 10.0
RETRY_SECONDS = 1.0


class LockLostError(Exception):
    """The connection that held the lock died; somebody else may hold it by now."""


@asynccontextmanager
async def singleton(credentials: PostgresCredentials, name: str) -> AsyncIterator[None]:
    """Hold the lock *name*: wait for it, however long, and for the database if it is away.

    The body is cancelled when the lock is lost, and ``LockLostError`` is raised in its place.
    """
    connection = await _acquire(credentials, name)
    body = asyncio.current_task()
    assert body is not None
    lost = False

    def lose(*_: object) -> None:
        nonlocal lost
        if not lost:
            lost = True
            body.cancel()

    connection.add_termination_listener(lose)
    # Not in a TaskGroup, which would wrap what the body raises. It never raises by itself.
    probe = asyncio.create_task(_probe(connection, lose), name=f"lock {name}")
    try:
        yield
    except asyncio.CancelledError:
        # Our own cancellation is taken back; anybody else's goes on.
        if lost and body.uncancel() == 0:
            raise LockLostError(name) from None
        raise
    finally:
        connection.remove_termination_listener(lose)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        with suppress(*FAILED):
            await connection.close(timeout=1.0)


async def _acquire(credentials: PostgresCredentials, name: str) -> asyncpg.Connection[Any]:
    while True:
        connection = None
        try:
            connection = await connect(credentials)
            await connection.execute("select pg_advisory_lock(hashtextextended($1, 0))", name)
        except FAILED:
            if connection is not None:
                connection.terminate()
            await asyncio.sleep(RETRY_SECONDS)
        except asyncio.CancelledError:
            if connection is not None:
                connection.terminate()
            raise
        else:
            return connection


async def _probe(connection: asyncpg.Connection[Any], lose: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(PROBE_SECONDS)
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await connection.execute("select 1")
        except FAILED:
            lose()
            return
