"""Requests about what is archived."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.archiver.identifiers import parse_id
from services.archiver.sources.configs import check_config
from services.archiver.storage.sources import get_source, record_source, remove_source
from shared.bus import RequestContext
from shared.contracts.archiver import (
    CreateSource,
    DeleteSource,
    Source,
    SourceId,
    UpdateSource,
)
from shared.contracts.problems import ProblemError, not_found, problem
from shared.contracts.requests import Done, Request


class SourceRequests:
    """Answers what is asked about sources, but for what only reads the list."""

    def __init__(self, *, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            CreateSource: self.create_source,
            UpdateSource: self.update_source,
            DeleteSource: self.delete_source,
        }

    async def create_source(self, request: CreateSource, _: RequestContext) -> Source:
        """Say what is to be archived."""
        check_config(request.type, request.preset, request.config)
        source = Source(
            id=SourceId(str(uuid4())),
            name=request.name,
            type=request.type,
            preset=request.preset,
            config=request.config,
            priority=request.priority,
            created_at=dt.datetime.now(dt.UTC),
        )
        await self._record(source)
        return await get_source(self._pool, UUID(source.id))

    async def update_source(self, request: UpdateSource, _: RequestContext) -> Source:
        """Change what is set."""
        source = await get_source(self._pool, parse_id(request.source_id, "source"))
        changes = {
            name: value
            for name in ("name", "config", "priority")
            if (value := getattr(request, name)) is not msgspec.UNSET
        }
        changed = msgspec.structs.replace(source, **changes)
        check_config(changed.type, changed.preset, changed.config)
        await self._record(changed)
        return await get_source(self._pool, UUID(source.id))

    async def delete_source(self, request: DeleteSource, _: RequestContext) -> Done:
        """Archive it no more."""
        if not await remove_source(self._pool, parse_id(request.source_id, "source")):
            raise not_found("source")
        return Done()

    async def _record(self, source: Source) -> None:
        try:
            await record_source(self._pool, source)
        except asyncpg.UniqueViolationError:
            raise _taken("source") from None


def _taken(what: str) -> ProblemError:
    return problem(
        "conflict", f"There is such a {what} already.", 409, "Names are used once; so are stores."
    )
