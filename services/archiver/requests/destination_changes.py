"""Requests that change what is set of a destination, but for where it lies."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.archiver.errors import ArchiverError
from services.archiver.hours import are_hours
from services.archiver.identifiers import parse_id
from services.archiver.opening import Destinations
from services.archiver.storage.destinations import change_destination, get_destination
from services.archiver.storage.waiting import end_waiting
from shared.bus import RequestContext
from shared.contracts.archiver import Destination, DestinationLimits
from shared.contracts.archiver_limits import UpdateDestination
from shared.contracts.problems import bad_request, problem
from shared.contracts.requests import Request


class DestinationChanges:
    """Answers who changes a destination."""

    def __init__(self, *, pool: asyncpg.Pool[Any], destinations: Destinations) -> None:
        self._pool = pool
        self._destinations = destinations

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {UpdateDestination: self.update_destination}

    async def update_destination(
        self, request: UpdateDestination, _: RequestContext
    ) -> Destination:
        """Change the name, and the limits; what is under way keeps to a new rate at once."""
        destination_id = parse_id(request.destination_id, "destination")
        destination = await get_destination(self._pool, destination_id)
        changed = destination
        if request.name is not msgspec.UNSET:
            changed = msgspec.structs.replace(changed, name=request.name)
        if request.limits is not msgspec.UNSET:
            limits = request.limits
            if limits.bytes_per_second is not None and _is_plain_folder(destination):
                raise bad_request(
                    "A folder that is not encrypted is written to directly: it has no rate."
                )
            check_limits(limits)
            config = msgspec.structs.replace(destination.config, limits=limits)
            changed = msgspec.structs.replace(changed, config=config)
        try:
            await change_destination(self._pool, changed)
        except asyncpg.UniqueViolationError:
            raise problem(
                "conflict", "There is such a destination already.", 409, "Names are used once."
            ) from None
        if changed.config.limits.hours != destination.config.limits.hours:
            # They look at the clock again.
            await end_waiting(self._pool, UUID(destination.id))
        if changed.config.limits.bytes_per_second != destination.config.limits.bytes_per_second:
            # Where its secrets cannot be fetched now, the next job tells it.
            with contextlib.suppress(ArchiverError):
                await self._destinations.find(changed)
        return await get_destination(self._pool, destination_id)


def check_limits(limits: DestinationLimits) -> None:
    """Raise ``ProblemError`` for limits that cannot be kept."""
    if limits.bytes_per_second is not None and limits.bytes_per_second < 1024:
        raise bad_request("bytes_per_second must be at least 1024.")
    if limits.hours is not None and not are_hours(limits.hours):
        raise bad_request("hours must be like 22:00-06:00, and begin and end at different times.")


def _is_plain_folder(destination: Destination) -> bool:
    return destination.type == "local" and destination.crypt is None and destination.mode == "store"
