"""What a writer left behind that did not come to its end, before the next one writes.

Whether there was one is written down in Postgres before anything is written to a store, and taken
back at the end; so a store that everybody left in order is not walked through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from services.archiver.opening import OpenPlace
from services.archiver.runs.pulse import Pulse
from services.archiver.runs.taking_up import take_up
from services.archiver.storage.upkeep import mark_untidy
from shared.contracts.archiver import Destination

if TYPE_CHECKING:
    import asyncpg

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def begin_writing(
    pool: asyncpg.Pool[Any],
    connect: Callable[[], Awaitable[asyncpg.Connection[Any]]],
    *,
    destination: Destination,
    place: OpenPlace,
    folder: Path,
    pulse: Pulse,
    archive_id: UUID | None,
) -> None:
    """Say that the destination is written to; first put right what somebody left there.

    Leftovers of writes are removed, and archives whose bundle lies there are taken up, but for
    *archive_id*, which is about to be made again. The caller is the only one who writes there.
    """
    destination_id = UUID(destination.id)
    if not await mark_untidy(pool, destination_id):
        return
    inner = folder / "left"
    await asyncio.to_thread(inner.mkdir)
    connection = await connect()
    try:
        async with place.reached() as transport:
            pulse.begin("tidying up")
            await asyncio.to_thread(transport.clean)
            taken = await take_up(
                connection,
                transport,
                destination_id=destination_id,
                store_id=destination.store_id,
                key=place.key,
                folder=inner,
                pulse=pulse,
                except_archive=archive_id,
            )
    finally:
        await connection.close()
    pulse.position.bytes_done, pulse.position.bytes_total = 0, None
    if taken.added_count or taken.left_out_count:
        log.info("archives_taken_up", count=taken.added_count, left_out=taken.left_out_count)
