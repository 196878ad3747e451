"""What a caller hears when the process that had taken the request is killed with it in hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from deploy.demo.container import mint_backup
from shared import postgres
from shared.bus import beats
from tests.integration.gateway.conftest import FILES, PASSPHRASE, House, open_house
from tests.integration.platform.test_one_service import alone, write_credentials
from tests.stack import Stack

_WAITERS = (
    "select count(*) from pg_stat_activity"
    " where datname = current_database() and wait_event_type = 'Lock'"
)


@asynccontextmanager
async def locked(stack: Stack, *tables: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Keep everybody out of *tables*, so that requests that need them are taken and stay so."""
    connection = await postgres.connect(stack.admin)
    try:
        async with connection.transaction():
            await connection.execute(f"lock table {', '.join(tables)} in access exclusive mode")
            yield connection
    finally:
        await connection.close()


async def until_somebody_waits(connection: asyncpg.Connection[Any]) -> None:
    async with asyncio.timeout(20):
        while not await connection.fetchval(_WAITERS):  # noqa: ASYNC110 -- other processes
            await asyncio.sleep(0.02)


async def until_ready(house: House, service: str) -> None:
    async with asyncio.timeout(40):
        while True:
            health = (await house.client.get("/health/ready")).json()
            if health["services"].get(service, {}).get("state") == "ready":
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("service", "method", "path", "tables"),
    [
        ("unlock", "POST", "/api/backups/{backup}/unlock", ["unlock.attempt"]),
        ("indexer", "GET", "/api/search?q=anything", ["indexer.artifact_shard"]),
    ],
)
async def test_who_waits_for_a_killed_replica_is_told_503_soon_and_can_try_again(
    stack: Stack,
    service: str,
    method: str,
    path: str,
    tables: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Of the six seconds two are enough here: the process that is killed beats every second.
    monkeypatch.setattr(beats, "SILENCE_SECONDS", 2.0)
    body = {"passphrase": PASSPHRASE} if method == "POST" else None
    backups = stack.folder / "backups"
    backups.mkdir(exist_ok=True)
    mint_backup(backups, files=FILES, device_name="Locked", passphrase=PASSPHRASE)
    async with open_house(stack, "discovery") as house:
        (await house.client.post("/api/backups/refresh")).raise_for_status()
        url = path.format(backup=await house.backup_id("Locked"))
        credentials = write_credentials(stack, service, mode=0o600)
        async with alone(service, stack, credentials) as process:
            await until_ready(house, service)
            async with locked(stack, *tables) as connection:
                asking = asyncio.create_task(house.client.request(method, url, json=body))
                await until_somebody_waits(connection)
                # Taken, or there would be no beats and the caller would have been told already.
                done, _ = await asyncio.wait({asking}, timeout=1.25 * beats.SILENCE_SECONDS)
                assert not done
                process.kill()
                await process.wait()
                answer: httpx.Response = await asyncio.wait_for(asking, 25)
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems/service-unavailable"
        assert answer.json()["service"] == service
        assert int(answer.headers["Retry-After"]) > 0
        async with stack.service(service):
            again = await house.client.request(method, url, json=body)
        assert again.is_success
