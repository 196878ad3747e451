"""Requests that change something: sources, destinations, jobs, protection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.archiver.identifiers import parse_id
from services.archiver.job_events import requested
from services.archiver.opening import Destinations
from services.archiver.sources.matching import takes
from services.archiver.storage.archives import get_archive, set_protected
from services.archiver.storage.jobs import (
    RestoreWish,
    create_restore_job,
    find_job,
    get_job,
    request_cancel,
    reset_job,
)
from services.archiver.storage.sources import get_source, record_source, remove_source
from shared.bus import Bus, RequestContext, publish
from shared.contracts.archiver import (
    Accepted,
    Archive,
    CreateSource,
    DeleteSource,
    Preset,
    ProtectArchive,
    RequestRestore,
    Source,
    SourceConfig,
    SourceId,
    SourceType,
    UpdateSource,
)
from shared.contracts.events import RestoreRequested
from shared.contracts.identifiers import JobId
from shared.contracts.jobs import CancelJob, Job, RetryJob
from shared.contracts.problems import ProblemError, bad_request, not_found, problem
from shared.contracts.requests import Done, Request

#: Which type of source each preset is for.
_PRESETS: dict[Preset, str] = {"immich": "directory", "n8n": "postgres"}


class Commands:
    """Answers what changes something."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus, destinations: Destinations) -> None:
        self._pool = pool
        self._bus = bus
        self._destinations = destinations

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            CreateSource: self.create_source,
            UpdateSource: self.update_source,
            DeleteSource: self.delete_source,
            RequestRestore: self.request_restore,
            ProtectArchive: self.protect_archive,
        }

    async def create_source(self, request: CreateSource, _: RequestContext) -> Source:
        """Say what is to be archived."""
        _check_config(request.type, request.preset, request.config)
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
        _check_config(changed.type, changed.preset, changed.config)
        await self._record(changed)
        return await get_source(self._pool, UUID(source.id))

    async def delete_source(self, request: DeleteSource, _: RequestContext) -> Done:
        """Archive it no more."""
        if not await remove_source(self._pool, parse_id(request.source_id, "source")):
            raise not_found("source")
        return Done()

    async def request_restore(self, request: RequestRestore, context: RequestContext) -> Accepted:
        """Take a restore."""
        archive = await get_archive(self._pool, parse_id(request.archive_id, "archive"))
        if not request.target.startswith("/") or "\0" in request.target:
            raise bad_request("target must be an absolute path of a folder.")
        if request.paths is not None and not request.paths:
            raise bad_request("paths must name something; leave it out for everything.")
        job_id = uuid4()
        async with self._pool.acquire() as connection, connection.transaction():
            await create_restore_job(
                connection,
                job_id=job_id,
                archive_id=UUID(archive.id),
                wish=RestoreWish(
                    paths=request.paths,
                    target=request.target,
                    overwrite=request.overwrite,
                    dry_run=request.dry_run,
                ),
            )
            await publish(
                connection,
                RestoreRequested(job_id=JobId(str(job_id))),
                service="archiver",
                traceparent=context.traceparent,
            )
        return Accepted(job_id=JobId(str(job_id)))

    async def protect_archive(self, request: ProtectArchive, _: RequestContext) -> Archive:
        """Protect an archive, or no more."""
        archive_id = parse_id(request.archive_id, "archive")
        await set_protected(self._pool, archive_id, protected=request.protected)
        return await get_archive(self._pool, archive_id)

    async def cancel_job(self, request: CancelJob, _: RequestContext) -> Job:
        """Ask a job to stop; its run notices within seconds, in whichever replica it is."""
        return await request_cancel(self._pool, parse_id(request.job_id, "job"))

    async def retry_job(self, request: RetryJob, context: RequestContext) -> Job:
        """Run an ended job again: it goes on where it ended."""
        job = await find_job(self._pool, parse_id(request.job_id, "job"))
        if job is None:
            raise not_found("job")
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                if not await reset_job(connection, UUID(job.id)):
                    raise _not_retried()
                await publish(
                    connection,
                    requested(job.kind, job.id),
                    service="archiver",
                    traceparent=context.traceparent,
                )
        except asyncpg.UniqueViolationError:
            raise _not_retried() from None
        return await get_job(self._pool, UUID(job.id))

    async def _record(self, source: Source) -> None:
        try:
            await record_source(self._pool, source)
        except asyncpg.UniqueViolationError:
            raise _taken("source") from None


def _check_config(kind: SourceType, preset: Preset | None, config: SourceConfig) -> None:
    if preset is not None and _PRESETS[preset] != kind:
        raise bad_request(f"The preset {preset} is one of another type: {_PRESETS[preset]}.")
    if kind == "device_backup":
        if config.udid is None or config.path is not None or config.include or config.exclude:
            raise bad_request("A device_backup has a udid, and nothing else.")
        return
    if config.path is None or not config.path.startswith("/") or config.udid is not None:
        raise bad_request("A directory has an absolute path.")
    if preset != "immich" and (config.regenerable or config.dump_hours is not None):
        raise bad_request("regenerable and dump_hours belong to the preset immich.")
    try:
        takes(include=config.include, exclude=config.exclude)
    except ValueError:
        raise bad_request("A pattern is empty.") from None


def _taken(what: str) -> ProblemError:
    return problem(
        "conflict", f"There is such a {what} already.", 409, "Names are used once; so are stores."
    )


def _not_retried() -> ProblemError:
    return problem(
        "conflict",
        "The job cannot be run again now.",
        409,
        "Only jobs that were interrupted, failed or cancelled are run again, one per source and"
        " destination.",
    )
