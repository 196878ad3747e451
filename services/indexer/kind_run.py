"""One kind of one run: fetch its files, read and merge them, and take note when that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from services.indexer.errors import WorkerError
from services.indexer.isolation import Bounds
from services.indexer.kind_files import KindFiles, UnreadError
from services.indexer.kind_reading import KindReading
from services.indexer.kinds.protocol import KindParser
from services.indexer.metrics import count_kind
from services.indexer.progress import ProgressReporter
from services.indexer.session_files import SessionFiles
from services.indexer.storage_merge import (
    record_unread,
)
from services.indexer.storage_shards import (
    SMALL_BYTES,
)
from services.indexer.storage_timeline import Moment
from shared.contracts.indexer import KindReport
from shared.settings import Settings

if TYPE_CHECKING:
    from services.indexer.storage_shards import Connect

    Connection = asyncpg.pool.PoolConnectionProxy[Any]


class KindRun:
    """What one kind needs, put together by the run."""

    def __init__(
        self,
        parser: KindParser,
        *,
        files: SessionFiles,
        folder: Path,
        settings: Settings,
        region: str | None,
        command: Sequence[str],
        bounds: Bounds,
        progress: ProgressReporter,
        connect: Connect,
        small_bytes: int = SMALL_BYTES,
    ) -> None:
        self._parser = parser
        self._files = KindFiles(parser, files=files, folder=folder, progress=progress)
        self._reading = KindReading(
            parser,
            folder=folder,
            settings=settings,
            region=region,
            command=command,
            bounds=bounds,
            progress=progress,
            connect=connect,
            small_bytes=small_bytes,
        )

    async def index(
        self,
        connection: Connection,
        *,
        job_id: str,
        planned: Moment,
        record: Callable[[], Awaitable[Moment]],
        check: Callable[[], Awaitable[None]],
    ) -> KindReport:
        """Read the kind and merge it in one transaction; a kind that fails costs only itself.

        *record* puts the revision on the timeline, at *planned*; *check* raises when the files are
        no longer those of the revision, and is called after the last byte was read.
        """
        try:
            fetched = await self._files.fetch()
            # Copies are complete here; what happens to the backup later does not matter.
            await check()
            report = await self._reading.read(
                connection, fetched, job_id=job_id, planned=planned, record=record
            )
            count_kind(report)
            return report  # noqa: TRY300 -- the branches below are other outcomes
        except UnreadError as unread:
            report = unread.report
        except WorkerError as error:
            report = self._report("failed", note=str(error))
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
            report = self._report("failed", note="The parser gave rows that cannot be stored.")
        except asyncpg.ProgramLimitExceededError:
            report = self._report("failed", note="The parser gave a row that is too large.")
        async with connection.transaction():
            await record_unread(
                connection,
                at=await record(),
                report=report,
                parser_version=self._parser.version,
                job_id=job_id,
            )
        count_kind(report)
        return report

    def _report(self, state: Any, *, note: str, missing_files: int = 0) -> KindReport:
        return KindReport(
            kind=self._parser.kind, state=state, note=note, missing_files=missing_files
        )
