"""Openings that are given up, by their name or all at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import pytest

from deploy.demo.container import PhoneFile, mint_backup
from services.unlock.openings import EVERYTHING, Openings
from shared.contracts.problems import ProblemError
from shared.ios_backup import BackupFolder
from shared.ios_backup.errors import Locked


class _Work:
    """Something that takes for ever, and tidies up when it is cancelled."""

    def __init__(self) -> None:
        self.is_tidy = False
        self.has_begun = asyncio.Event()

    async def run(self) -> str:
        self.has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.is_tidy = True
        return "never"


@pytest.mark.parametrize("name", ["mine", EVERYTHING])
async def test_who_waits_for_an_opening_that_is_given_up_is_told_so(name: str) -> None:
    openings, work = Openings(), _Work()
    waiting = asyncio.create_task(openings.run(work.run(), name="mine"))
    await work.has_begun.wait()
    openings.abandon(name)
    with pytest.raises(ProblemError) as raised:
        await waiting
    assert raised.value.problem.type == "/problems/opening-abandoned"
    assert work.is_tidy
    # Whoever comes next is not meant.
    assert await openings.run(asyncio.sleep(0, "opened"), name="mine") == "opened"


async def test_other_openings_go_on() -> None:
    openings, work = Openings(), _Work()
    waiting = asyncio.create_task(openings.run(work.run(), name=None))
    await work.has_begun.wait()
    openings.abandon("somebody else's")
    await asyncio.sleep(0)
    assert not waiting.done()
    # A service that stops cancels its requests, and that is what they hear.
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert work.is_tidy


@pytest.mark.parametrize("form", ["manifest_db", "mbdb"])
def test_a_manifest_that_nobody_waits_for_any_more_leaves_nothing_behind(
    tmp_path: Path, form: Literal["manifest_db", "mbdb"]
) -> None:
    files = [PhoneFile("HomeDomain", f"Library/{number}", b"x") for number in range(20)]
    folder = BackupFolder.open(mint_backup(tmp_path / "phones", files=files, format=form).path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(Locked):
        folder.open_manifest(None, scratch, is_over=lambda: True)
    assert list(scratch.iterdir()) == []
    with folder.open_manifest(None, scratch) as manifest:
        assert manifest.file_count == len(files)
