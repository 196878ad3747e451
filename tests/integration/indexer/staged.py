"""Rows fed straight into staging, as the worker's frames would bring them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from services.indexer.staging import (
    COPY_HEADER,
    COPY_TRAILER,
    StagedArtifact,
    StagedThread,
    encode_row,
)
from services.indexer.storage_history import (
    fill_stage,
    merge_stage,
    open_stage,
    record_revision,
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


def artifact(ordinal: int, key: str, text: str | None = None, **fields: Any) -> StagedArtifact:
    fields.setdefault("payload", Body())
    fields.setdefault("occurred_at_us", int(day(0).timestamp()) * 1_000_000 + ordinal * 1_000_000)
    return StagedArtifact(ordinal=ordinal, key=key, text=text, **fields)


async def index_staged(
    connection: Any,
    *,
    device: str,
    moment: int,
    artifacts: Sequence[StagedArtifact],
    threads: Sequence[StagedThread] = (),
    kind: str = "message",
    backup_id: str = BACKUP,
) -> KindReport:
    """Merge *artifacts* as the content of day *moment*, in one transaction like a run does."""

    async def stream() -> AsyncIterator[bytes]:
        yield COPY_HEADER
        for one in artifacts:
            yield encode_row(one)
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
            threads=threads,
            report=KindReport(kind=kind, state="indexed", kept=len(artifacts)),
            parser_version=1,
            job_id=None,
        )
