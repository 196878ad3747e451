"""The indexer's own schema on a real Postgres, for tests that need no bus."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from shared import postgres
from tests.stack import Stack

# `staged` and `phones` are shared by the files of this folder, which is no package.
sys.path.insert(0, str(Path(__file__).parent))

from phones import Vault, open_vault


@pytest.fixture
async def pool(stack: Stack) -> AsyncIterator[Any]:
    """A migrated schema."""
    credentials = stack.credentials("indexer").postgres
    await postgres.migrate(
        credentials,
        schema="indexer",
        folders={
            "bus": files("shared.bus").joinpath("migrations"),
            "indexer": files("services.indexer").joinpath("migrations"),
        },
    )
    async with stack.pool("indexer") as pool:
        yield pool


@pytest.fixture
async def connection(pool: Any) -> AsyncIterator[Any]:
    """One connection of it."""
    async with pool.acquire() as connection:
        yield connection


@pytest.fixture
def connect(stack: Stack, pool: Any) -> Callable[[], Awaitable[Any]]:
    """Opens connections beside the pool's, as a service does."""
    credentials = stack.credentials("indexer").postgres
    return lambda: postgres.connect(credentials, schema="indexer")


@pytest.fixture
async def vault(stack: Stack) -> AsyncIterator[Vault]:
    """A vault with all three services at work."""
    async with open_vault(stack) as vault:
        yield vault
