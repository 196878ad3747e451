"""A search whose process stands still for longer than a search may take."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from shared.bus import Bus
from shared.contracts.indexer import Search
from shared.contracts.problems import ProblemError
from tests.service_process import service_process
from tests.stack import Stack

_SECONDS = 120
_WAITING, _GIVEN_UP = "active Lock", "idle in transaction (aborted) Client"
#: What the service's connections are doing; the test's own are those of the administrator.
_STATES = """
    select coalesce(array_agg(state || coalesce(' ' || wait_event_type, '')), '{}')
    from pg_stat_activity
    where usename = $1 and pid <> pg_backend_pid() and state is not null and state <> 'idle'
"""


async def _wait_until(pool: Any, user: str, state: str, *, seen: bool) -> None:
    """Wait until a connection of the service is in *state*, or until none is any more."""
    async with asyncio.timeout(_SECONDS):
        while True:
            if (state in await pool.fetchval(_STATES, user)) == seen:
                return
            await asyncio.sleep(0.05)


async def _search(bus: Bus) -> object:
    return await bus.request(Search(q="anything"), timeout_seconds=_SECONDS)


async def test_a_search_that_stood_still_too_long_is_told_so_and_leaves_nothing_behind(
    stack: Stack,
) -> None:
    async with (
        service_process(stack, "indexer") as process,
        stack.bus("gateway") as bus,
        stack.pool("indexer") as pool,
    ):
        user = stack.credentials("indexer").postgres.user
        await _search(bus)
        async with pool.acquire() as holder, holder.transaction():
            await holder.execute("lock table artifact in access exclusive mode")
            asked = asyncio.create_task(_search(bus))
            await _wait_until(pool, user, _WAITING, seen=True)
            os.kill(process.pid, signal.SIGSTOP)
            try:
                # The database gives the search up while nobody is there to hear of it.
                await _wait_until(pool, user, _WAITING, seen=False)
            finally:
                os.kill(process.pid, signal.SIGCONT)
            with pytest.raises(ProblemError) as raised:
                await asked
        assert raised.value.problem.status == 503
        assert raised.value.problem.retry_after_seconds
        await _search(bus)
        await _wait_until(pool, user, _GIVEN_UP, seen=False)
