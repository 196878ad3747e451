"""The indexer as a process that is killed in the middle of a run."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from phones import Vault, stop_next_parser, until

from tests.stack import Stack

CODE = Path(__file__).parents[3]


async def start_indexer(stack: Stack) -> asyncio.subprocess.Process:
    credentials = stack.folder / "indexer.json"
    credentials.touch(0o600)
    credentials.write_bytes(stack.credentials("indexer").encode())
    settings = stack.settings()
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.indexer", cwd=CODE, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={
            "HOME": str(stack.folder),
            "KEEPSAKE_CREDENTIALS": str(credentials),
            "KEEPSAKE_DATA_DIR": str(settings.data_dir),
            "KEEPSAKE_SCRATCH_DIR": str(stack.folder / "scratch"),
        },
    )  # fmt: skip


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.timeout(90)
async def test_a_killed_indexer_leaves_no_parser_and_no_plaintext_after_its_restart(
    stack: Stack,
) -> None:
    async with (
        stack.service("discovery"),
        stack.service("unlock"),
        stack.bus("gateway") as bus,
    ):
        vault = Vault(stack, bus)
        first = await start_indexer(stack)
        second = None
        try:
            backup_id = await vault.mint(["needle"])
            job_id = ""

            async def is_taken() -> bool:
                nonlocal job_id
                with suppress(Exception):  # not started yet
                    job_id = await vault.start(backup_id)
                return bool(job_id)

            await until(is_taken)
            parser = await stop_next_parser(parent=first.pid)
            os.kill(first.pid, signal.SIGKILL)
            await first.wait()
            with suppress(ProcessLookupError):
                os.kill(parser, signal.SIGCONT)

            async def is_gone() -> bool:
                return not is_alive(parser)

            await until(is_gone)
            assert vault.plaintext()
            second = await start_indexer(stack)

            async def is_clean() -> bool:
                return not vault.plaintext()

            await until(is_clean)
            async with stack.pool("indexer") as pool:
                assert await pool.fetchval("select count(*) from artifact") == 0
                assert await pool.fetchval("select state from job") == "running"
        finally:
            for process in (first, second):
                if process is not None and process.returncode is None:
                    process.kill()
                    await process.wait()
