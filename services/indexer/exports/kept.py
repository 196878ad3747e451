"""A finished export while it is kept, as it is served over the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from cryptography.exceptions import InvalidTag

from services.indexer.exports.sealed_file import SealedFile
from shared.bus import RequestContext, Serving
from shared.contracts.exports import READ_BYTES, DescribeExport, Export, ReadExport
from shared.contracts.problems import bad_request, export_gone, problem

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: An expired export stays for who is downloading it until nobody has read for so long.
_MOST_IDLE_SECONDS = 60.0


class KeptExport:
    """A whole one. After its time no download begins any more, but one that has begun ends."""

    def __init__(
        self, file: SealedFile, export: Export, *, seconds: float, monotonic: Callable[[], float]
    ) -> None:
        self.file = file
        self.is_gone = False
        self.servings: list[Serving] = []
        self._export = export
        self._monotonic = monotonic
        self._used_at = monotonic()
        self._until = self._used_at + seconds
        self._idle_seconds = min(seconds, _MOST_IDLE_SECONDS)

    def is_over(self) -> bool:
        """Whether its time is over and nobody is reading it."""
        return self._monotonic() >= max(self._until, self._used_at + self._idle_seconds)

    async def describe(self, _request: DescribeExport, _context: RequestContext) -> Export:
        """Return what it is. Raises the 410 problem when its time is over."""
        now = self._monotonic()
        if now >= self._until:
            raise export_gone()
        # Who asks what it is reads it next.
        self._used_at = now
        return self._export

    async def read(self, request: ReadExport, _context: RequestContext) -> bytes:
        """Return a part of its content. Raises ``ProblemError``."""
        if not (request.offset >= 0 and 0 < request.length <= READ_BYTES):
            raise bad_request(f"Between 1 and {READ_BYTES} bytes are read at once.")
        if request.sha256 != self.file.sha256 or self.is_gone:
            raise export_gone()
        self._used_at = self._monotonic()
        try:
            return await asyncio.to_thread(self.file.read, request.offset, request.length)
        except FileNotFoundError:
            raise export_gone() from None
        except (OSError, InvalidTag) as error:
            log.error("export_unreadable", error=type(error).__name__)  # noqa: TRY400 -- no paths
            raise problem(
                "damaged", "The export cannot be read.", 422, "Make it again: retry its job."
            ) from None
