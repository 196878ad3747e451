"""Exports that do not come to their end: cancelled, killed, without room, or in a restart's way."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from deploy.demo.phone import demo_phone
from tests.integration.gateway.conftest import PASSPHRASE, House, open_house
from tests.integration.gateway.test_exports import MESSAGES, download, export, sealed_files
from tests.integration.gateway.test_history import finished, indexed
from tests.service_process import service_process
from tests.stack import Stack

WISH = {"query": MESSAGES, "format": "json"}
_PATIENCE_SECONDS = 120


@asynccontextmanager
async def opened(stack: Stack, **settings: str) -> AsyncIterator[House]:
    """A phone whose messages are indexed, by an indexer with these settings."""
    backups = stack.folder / "backups"
    backups.mkdir(exist_ok=True)
    demo_phone(backups, passphrase=PASSPHRASE, device_name="Demo")
    async with AsyncExitStack() as running:
        await running.enter_async_context(stack.service("indexer", settings))
        house = await running.enter_async_context(open_house(stack, "discovery", "unlock"))
        (await house.client.post("/api/backups/refresh")).raise_for_status()
        await indexed(house, "message")
        yield house


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 -- it is another process that changes
            await asyncio.sleep(0.05)


def export_processes(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            number = int(entry.name)
            status = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
            if int(status[1]) == parent and status[0] != "Z" and b"exports.caged" in command:
                found.append(number)
    return found


async def start_held(house: House, *, parent: int) -> tuple[str, int]:
    """Ask for an export and hold its process still; return the job and the process.

    One that is over before it could be caught is asked for again.
    """
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            accepted = await house.client.post("/api/exports/content", json=WISH)
            job_id = accepted.raise_for_status().json()["job_id"]
            while True:
                if caught := export_processes(parent):
                    os.kill(caught[0], signal.SIGSTOP)
                    job = (await house.client.get(f"/api/jobs/{job_id}")).json()
                    if job["state"] == "running":
                        return job_id, caught[0]
                    os.kill(caught[0], signal.SIGCONT)
                job = (await house.client.get(f"/api/jobs/{job_id}")).json()
                if job["state"] not in ("pending", "running"):
                    break
                await asyncio.sleep(0.002)


async def test_a_cancelled_export_ends_and_leaves_nothing(stack: Stack) -> None:
    async with opened(stack) as house:
        job_id, process = await start_held(house, parent=os.getpid())
        url = f"/api/exports/content/{job_id}"
        assert (await house.client.get(url)).status_code == 409
        assert (await house.client.delete(url)).status_code == 409
        (await house.client.post(f"/api/jobs/{job_id}/cancel")).raise_for_status()
        job = await finished(house.client, job_id)
        assert job["state"] == "cancelled"
        assert process not in export_processes(os.getpid())
        assert sealed_files(house) == []
        assert (await house.client.get(url)).status_code == 410


async def test_an_export_whose_process_dies_fails_and_can_be_made_again(stack: Stack) -> None:
    async with opened(stack) as house:
        job_id, process = await start_held(house, parent=os.getpid())
        os.kill(process, signal.SIGKILL)
        job = await finished(house.client, job_id)
        assert job["state"] == "failed"
        assert job["error"]["type"] == "/problems/export-failed"
        assert sealed_files(house) == []
        (await house.client.post(f"/api/jobs/{job_id}/retry")).raise_for_status()
        archive = await download(house, await finished(house.client, job_id))
        assert archive.testzip() is None


@pytest.mark.timeout(300)
async def test_an_export_in_a_restart_is_made_again_and_nothing_readable_is_left(
    stack: Stack,
) -> None:
    async with opened(stack) as house:
        pass
    async with open_house(stack, "discovery", "unlock") as house:
        async with service_process(stack, "indexer") as first:
            done = await export(house, WISH)
            assert done["state"] == "completed"
            job_id, process = await start_held(house, parent=first.pid)
            os.kill(first.pid, signal.SIGKILL)
            await first.wait()
            # Halted as it began, it had not asked yet to die with its parent: it looks, going on.
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
            left = sealed_files(house)
            assert left
            assert all(b"PK\x03\x04" not in one.read_bytes() for one in left)
        await stack.hasten("indexer")
        async with service_process(stack, "indexer") as second:

            async def is_clean() -> bool:
                return not set(left) & set(sealed_files(house))

            await until(is_clean)
            # The one that was finished is gone with the process that had its key.
            gone = await house.client.get(done["report"]["export"]["download"])
            assert gone.status_code == 410

            async def is_over() -> bool:
                job = (await house.client.get(f"/api/jobs/{job_id}")).json()
                return job["state"] == "completed"

            await until(is_over)
            job = (await house.client.get(f"/api/jobs/{job_id}")).json()
            await download(house, job)
            second.terminate()
            await second.wait()
            assert sealed_files(house) == []


@pytest.mark.parametrize(
    ("setting", "value", "title"),
    [
        ("KEEPSAKE_EXPORTS__MOST_BYTES", "500", "The export is larger than exports may be."),
        ("KEEPSAKE_EXPORTS__SPARE_BYTES", str(1 << 60), "There is no room for the export."),
        ("KEEPSAKE_EXPORTS__MOST", "1", "There are too many exports."),
    ],
)
async def test_an_export_without_room_says_so_and_leaves_nothing(
    stack: Stack, setting: str, value: str, title: str
) -> None:
    async with opened(stack, **{setting: value}) as house:
        if setting.endswith("MOST"):
            first = await export(house, WISH)
            assert first["state"] == "completed"
        job = await export(house, WISH)
        assert job["state"] == "interrupted"
        assert job["error"]["type"] == "/problems/no-space"
        assert job["error"]["status"] == 507
        assert job["error"]["title"] == title
        assert len(sealed_files(house)) == (1 if setting.endswith("MOST") else 0)
        if setting.endswith("MOST"):
            await house.client.delete(first["report"]["export"]["download"])
            (await house.client.post(f"/api/jobs/{job['id']}/retry")).raise_for_status()
            assert (await finished(house.client, job["id"]))["state"] == "completed"


async def test_an_export_is_kept_for_its_time_only(stack: Stack) -> None:
    async with opened(stack, KEEPSAKE_EXPORTS__TTL_SECONDS="1") as house:
        job = await export(house, WISH)
        assert job["state"] == "completed"
        url = job["report"]["export"]["download"]

        async def is_gone() -> bool:
            return (await house.client.get(url)).status_code == 410

        await until(is_gone)
        await until(lambda: _is_empty(house))


async def _is_empty(house: House) -> bool:
    return sealed_files(house) == []
