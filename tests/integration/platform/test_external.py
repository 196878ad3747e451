"""``keepsake up`` with somebody else's engines, and without root."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.binaries import find_nats_server
from shared.contracts.topology import SERVICES
from shared.postgres import connect
from tests.stack import Engines

NOBODY = 65534


@pytest.fixture
def external_nats(short_folder: Path) -> Iterator[str]:
    """A nats-server with one login for everybody."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            *(find_nats_server(), "-js", "-sd", short_folder / "js", "-a", "127.0.0.1"),
            *("-p", str(port), "--user", "us", "--pass", "hunter2"),
        ],
        stderr=subprocess.DEVNULL,
    )
    yield f"nats://us:hunter2@127.0.0.1:{port}"
    server.terminate()
    server.wait()


def run_until_ready(command: list[str], environ: dict[str, str], **as_whom: int) -> tuple[int, str]:
    """Start, wait for the word, ask to stop; return the exit code and everything said."""
    log = Path(environ["KEEPSAKE_DATA_DIR"]).with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environ, **as_whom
        )
    try:
        deadline = time.monotonic() + 30
        while "is ready" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=10), log.read_text()
    finally:
        process.kill()
        process.wait()


async def test_external_engines_are_used_by_an_owner_who_is_no_superuser(
    engines: Engines, external_nats: str, short_folder: Path
) -> None:
    server = await connect(engines.postgres.admin("postgres"))
    try:
        await server.execute("create role outsider login createrole password 'hunter2'")
        await server.execute("create database outside owner outsider")
        dsn = f"postgresql://outsider:hunter2@/outside?host={engines.postgres.sockets}"
        code, said = run_until_ready(
            [sys.executable, "-m", "deploy.local"],
            {
                "PATH": os.environ["PATH"],
                "HOME": str(short_folder),
                "KEEPSAKE_DATA_DIR": str(short_folder / "vault"),
                "KEEPSAKE_NATS__URL": external_nats,
                "KEEPSAKE_POSTGRES__DSN": dsn,
            },
        )
        assert code == 0
        assert "not enforced by us" in said
        assert "hunter2" not in said
        assert not (short_folder / "vault" / "postgres").exists()
        roles = await server.fetchval(
            "select count(*) from pg_roles where rolname like 'outside\\_%'"
        )
        # One that reads everything is the last.
        assert roles == len(SERVICES) + 1
    finally:
        await server.execute("drop database if exists outside with (force)")
        for service in ("discovery", "unlock", "indexer", "archiver", "gateway"):
            await server.execute(f"drop role if exists outside_{service}")
        await server.execute("drop role if exists outsider")
        await server.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as an ordinary user already")
def test_an_ordinary_user_needs_nothing_of_root(short_folder: Path) -> None:
    """Another user cannot run a Python below /root, so the system's is taken if it is the same."""
    system = Path("/usr/bin/python3")
    environ = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(short_folder),
        "PYTHONPATH": os.pathsep.join(
            [str(Path.cwd()), *(p for p in sys.path if "site-pack" in p)]
        ),
        "KEEPSAKE_DATA_DIR": str(short_folder / 'my "vault", ä'),
    }
    usable = subprocess.run(
        [system, "-c", "import asyncpg, msgspec, deploy.local"],
        env=environ,
        user=NOBODY,
        group=NOBODY,
        capture_output=True,
        check=False,
    )
    if usable.returncode != 0:
        pytest.skip("no Python that an ordinary user can run has our packages")
    os.chown(short_folder, NOBODY, NOBODY)
    code, said = run_until_ready(
        [str(system), "-m", "deploy.local"],
        environ,
        user=NOBODY,
        group=NOBODY,
    )
    assert code == 0
    assert "as user" not in said
