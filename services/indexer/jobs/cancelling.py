"""Work that ends when a person, asking any replica, wants its job to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

from services.indexer.errors import RunCancelledError
from services.indexer.jobs.storage import is_cancel_requested

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")

_POLL_SECONDS = 0.4


async def until_cancelled(pool: asyncpg.Pool[Any], job_id: str, work: Awaitable[T]) -> T:
    """Return what *work* does. Raises ``RunCancelledError``, after it has come to its end."""
    running: asyncio.Task[T] = asyncio.ensure_future(work)
    watching = asyncio.create_task(_watch(pool, job_id), name=f"cancel watch {job_id}")
    try:
        await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        watching.result()
        raise RunCancelledError
    finally:
        running.cancel()
        watching.cancel()
        await asyncio.gather(running, watching, return_exceptions=True)


async def _watch(pool: asyncpg.Pool[Any], job_id: str) -> None:
    while not await is_cancel_requested(pool, job_id):  # noqa: ASYNC110 -- told by a table
        await asyncio.sleep(_POLL_SECONDS)
