"""Requests about lineages, and looking at start for offers that runs did not get to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from services.indexer.lineage.product_types import ProductTypes
from services.indexer.lineage.storage_links import (
    confirm_lineage,
    decline_lineage,
    get_device_lineage,
    list_lineages,
    undo_lineage,
)
from services.indexer.lineage.storage_offers import find_unlooked, look_for_lineages
from services.indexer.plain_answers import plain
from shared.bus import Bus, RequestContext
from shared.contracts.lineage import (
    ConfirmLineage,
    DeclineLineage,
    GetDeviceLineage,
    LineageLink,
    ListLineages,
    UndoLineage,
)

_ANSWERS: dict[type[Any], Callable[[Any, Any], Awaitable[Any]]] = {
    ListLineages: list_lineages,
    GetDeviceLineage: get_device_lineage,
    DeclineLineage: decline_lineage,
}


class LineageRequests:
    """Answers about lineages."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus) -> None:
        self._pool = pool
        self._bus = bus

    def answers(self) -> dict[type[Any], Callable[[Any, RequestContext], Awaitable[Any]]]:
        """Return what answers which request."""
        return {
            **{asked: plain(self._pool, answer) for asked, answer in _ANSWERS.items()},
            ConfirmLineage: self.confirm,
            UndoLineage: self.undo,
        }

    async def confirm(self, request: ConfirmLineage, context: RequestContext) -> LineageLink:
        """Decide; a job makes one history of two."""
        async with self._pool.acquire() as connection:
            return await confirm_lineage(connection, request, traceparent=context.traceparent)

    async def undo(self, request: UndoLineage, context: RequestContext) -> LineageLink:
        """Take a decision back; a job makes two histories of one."""
        async with self._pool.acquire() as connection:
            return await undo_lineage(connection, request, traceparent=context.traceparent)

    async def look_at_all(self) -> None:
        """Look for offers of devices that runs before did not get to."""
        async with self._pool.acquire() as connection:
            for device in await find_unlooked(connection):
                await look_for_lineages(connection, device, ProductTypes(self._bus).find)
