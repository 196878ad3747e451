"""The lock of a replica ends when it is told to, also when nothing can be cleaned up any more."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from services.unlock.replica import ReplicaLease


class LostConnection:
    """A database connection that works until the first clean-up."""

    async def execute(self, statement: str, *_: object) -> None:
        if "unlock" in statement:
            raise asyncpg.InterfaceError("connection is closed")

    async def add_listener(self, *_: object) -> None:
        """Listen to nothing."""

    async def remove_listener(self, *_: object) -> None:
        raise asyncpg.ConnectionDoesNotExistError("connection was closed")

    def add_termination_listener(self, *_: object) -> None:
        """Never terminates."""

    def remove_termination_listener(self, *_: object) -> None:
        """Nothing was added."""

    def is_closed(self) -> bool:
        return False


class LostPool:
    """A pool of such connections; counts how often one was asked for."""

    def __init__(self) -> None:
        self.acquired = 0

    @asynccontextmanager
    async def acquire(self) -> Any:
        self.acquired += 1
        yield LostConnection()


async def test_a_clean_up_that_fails_does_not_swallow_the_stop() -> None:
    async def nothing() -> None:
        """No session is open."""

    pool: Any = LostPool()
    states: list[bool] = []
    lease = ReplicaLease(
        pool=pool,
        replica_id="r1",
        on_rows_closed=nothing,
        on_abandoned=lambda _name: None,
        on_state=states.append,
    )
    holding = asyncio.create_task(lease.run())
    await asyncio.wait_for(lease.held.wait(), 5)
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(holding, 5)
    assert pool.acquired == 1
    assert states == [True]
    assert not lease.held.is_set()
