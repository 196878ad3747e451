"""Pictures made smaller by processes beside the gateway, which hold them in memory only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from shared.picture_worker import LENGTH

_ROOT = Path(__file__).resolve().parents[1]
#: Longer than any picture takes whose process may work for ten seconds, on a busy machine.
_SECONDS = 30.0
#: As many at a time; a page of pictures waits in line.
_WORKERS = 2
_MOST_RESULT_BYTES = 1 << 20
_IDLE_SECONDS = 60.0


class _Worker:
    """One process, started when it is first needed and again after it broke down."""

    def __init__(self) -> None:
        #: Its start, which nobody interrupts: half a process could not be ended.
        self._started: asyncio.Task[asyncio.subprocess.Process] | None = None

    async def make(self, picture: bytes) -> bytes:
        """Return the small picture, or nothing."""
        try:
            process = await self._running()
            async with asyncio.timeout(_SECONDS):
                return await _ask(process, picture)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            await self.stop()
            return b""
        except BaseException:
            # Nobody waits for it any more: whoever came next would get its answer.
            await self.stop()
            raise

    async def _running(self) -> asyncio.subprocess.Process:
        if self._started is None:
            self._started = asyncio.create_task(_start(), name="start of small pictures")
        return await asyncio.shield(self._started)

    @property
    def pid(self) -> int | None:
        """The process, if there is one now."""
        done = self._started is not None and self._started.done()
        return self._started.result().pid if done and self._started is not None else None

    async def stop(self) -> None:
        """End the process at once."""
        started, self._started = self._started, None
        if started is None:
            return
        with contextlib.suppress(OSError):
            process = await started
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # Waits for its end, and for that of its pipes.
            await process.communicate()


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "shared.picture_worker",
        str(os.getpid()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=_ROOT,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
    )


async def _ask(process: asyncio.subprocess.Process, picture: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(LENGTH.pack(len(picture)))
    process.stdin.write(picture)
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    if length > _MOST_RESULT_BYTES:
        raise OSError("a picture that is not small")
    return await process.stdout.readexactly(length)


class Pictures:
    """Makes pictures smaller, a few at a time."""

    def __init__(self, *, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        #: The one that worked last comes first: often one process is enough.
        self._free: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue(_WORKERS)
        #: Ends the processes after a while; not interrupted once it has begun to.
        self._resting: asyncio.Task[None] | None = None
        self._is_ending = False
        self._workers = [_Worker() for _ in range(_WORKERS)]
        for worker in self._workers:
            self._free.put_nowait(worker)

    async def make(self, read: Callable[[], Awaitable[bytes]]) -> bytes | None:
        """Return a small JPEG; None for what no decoder reads.

        The picture is read when it is its turn, so that few are in memory.
        """
        worker = await self._free.get()
        self._stay()
        try:
            return await worker.make(await read()) or None
        finally:
            self._free.put_nowait(worker)
            if self._free.full() and not self._is_ending:
                self._stay()
                self._resting = asyncio.create_task(self._rest(), name="rest of small pictures")

    def _stay(self) -> None:
        if self._resting is not None and not self._is_ending:
            self._resting.cancel()

    async def _rest(self) -> None:
        """End the processes when nobody has asked for a while: each holds 30 MB."""
        while True:
            await asyncio.sleep(self._idle_seconds)
            self._is_ending = True
            try:
                # One that is at work again is left alone, and nobody gets one that ends.
                idle = [self._free.get_nowait() for _ in range(self._free.qsize())]
                for worker in idle:
                    await worker.stop()
                    self._free.put_nowait(worker)
            finally:
                self._is_ending = False
            if not self.running:
                return

    @property
    def running(self) -> list[int]:
        """The processes that there are now."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    async def close(self) -> None:
        """End the processes, and whatever they are at."""
        self._stay()
        if self._resting is not None:
            await asyncio.gather(self._resting, return_exceptions=True)
        for worker in self._workers:
            await worker.stop()
