"""Parsers in processes of their own: a hostile database can cost its kind, and nothing else.

The worker gets a request on its standard input, an empty environment and paths of private copies.
What it says is frames (a type, a length, a body); rows pass through here undecoded, straight into
a COPY. It is killed when it is silent or at work for too long, and when the run is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from services.indexer.errors import WorkerError
from services.indexer.held import NUMBER_BYTES
from services.indexer.parsing import frames
from services.indexer.parsing.frames import WorkerRequest
from services.indexer.staging import (
    COPY_HEADER,
    COPY_TRAILER,
    TOO_MANY_THREADS,
    StagedThread,
)
from shared.contracts.indexer import KindReport

WORKER_COMMAND = (sys.executable, "-m", "services.indexer.parsing.caged_worker", str(os.getpid()))

T = TypeVar("T")

_ROOT = Path(__file__).resolve().parents[3]
_MOST_FRAME_BYTES = 64 << 20
_MOST_THREADS = 500_000
_PIPE_BYTES = 1 << 20
#: Frames that are rows, or say of which part rows are.
_PARTS = frozenset({frames.ROWS, frames.LATTER_ROWS, frames.DIVIDED, frames.JOINED})


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How long a worker may take: all in all, and without saying anything."""

    wall_seconds: float = 3 * 3600.0
    silence_seconds: float = 300.0


class _WorkerProgress(msgspec.Struct, frozen=True):
    done: int
    total: int | None = None


class Parsing:
    """One worker at work. Its rows are read once; then ``threads`` and ``report`` are complete."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        *,
        bounds: Bounds,
        on_progress: Callable[[int, int | None], Awaitable[None]],
    ) -> None:
        self.pid = process.pid
        self.threads: list[StagedThread] = []
        #: Fingerprints that were known, of groups that are no more.
        self.lapsed = b""
        #: Numbers of artifacts that the history holds and that were not met.
        self.gone = b""
        #: Whether what the run leaves for the next one is complete.
        self.has_remembered = False
        #: Whether the store must be read without what is known of it.
        self.is_refused = False
        self._process = process
        self._bounds = bounds
        self._on_progress = on_progress
        #: Whether rows come in two halves; known when ``begin`` has returned.
        self.is_divided = False
        self._begun: tuple[bytes, bytes] | None = None
        self._report: KindReport | None = None
        self._deadline = asyncio.get_running_loop().time() + bounds.wall_seconds

    @property
    def report(self) -> KindReport:
        """What the worker says of its work."""
        assert self._report is not None
        return self._report

    async def rows(self) -> AsyncIterator[bytes]:
        """Yield a whole binary COPY stream. Raises ``WorkerError`` unless the worker ended well."""
        yield COPY_HEADER
        async for body in self.pieces():
            yield body
        yield COPY_TRAILER

    async def begin(self) -> None:
        """Wait for the first rows, or for the end if there are none; raises like ``rows``."""
        self._parts = self.parts()
        self._begun = await anext(self._parts, None)
        self.is_divided = self._begun is not None and self._begun[0] == frames.DIVIDED

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield whole rows of a COPY stream, without what surrounds them; raises like ``rows``."""
        async for kind, body in self.parts():
            if kind == frames.ROWS:
                yield body
            else:
                raise WorkerError("The parser said something that cannot be understood.")

    async def parts(self) -> AsyncIterator[tuple[bytes, bytes]]:
        """Yield rows with the letter of what they are part of, see parse_worker; raises so too."""
        if self._begun is not None:
            first, self._begun = self._begun, None
            yield first
            async for part in self._parts:
                yield part
            return
        async for kind, body in self._frames():
            if kind in _PARTS:
                yield kind, body
            elif kind == frames.PROGRESS:
                progress = _decode(body, _WorkerProgress)
                await self._on_progress(progress.done, progress.total)
            else:
                self._take(kind, body)
        async with self._time_limit():
            code = await self._process.wait()
        if code != 0 or self._report is None:
            raise WorkerError(_describe_end(code))

    def _take(self, kind: bytes, body: bytes) -> None:
        if kind == frames.THREADS:
            self.threads.extend(_decode(body, list[StagedThread]))
            if len(self.threads) > _MOST_THREADS:
                raise WorkerError(TOO_MANY_THREADS)
        elif kind == frames.LAPSED:
            self.lapsed = body
        elif kind == frames.GONE and len(body) % NUMBER_BYTES == 0:
            self.gone = body
        elif kind == frames.REMEMBERED:
            self.has_remembered = True
        elif kind == frames.REFUSED:
            self.is_refused = True
        elif kind == frames.REPORT:
            self._report = _decode(body, KindReport)
        else:
            raise WorkerError("The parser said something that cannot be understood.")

    async def _frames(self) -> AsyncIterator[tuple[bytes, bytes]]:
        stdout = self._process.stdout
        assert stdout is not None
        while True:
            try:
                async with self._time_limit():
                    kind, size = frames.HEAD.unpack(await stdout.readexactly(frames.HEAD.size))
                    if size > _MOST_FRAME_BYTES:
                        raise WorkerError("The parser said something that cannot be understood.")
                    body = await stdout.readexactly(size)
            except asyncio.IncompleteReadError as error:
                if error.partial:
                    raise WorkerError("The parser stopped in the middle of its work.") from None
                return
            yield kind, body

    @asynccontextmanager
    async def _time_limit(self) -> AsyncIterator[None]:
        left = self._deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(0.0, min(left, self._bounds.silence_seconds))):
                yield
        except TimeoutError:
            raise WorkerError("The parser took too long and was stopped.") from None


