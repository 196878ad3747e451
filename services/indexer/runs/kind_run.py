"""One kind of one run: fetch its files, read and merge them, and take note when that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import asyncpg

from services.indexer.errors import WorkerError
from services.indexer.history.storage_merge import record_unread
from services.indexer.history.storage_timeline import Moment
from services.indexer.kinds.protocol import KindParser
from services.indexer.metrics import count_kind
from services.indexer.runs.kind_files import KindFiles, UnreadError
from services.indexer.runs.kind_reading import KindReading
from shared.contracts.indexer import KindReport

if TYPE_CHECKING:
    Connection = asyncpg.pool.PoolConnectionProxy[Any]


class KindRun:
    """What one kind needs, put together by the run."""

    def __init__(self, parser: KindParser, *, files: KindFiles, reading: KindReading) -> None:
        self._parser = parser
        self._files = files
        self._reading = reading

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
            report = self._failed(str(error))
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
            report = self._failed("The parser gave rows that cannot be stored.")
        except asyncpg.ProgramLimitExceededError:
            report = self._failed("The parser gave a row that is too large.")
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

    def _failed(self, note: str) -> KindReport:
        return KindReport(kind=self._parser.kind, state="failed", note=note)
