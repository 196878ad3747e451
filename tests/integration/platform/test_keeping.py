"""The supervisor keeps what it runs, also when the machine cannot start anything for a while."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

from rich.console import Console

from deploy.local.console import Voice
from deploy.local.supervisor import Supervisor
from shared.settings import Settings

TOO_MANY = OSError(errno.EAGAIN, "Resource temporarily unavailable")


class Dying:
    """Ends at once, cannot be started at first, and lives from its second start on."""

    label = "indexer"

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ready.set()
        self.lives = asyncio.Event()
        self.tries = 0
        self.child = self
        self.pid = 0

    async def wait(self) -> int:
        if self.lives.is_set():
            await asyncio.Event().wait()
        return 1

    def spawn(self) -> None:
        self.tries += 1
        if self.tries == 1:
            raise TOO_MANY
        self.lives.set()

    async def restart(self) -> None:
        self.spawn()

    def hand(self, _: object) -> None:
        """Take what is given."""


def make_supervisor(folder: Path) -> Any:
    settings = Settings.load({"HOME": str(folder), "KEEPSAKE_DATA_DIR": str(folder / "data")})
    return Supervisor(settings, environ={}, voice=Voice(Console(quiet=True)))


async def test_a_service_that_cannot_be_started_just_now_is_tried_again(tmp_path: Path) -> None:
    dying = Dying()
    keeping = asyncio.create_task(make_supervisor(tmp_path)._keep(dying, None))
    await asyncio.wait_for(dying.lives.wait(), 20)
    assert dying.tries == 2
    assert not keeping.done()
    keeping.cancel()


async def test_an_engine_that_cannot_be_started_just_now_is_tried_again(tmp_path: Path) -> None:
    dying = Dying()
    keeping = asyncio.create_task(make_supervisor(tmp_path)._keep_engine("Postgres", dying))
    await asyncio.wait_for(dying.lives.wait(), 20)
    assert dying.tries == 2
    assert not keeping.done()
    keeping.cancel()
