from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from shared.disks import Disks, DiskSilentError, mount_of
from tests.hung_mount import hung, needs_mounts


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.disks.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("shared.disks.PATIENCE_SECONDS", 0.3)


def make_disks(**options: Any) -> Disks:
    return Disks(name="test", threads=2, **options)


async def test_work_on_a_disk_that_answers_may_take_any_time(tmp_path: Path) -> None:
    disks = make_disks()
    let_go = threading.Event()
    asyncio.get_running_loop().call_later(1.0, let_go.set)

    def work() -> str:
        let_go.wait()
        return "done"

    assert await disks.run("a", work, place=lambda: tmp_path) == "done"


@needs_mounts
async def test_a_disk_that_hangs_is_told_of_and_costs_no_other_and_returns_by_itself(
    tmp_path: Path,
) -> None:
    returned = asyncio.Event()
    disks = make_disks(on_return=returned.set)
    ended = []
    (tmp_path / "inside").touch()
    with hung(tmp_path) as mount:
        before = threading.active_count()
        for _ in range(20):
            with pytest.raises(DiskSilentError):
                await disks.run(
                    "hung",
                    lambda: os.listdir(tmp_path),  # noqa: PTH208
                    place=lambda: tmp_path,
                    on_end=lambda: ended.append("end"),
                )
        # Two that work, one that looks.
        assert threading.active_count() - before <= 3
        assert await disks.run("other", lambda: "fine", place=lambda: "/") == "fine"
        assert not returned.is_set()
        hanging = 20 - len(ended)
        assert 1 <= hanging <= 2
        mount.answer()
        await asyncio.wait_for(returned.wait(), 10)
    found = await disks.run("hung", lambda: os.listdir(tmp_path), place=lambda: tmp_path)  # noqa: PTH208
    assert found == ["inside"]
    async with asyncio.timeout(10):
        while len(ended) < 20:  # noqa: ASYNC110 -- threads set no event of asyncio's
            await asyncio.sleep(0.01)


async def test_what_a_caller_does_not_wait_for_any_more_is_still_told_to_have_ended() -> None:
    disks = make_disks()
    begun, let_go, ended = threading.Event(), threading.Event(), asyncio.Event()

    def work() -> None:
        begun.set()
        let_go.wait()

    task = asyncio.create_task(disks.run("a", work, place=None, on_end=ended.set))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not ended.is_set()
    let_go.set()
    await asyncio.wait_for(ended.wait(), 10)


def test_a_path_is_on_the_mount_that_is_nearest_above_it() -> None:
    assert mount_of("/").point == "/"
    assert mount_of("/proc/self/status").point == "/proc"
    assert mount_of("/proc/self/status").kind == "proc"
    assert not mount_of("/proc/self").is_remote
    assert mount_of("/process").point == "/"


@needs_mounts
def test_a_mount_that_somebody_else_must_answer_for_is_known_without_asking_it(
    tmp_path: Path,
) -> None:
    point = tmp_path / "a folder, with a tab\there"
    point.mkdir()
    with hung(point):
        found = mount_of(point / "below")
        assert (found.point, found.is_remote) == (str(point), True)
        # Not below it, though its name begins the same.
        assert mount_of(f"{point}2").point != str(point)
