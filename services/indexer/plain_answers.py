"""Handlers of requests that need nothing but a connection to the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from shared.bus import RequestContext


def plain(
    pool: asyncpg.Pool[Any], answer: Callable[[Any, Any], Awaitable[Any]]
) -> Callable[[Any, RequestContext], Awaitable[Any]]:
    """Return the handler of a request that *answer* answers, given a connection and the request."""

    async def handle(request: Any, _context: RequestContext) -> Any:
        async with pool.acquire() as connection:
            return await answer(connection, request)

    return handle
