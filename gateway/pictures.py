"""Pictures made smaller by processes beside the gateway, which hold them in memory only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.picture_worker import LENGTH

_ROOT = Path(__file__).resolve().parents[1]
#: Longer than any picture takes whose process may work for ten seconds, on a busy machine.
_SECONDS = 30.0
#: As many at a time; a page of pictures waits in line.
_WORKERS = 2
_MOST_RESULT_BYTES = 1 << 20


class _Worker:
    """One process, started when it is first needed and again after it broke down."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def make(self, picture: bytes) -> bytes:
        """Return the small picture, or nothing."""
        if self._process is None or self._process.returncode is not None:
            self._process = await _start()
        try:
            async with asyncio.timeout(_SECONDS):
                return await _ask(self._process, picture)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            await self.stop()
            return b""
        except BaseException:
            # Nobody waits for it any more: whoever came next would get its answer.
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the process at once."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.picture_worker",
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

    def __init__(self) -> None:
        self._free: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._workers = [_Worker() for _ in range(_WORKERS)]
        for worker in self._workers:
            self._free.put_nowait(worker)

    async def make(self, read: Callable[[], Awaitable[bytes]]) -> bytes | None:
        """Return a small JPEG; None for what no decoder reads.

        The picture is read when it is its turn, so that few are in memory.
        """
        worker = await self._free.get()
        try:
            return await worker.make(await read()) or None
        finally:
            self._free.put_nowait(worker)

    async def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            await worker.stop()
