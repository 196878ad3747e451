"""The process of an export seen from the indexer: whatever it does, there is a reason why."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from services.indexer.errors import WorkerError
from services.indexer.exports.rendering import COMMAND, MOST_ITEM_BYTES, rendering
from services.indexer.exports.wire import Ending, ExportReport, FileEnd, FileHead, SentItem, Task
from tests.unit.exports.exporting import about, group
from tests.unit.exports.messages import message


def task(name: str = "json", **bounds: int) -> Task:
    return Task(
        format=name,
        about=about(include_media=True),
        memory_bytes=bounds.get("memory_bytes", 1 << 30),
        cpu_seconds=3600,
    )


async def ignore(_: object) -> None:
    return


async def made(
    command: tuple[str, ...] = COMMAND, *, wish: Task | None = None, silence_seconds: float = 600
) -> ExportReport:
    async with rendering(
        wish or task(), on_progress=ignore, command=command, silence_seconds=silence_seconds
    ) as work:
        taking = asyncio.create_task(work.take(ignore))
        try:
            await work.begin_group(group("message", "Bea"))
            await work.send_items([SentItem(artifact=message(n, "x")) for n in range(100)])
            await work.end(Ending())
        except WorkerError:
            # Who takes knows why.
            pass
        try:
            return await taking
        finally:
            assert work.pid


def script(tmp_path: Path, code: str) -> tuple[str, ...]:
    path = tmp_path / "worker.py"
    path.write_text(code)
    return (sys.executable, str(path))


async def test_a_process_that_ends_well_says_what_it_made() -> None:
    report = await made()
    assert report.kinds[0].written == 100


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.abort()", "killed"),
        ("import sys; sys.exit(1)", "broke down"),
        ("import sys; sys.exit(3)", "memory"),
        ("", "broke down"),
        ("import sys; sys.stdout.buffer.write(b'A\\x00\\x00\\x00\\x09abc')", "broke down"),
        ("import sys; sys.stdout.buffer.write(b'A\\xff\\xff\\xff\\xffabc')", "understood"),
        ("import sys; sys.stdout.buffer.write(b'?\\x00\\x00\\x00\\x00')", "understood"),
        ("import sys; sys.stdout.buffer.write(b'R\\x00\\x00\\x00\\x02{}')", "understood"),
        ("import sys; sys.stdin.buffer.read()", "broke down"),
    ],
)
async def test_a_process_that_breaks_costs_the_export_and_says_why(
    tmp_path: Path, code: str, said: str
) -> None:
    with pytest.raises(WorkerError) as error:
        await made(script(tmp_path, code))
    assert said in str(error.value)


async def test_a_process_that_says_nothing_is_stopped(tmp_path: Path) -> None:
    command = script(tmp_path, "import time\nwhile True: time.sleep(60)")
    with pytest.raises(WorkerError) as error:
        await made(command, silence_seconds=0.2)
    assert "too long" in str(error.value)


async def test_a_process_with_too_little_memory_is_no_harm_to_us() -> None:
    with pytest.raises(WorkerError):
        await made(wish=task(memory_bytes=1 << 20))


async def test_an_item_that_is_too_large_is_given_back() -> None:
    async with rendering(task(), on_progress=ignore) as work:
        large = SentItem(artifact=message(1, "x" * (MOST_ITEM_BYTES + 1)))
        small = SentItem(artifact=message(2, "x"))
        await work.begin_group(group("message", "Bea"))
        assert await work.send_items([large, small]) == [large]


async def test_a_file_that_breaks_off_is_in_the_report_with_its_reason() -> None:
    from shared.contracts.indexer import Attachment

    attachment = Attachment(n=0, name="a.jpg", media_type="image/jpeg", size_bytes=10, present=True)
    one = message(1, "x", attachments=[attachment])

    async def pieces() -> object:
        yield b"12345"

    async with rendering(task(), on_progress=ignore) as work:
        taking = asyncio.create_task(work.take(ignore))
        await work.begin_group(group("message", "Bea"))
        await work.send_file(FileHead(artifact=one, n=0, size_bytes=10), pieces())  # type: ignore[arg-type]
        await work.end_file(FileEnd(reason="in part"))
        await work.send_items([SentItem(artifact=one)])
        await work.end(Ending())
        report = await taking
    assert report.media.written == 1
    assert report.media.written_bytes == 5


async def test_nothing_is_left_of_a_process_whose_export_is_given_up() -> None:
    async with rendering(task(), on_progress=ignore) as work:
        await work.begin_group(group("message", "Bea"))
        pid = work.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
