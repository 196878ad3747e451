"""One service of a test's stack as a process of its own: it can be killed, and has own figures."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from tests.stack import Stack

_READY_SECONDS = 30


@asynccontextmanager
async def service_process(
    stack: Stack, service: str, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run ``python -m services.<service>`` until the block ends, from when it is ready on.

    *settings* are environment variables with their whole names.
    """
    credentials = stack.folder / f"{service}-{uuid4()}.json"
    credentials.touch(0o600)
    credentials.write_bytes(stack.credentials(service).encode())
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"services.{service}",
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(stack.folder),
            "KEEPSAKE_DATA_DIR": str(stack.layout.data_dir),
            "KEEPSAKE_SCRATCH_DIR": str(stack.folder / "scratch"),
            "KEEPSAKE_CREDENTIALS": str(credentials),
            "KEEPSAKE_READY": f"fd:{writing}",
            "KEEPSAKE_LOG__LEVEL": "debug",
            **settings,
        },
        pass_fds=(writing,),
        stdout=asyncio.subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        ready = await asyncio.wait_for(asyncio.to_thread(os.read, reading, 16), _READY_SECONDS)
        assert ready == b"ready\n"
        yield process
    finally:
        os.close(reading)
        if process.returncode is None:
            process.kill()
        await process.wait()