@asynccontextmanager
async def starting(
    command: Sequence[str] = WORKER_COMMAND,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a worker, which waits for its request; whatever happens in the body, none is left."""
    process = await _start(command)
    try:
        yield process
    finally:
        await _end(process)


async def _start(command: Sequence[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # A traceback would quote what it was reading.
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"},
        cwd="/",
        limit=_PIPE_BYTES,
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    # Shielded: a cancelled run must not leave a zombie behind.
    await asyncio.shield(process.wait())


class WaitingWorker:
    """A worker that starts beside other work and waits for its request; it reads one kind only."""

    def __init__(self, command: Sequence[str] = WORKER_COMMAND) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, modules: Sequence[str] = ()) -> None:
        """Have one that waits, unless there is one; it imports *modules* meanwhile."""
        if self._process is None:
            # Without one, whoever needs it starts it, and says so when that cannot be done.
            with contextlib.suppress(OSError):
                self._process = await _start((*self._command, *modules))

    def take(self) -> asyncio.subprocess.Process | None:
        """Return the one that waits, if any: it is the caller's from now on."""
        process, self._process = self._process, None
        return process

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        process = self.take()
        if process is not None:
            await _end(process)


@asynccontextmanager
async def parsing(
    request: WorkerRequest,
    *,
    bounds: Bounds,
    on_progress: Callable[[int, int | None], Awaitable[None]],
    command: Sequence[str] = WORKER_COMMAND,
    waiting: asyncio.subprocess.Process | None = None,
) -> AsyncIterator[Parsing]:
    """Let the worker that is *waiting* parse, or a new one; neither is left at the end."""
    process = waiting
    if process is None or process.returncode is not None:
        process = await _start(command)
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(msgspec.json.encode(request) + b"\n")
            await process.stdin.drain()
            process.stdin.close()
        yield Parsing(process, bounds=bounds, on_progress=on_progress)
    finally:
        await _end(process)


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise WorkerError("The parser said something that cannot be understood.") from None


def _describe_end(code: int) -> str:
    if code < 0:
        return "The parser was killed: it crashed, or needed more memory or time than it may have."
    return "The parser broke down while it was reading."
