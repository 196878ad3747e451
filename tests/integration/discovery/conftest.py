"""A running discovery over minted backups, and what it is asked."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import MintedBackup, PhoneFile, mint_backup
from shared.bus import Bus
from shared.contracts.discovery import (
    Backup,
    ListBackups,
    RefreshBackups,
    RefreshReport,
)
from tests.stack import Stack

UDID = "00008110-000A1B2C3D4E5F60"
OTHER = "00008120-000A1B2C3D4E5F61"
FILES = [PhoneFile("HomeDomain", f"Library/file{n}", b"x" * (100 + n)) for n in range(6)]
MORE = [*FILES, PhoneFile("HomeDomain", "Library/new", b"new")]
LATER = dt.datetime(2024, 9, 30, 6, 40, tzinfo=dt.UTC)


@asynccontextmanager
async def discovering(stack: Stack, **settings: str) -> AsyncIterator[Bus]:
    """Run discovery and return the gateway's connection to ask it with."""
    given = {f"KEEPSAKE_{name.upper()}": value for name, value in settings.items()}
    async with stack.bus("gateway") as bus, stack.service("discovery", given):
        yield bus


async def listed(bus: Bus, **arguments: Any) -> list[Backup]:
    return (await bus.request(ListBackups(**arguments))).items


async def eventually(
    bus: Bus, wanted: Callable[[list[Backup]], bool], *, seconds: float = 20
) -> list[Backup]:
    """Wait until the list is as *wanted*."""
    backups: list[Backup] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            # The list is asked for, not pushed: there is nothing to wait on.
            while not wanted(backups := await listed(bus)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert wanted(backups), [(b.state, b.revision, b.problems, b.size_bytes) for b in backups]
    return backups


async def refreshed(bus: Bus) -> RefreshReport:
    return await bus.request(RefreshBackups(), timeout_seconds=30)


async def events(bus: Bus, *, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Return everything on the stream; waits for *count* events, and a moment for one too many."""
    found: list[tuple[str, dict[str, Any]]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            async for stored in bus.follow_events(after_sequence=0):
                found.append((stored.subject, json.loads(stored.data)["data"]))
                if len(found) == count:
                    break
    await asyncio.sleep(0.3)
    assert await bus.last_sequence() == len(found) == count, found
    return found


@pytest.fixture
def root(stack: Stack) -> Path:
    folder = stack.folder / "backups"
    folder.mkdir(exist_ok=True)
    return folder


def mint(root: Path, **arguments: Any) -> MintedBackup:
    return mint_backup(root, **{"files": FILES, "udid": UDID, **arguments})
