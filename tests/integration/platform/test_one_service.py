"""``python -m services.<name>``: one service as a process, with a private credentials file."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.contracts.health import GetHealth, health_subject
from shared.contracts.problems import ProblemError
from tests.stack import Stack


@asynccontextmanager
async def alone(
    service: str, stack: Stack, credentials: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{service}"),
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(stack.folder),
            "KEEPSAKE_DATA_DIR": str(stack.layout.data_dir),
            "KEEPSAKE_SCRATCH_DIR": str(stack.folder / "scratch"),
            "KEEPSAKE_BACKUP_PATHS": str(stack.folder),
            "KEEPSAKE_CREDENTIALS": str(credentials),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def write_credentials(stack: Stack, service: str, *, mode: int) -> Path:
    path = stack.folder / f"{service}.json"
    path.touch(0o600)
    path.write_bytes(stack.credentials(service).encode())
    path.chmod(mode)
    return path


@pytest.mark.parametrize("service", ["discovery", "unlock", "indexer", "archiver"])
async def test_a_service_alone_is_healthy_and_stops_when_it_is_told_to(
    stack: Stack, service: str
) -> None:
    credentials = write_credentials(stack, service, mode=0o600)
    async with alone(service, stack, credentials) as process, stack.bus("gateway") as bus:
        health = None
        async with asyncio.timeout(40):
            while health is None or health.state != "ready":
                assert process.returncode is None
                try:
                    health = await bus.request(GetHealth(), subject=health_subject(service))
                except ProblemError:
                    await asyncio.sleep(0.05)
        assert health.service == service
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0
        assert b"service_stopped" in errors
        with pytest.raises(ProblemError) as gone:
            await bus.request(GetHealth(), subject=health_subject(service))
        assert gone.value.problem.status == 503


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        (None, "cannot be read (FileNotFoundError)"),
        (0o640, "others may read the file (chmod 600)"),
    ],
)
async def test_credentials_that_are_missing_or_open_to_others_are_one_line(
    stack: Stack, mode: int | None, says: str
) -> None:
    path = stack.folder / "nowhere.json"
    if mode is not None:
        path = write_credentials(stack, "discovery", mode=mode)
    async with alone("discovery", stack, path) as process:
        said, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert said == b""
    assert errors.decode() == f"discovery: KEEPSAKE_CREDENTIALS: {says}\n"
