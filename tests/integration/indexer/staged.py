"""Rows fed straight into staging, as the worker's frames would bring them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from services.indexer.history.storage_merge import count_first, fill_stage, merge_stage, open_stage
from services.indexer.history.storage_shards import Pieces, ShardLoader, attach_shards
from services.indexer.history.storage_timeline import Moment, record_revision
from services.indexer.staging import (
    COPY_HEADER,
    COPY_TRAILER,
    StagedArtifact,
    StagedThread,
    Threads,
    encode_row,
)
from shared.contracts.indexer import KindReport

EPOCH = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
BACKUP = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


class Body(msgspec.Struct, frozen=True):
    """A payload."""

    words: str = ""
    handles: list[str] = []


def day(number: int) -> dt.datetime:
    return EPOCH + dt.timedelta(days=number)


def artifact(number: int, key: str, text: str | None = None, **fields: Any) -> StagedArtifact:
    """An artifact that is *number* seconds into the first day, unless *fields* say otherwise."""
    fields.setdefault("payload", Body())
    fields.setdefault("occurred_at_us", int(day(0).timestamp()) * 1_000_000 + number * 1_000_000)
    return StagedArtifact(key=key, text=text, **fields)


def undescribed(
    artifacts: Sequence[StagedArtifact], threads: Sequence[StagedThread]
) -> list[StagedThread]:
    """What the worker says of threads that its parser only named."""
    keys = {one.thread_key for one in artifacts} - {None} - {thread.key for thread in threads}
    return [
        StagedThread(key=key, title=None, is_group=False, participants=[], services=[], raw_keys=[])
        for key in keys
        if key is not None
    ]


async def index_staged(
    connection: Any,
    *,
    device: str,
    moment: int,
    artifacts: Sequence[StagedArtifact],
    threads: Sequence[StagedThread] = (),
    kind: str = "message",
    backup_id: str = BACKUP,
    parser_version: int = 1,
    keeps_days: int | None = None,
) -> KindReport:
    """Merge *artifacts* as the content of day *moment*, in one transaction like a run does."""

    named = Threads(device=device, kind=kind)

    async def stream() -> AsyncIterator[bytes]:
        yield COPY_HEADER
        for one in artifacts:
            yield encode_row(one, named)
        yield COPY_TRAILER

    async with connection.transaction():
        await open_stage(connection)
        await fill_stage(connection, stream())
        at = await record_revision(
            connection,
            device=device,
            digest=f"{moment:040x}",
            taken_at=day(moment),
            backup_id=backup_id,
        )
        return await merge_stage(
            connection,
            at=at,
            threads=[*threads, *undescribed(artifacts, threads)],
            report=KindReport(
                kind=kind, state="indexed", kept=len(artifacts), keeps_days=keeps_days
            ),
            parser_version=parser_version,
            job_id=None,
        )


async def load_staged(
    connection: Any,
    connect: Any,
    *,
    device: str,
    moment: int,
    artifacts: Sequence[StagedArtifact],
    threads: Sequence[StagedThread] = (),
    kind: str = "message",
    shard_bytes: int = 400,
) -> KindReport:
    """Take *artifacts* for the first content of a device, as a first run of a large store does."""
    named = Threads(device=device, kind=kind)

    async def stream() -> AsyncIterator[bytes]:
        for one in artifacts:
            yield encode_row(one, named)

    planned = Moment(device=device, taken_at=day(moment))
    numbers = await ShardLoader(connect, at=planned, kind=kind, shard_bytes=shard_bytes).load(
        Pieces(stream())
    )
    async with connection.transaction():
        at = await record_revision(
            connection,
            device=device,
            digest=f"{moment:040x}",
            taken_at=day(moment),
            backup_id=BACKUP,
        )
        assert at == planned
        await attach_shards(connection, numbers)
        return await count_first(
            connection,
            at=at,
            threads=[*threads, *undescribed(artifacts, threads)],
            report=KindReport(kind=kind, state="indexed", kept=len(artifacts)),
            parser_version=1,
            job_id=None,
        )
