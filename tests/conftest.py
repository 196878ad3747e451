"""Fixtures for every test folder: real engines, and the public samples where they are."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.stack import Engines, Stack, fresh_stack, make_folder


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """One embedded Postgres for the whole session."""
    folder = make_folder()
    started = Engines(folder)
    asyncio.run(started.postgres.start())
    try:
        yield started
    finally:
        asyncio.run(started.postgres.stop())
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def stack(engines: Engines) -> AsyncIterator[Stack]:
    """A fresh database and a fresh nats-server, provisioned."""
    async with fresh_stack(engines) as one:
        yield one


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder for data directories: short, and passable for Postgres' user."""
    folder = make_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The public samples; tests over them are skipped where they are not."""
    folder = os.environ.get("KEEPSAKE_SAMPLES")
    if not folder or not Path(folder).is_dir():
        pytest.skip("KEEPSAKE_SAMPLES does not name the folder of public samples")
    # Discovery tells paths without links.
    return Path(folder).resolve()
