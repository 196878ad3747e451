from __future__ import annotations

import asyncio

import pytest

from gateway.ranges import Span
from gateway.streaming import Limit, Readahead
from shared.contracts.problems import ProblemError, locked

CONTENT = bytes(range(256)) * 40


async def test_bytes_come_in_order_although_reads_overtake_each_other() -> None:
    async def read(offset: int, length: int) -> bytes:
        for _ in range(5 - (offset // 100) % 5):
            await asyncio.sleep(0)
        return CONTENT[offset : offset + length]

    async with asyncio.TaskGroup() as tasks:
        ahead = Readahead(tasks, read, Span(17, 9999), chunk_bytes=100)
        assert b"".join([chunk async for chunk in ahead]) == CONTENT[17:9999]


async def test_only_the_window_is_read_while_nobody_takes() -> None:
    asked: list[int] = []

    async def read(offset: int, length: int) -> bytes:
        asked.append(offset)
        return CONTENT[offset : offset + length]

    async with asyncio.TaskGroup() as tasks:
        ahead = Readahead(tasks, read, Span(0, 10_000), window=4, chunk_bytes=100)
        await anext(ahead)
        for _ in range(50):
            await asyncio.sleep(0)
        assert asked == [0, 100, 200, 300]
        ahead.close()


async def test_a_failed_read_ends_the_file_and_cancels_the_rest() -> None:
    async def read(offset: int, length: int) -> bytes:
        if offset == 200:
            raise locked()
        return CONTENT[offset : offset + length]

    async with asyncio.TaskGroup() as tasks:
        ahead = Readahead(tasks, read, Span(0, 1000), chunk_bytes=100)
        assert len(await anext(ahead)) == 100
        assert len(await anext(ahead)) == 100
        with pytest.raises(ProblemError):
            await anext(ahead)
        with pytest.raises(StopAsyncIteration):
            await anext(ahead)


async def test_a_short_read_is_damage_and_not_an_end() -> None:
    async def read(offset: int, length: int) -> bytes:
        return CONTENT[offset : offset + length - 1]

    async with asyncio.TaskGroup() as tasks:
        with pytest.raises(ProblemError) as refused:
            await anext(Readahead(tasks, read, Span(0, 1000), chunk_bytes=100))
    assert refused.value.problem.type == "/problems/damaged"


def test_one_more_than_the_limit_is_refused_with_a_time_to_come_back() -> None:
    limit = Limit(1, what="downloads")
    with limit:
        with pytest.raises(ProblemError) as refused, limit:
            pass
        assert refused.value.problem.retry_after_seconds
    with limit:
        pass
