"""Workers that misbehave: programs in the place of the parser."""

from __future__ import annotations

import sys

import pytest

from services.indexer.errors import WorkerError
from services.indexer.parsing.frames import WorkerRequest
from services.indexer.parsing.isolation import Bounds, parsing, starting

REQUEST = WorkerRequest(
    kind="message", files={}, listing=None, region=None, memory_bytes=1 << 30, cpu_seconds=10
)
WRITE = "import sys; w = sys.stdout.buffer.write; sys.stdin.read(); "


async def rows_of(program: str, **bounds: float) -> list[bytes]:
    async def ignore(_done: int, _total: int | None) -> None:
        return

    command = (sys.executable, "-c", WRITE + program)
    async with parsing(
        REQUEST, bounds=Bounds(**bounds), on_progress=ignore, command=command
    ) as worker:
        return [row async for row in worker.rows()]


@pytest.mark.parametrize(
    "program",
    [
        "",  # says nothing and ends well
        "sys.exit(3)",
        "w(b'A')",
        "w(b'A' + (100).to_bytes(4, 'big') + b'short')",
        "w(b'A' + (1 << 31).to_bytes(4, 'big'))",
        "w(b'X' + (0).to_bytes(4, 'big'))",
        "w(b'G' + (3).to_bytes(4, 'big') + b'xxx')",
        "w(b'R' + (2).to_bytes(4, 'big') + b'{}')",
        "w(b'T' + (3).to_bytes(4, 'big') + b'\\xff\\xff\\xff')",
        "import os; os.kill(os.getpid(), 9)",
    ],
)
async def test_a_worker_that_ends_badly_is_an_error_of_its_kind(program: str) -> None:
    with pytest.raises(WorkerError):
        await rows_of(program)


async def test_a_worker_that_says_nothing_for_too_long_is_stopped() -> None:
    with pytest.raises(WorkerError, match="too long"):
        await rows_of("import time; time.sleep(60)", silence_seconds=0.5)


async def test_a_worker_that_talks_for_too_long_is_stopped() -> None:
    program = "\nwhile True: w(b'A' + (1).to_bytes(4, 'big') + b'x')"
    with pytest.raises(WorkerError, match="too long"):
        await rows_of(program, wall_seconds=0.5)


SPEAK = WRITE + "w(b'A' + (4).to_bytes(4, 'big') + str(os.getpid())[-4:].zfill(4).encode()); "
REPORT = """w(b'R' + (36).to_bytes(4, 'big') + b'{"kind":"message","state":"indexed"}')"""


async def test_a_worker_that_waits_is_the_one_that_parses_and_none_is_left() -> None:
    async def ignore(_done: int, _total: int | None) -> None:
        return

    command = (sys.executable, "-c", f"import os; {SPEAK}{REPORT}")
    async with starting(command) as waiting:
        async with parsing(
            REQUEST, bounds=Bounds(), on_progress=ignore, command=command, waiting=waiting
        ) as worker:
            rows = [row async for row in worker.pieces()]
        assert worker.pid == waiting.pid
        assert rows == [str(waiting.pid)[-4:].zfill(4).encode()]
    async with starting(command) as waiting:
        pass
    assert waiting.returncode is not None


async def test_another_worker_takes_the_place_of_one_that_died_waiting() -> None:
    async def ignore(_done: int, _total: int | None) -> None:
        return

    command = (sys.executable, "-c", f"import os; {SPEAK}{REPORT}")
    async with starting(command) as waiting:
        waiting.kill()
        await waiting.wait()
        async with parsing(
            REQUEST, bounds=Bounds(), on_progress=ignore, command=command, waiting=waiting
        ) as worker:
            assert [row async for row in worker.pieces()]
        assert worker.pid != waiting.pid
