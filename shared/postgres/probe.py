"""Whether the database answers, or it is only us who have no connection left to ask with."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import asyncpg

from shared.credentials import PostgresCredentials
from shared.postgres.away import FAILED
from shared.postgres.pool import connect

#: For each of the two ways to ask; who asks for our health waits two seconds.
_PROBE_SECONDS = 0.7

State = Literal["ready", "busy", "away"]


async def probe(pool: asyncpg.Pool[Any], credentials: PostgresCredentials, *, schema: str) -> State:
    """Ask the database something through *pool*, or beside it when all its connections are taken.

    ``busy``: the database answers, but requests of this process wait for a connection. Takes a
    second and a half at most.
    """
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            connection = await pool.acquire()
    except TimeoutError:
        return await _beside(credentials, schema=schema)
    except FAILED:
        return "away"
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            await connection.execute("select 1")
    except FAILED:
        return "away"
    finally:
        # Not waited for: a connection that hangs takes its time to be reset.
        asyncio.ensure_future(pool.release(connection)).add_done_callback(_seen)
    return "ready"


async def _beside(credentials: PostgresCredentials, *, schema: str) -> State:
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            connection = await connect(credentials, schema=schema)
            try:
                await connection.execute("select 1")
            finally:
                connection.terminate()
    except asyncpg.TooManyConnectionsError:
        # The server has none left either; that it says so is an answer.
        return "busy"
    except FAILED:
        return "away"
    return "busy"


def _seen(releasing: asyncio.Future[None]) -> None:
    if not releasing.cancelled():
        releasing.exception()
