"""The process that writes an export, seen from the indexer: what goes in, what comes out.

It is started with an empty environment, gets everything through its standard input and gives
everything through its standard output. It is killed when it is silent for too long, when the job is
cancelled, and when this process dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from services.indexer.errors import WorkerError
from services.indexer.exports import wire
from services.indexer.exports.wire import (
    CONTENT_HEAD,
    HEAD,
    Ending,
    ExportReport,
    FileEnd,
    FileHead,
    Made,
    SentItem,
    Task,
)
from services.indexer.parsing.isolation import starting

COMMAND = (sys.executable, "-m", "services.indexer.exports.caged_worker", str(os.getpid()))

#: Longer than any one thing takes: the end of a large document.
SILENCE_SECONDS = 900.0
_ITEMS_BYTES = 1 << 20
#: An artifact that is larger than this is left out.
MOST_ITEM_BYTES = 32 << 20

_encode = msgspec.json.Encoder().encode


class _EndedError(WorkerError):
    """There is nobody any more to send anything to."""


class Rendering:
    """One process at work: one task feeds it, another takes what it makes."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        *,
        silence_seconds: float,
        on_progress: Callable[[int], Awaitable[None]],
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._silence_seconds = silence_seconds
        self._on_progress = on_progress

    async def begin_group(self, group: msgspec.Struct) -> None:
        """Go on to the next group."""
        await self._send(wire.GROUP, _encode(group))

    async def send_file(self, head: FileHead, pieces: AsyncIterator[bytes]) -> None:
        """Send the whole of a file, which is exactly as long as *head* says."""
        await self._send(wire.FILE, _encode(head))
        async for piece in pieces:
            await self._send(wire.DATA, piece)

    async def end_file(self, end: FileEnd) -> None:
        """Say how a file ended."""
        await self._send(wire.FILE_END, _encode(end))

    async def send_content(self, n: int, content: bytes) -> None:
        """Send bytes that belong to the item that comes next."""
        await self._send(wire.CONTENT, CONTENT_HEAD.pack(n) + content)

    async def send_items(self, items: Iterable[SentItem]) -> list[SentItem]:
        """Send items of the group; return those that are too large for that."""
        batches, too_large = await asyncio.to_thread(_encode_items, items)
        for batch in batches:
            await self._send(wire.ITEMS, batch)
        return too_large

    async def end(self, ending: Ending) -> None:
        """Say that this was all."""
        await self._send(wire.END, _encode(ending))
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.close()

    async def _send(self, kind: bytes, body: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(HEAD.pack(kind, len(body)))
            self._process.stdin.write(body)
            async with asyncio.timeout(self._silence_seconds):
                await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            # Why it has ended is known to whoever takes what it makes.
            raise _EndedError("The process that writes exports has ended.") from None
        except TimeoutError:
            raise WorkerError(_TOO_LONG) from None

    async def take(self, write: Callable[[bytes], Awaitable[None]]) -> ExportReport:
        """Hand every byte of the zip to *write*; return the report of a process that ended well.

        Raises ``WorkerError``.
        """
        report: ExportReport | None = None
        while (frame := await self._frame()) is not None:
            kind, body = frame
            if kind == wire.ZIP:
                await write(body)
            elif kind == wire.PROGRESS:
                await self._on_progress(_decode(body, Made).items)
            elif kind == wire.REPORT:
                report = _decode(body, ExportReport)
            else:
                raise WorkerError(_NONSENSE)
        code = await self._process.wait()
        if code != 0 or report is None:
            raise WorkerError(_describe_end(code))
        return report

    async def _frame(self) -> tuple[bytes, bytes] | None:
        stdout = self._process.stdout
        assert stdout is not None
        try:
            async with asyncio.timeout(self._silence_seconds):
                kind, size = HEAD.unpack(await stdout.readexactly(HEAD.size))
                if size > wire.MOST_FRAME_BYTES:
                    raise WorkerError(_NONSENSE)
                return kind, await stdout.readexactly(size)
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise WorkerError(_describe_end(await self._process.wait())) from None
            return None
        except TimeoutError:
            raise WorkerError(_TOO_LONG) from None


@asynccontextmanager
async def rendering(
    task: Task,
    *,
    on_progress: Callable[[int], Awaitable[None]],
    command: Sequence[str] = COMMAND,
    silence_seconds: float = SILENCE_SECONDS,
) -> AsyncIterator[Rendering]:
    """Start a process for *task*; whatever happens in the body, none is left."""
    async with starting(command) as process:
        work = Rendering(process, silence_seconds=silence_seconds, on_progress=on_progress)
        with contextlib.suppress(_EndedError):
            await work._send(wire.TASK, _encode(task))  # noqa: SLF001 -- the one before all others
        yield work


def _encode_items(items: Iterable[SentItem]) -> tuple[list[bytes], list[SentItem]]:
    batches: list[bytes] = []
    parts: list[bytes] = []
    too_large: list[SentItem] = []
    size = 0
    for item in items:
        body = _encode(item)
        if len(body) > MOST_ITEM_BYTES:
            too_large.append(item)
            continue
        parts.append(body)
        size += len(body)
        if size >= _ITEMS_BYTES:
            batches.append(b"[" + b",".join(parts) + b"]")
            parts, size = [], 0
    if parts:
        batches.append(b"[" + b",".join(parts) + b"]")
    return batches, too_large


def _decode(body: bytes, of: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=of)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise WorkerError(_NONSENSE) from None


_NONSENSE = "The process that writes exports said something that cannot be understood."
_TOO_LONG = "Writing the export took too long and was stopped."


def _describe_end(code: int) -> str:
    if code == 3:
        return "The export needs more memory than is allowed."
    if code < 0:
        return "Writing was killed: it crashed, or needed more memory or time than it may have."
    return "Writing the export broke down."
