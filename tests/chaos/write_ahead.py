"""Postgres' write-ahead log, written until there is no room for more of it: the server panics.

A full disk alone does not get there: tables cannot grow, so what people do ends with an error, and
what that writes to the log has room in segments that exist already.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import asyncpg

from tests.chaos.vault import Vault

_PATIENCE_SECONDS = 60.0
#: Of the log, in one statement.
_PIECE_BYTES = 4 << 20
#: What a connection says while the server panics, recovers or is away.
_GONE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def panics(data_dir: Path) -> int:
    """Return how often the Postgres of this data folder has panicked for want of room."""
    try:
        lines = (data_dir / "logs/postgres.log").read_text(errors="replace").splitlines()
    except OSError:
        return 0
    return sum("PANIC:" in line and "No space left on device" in line for line in lines)


def restarts(vault: Vault) -> int:
    """Return how often the supervisor has found Postgres ended and started it anew."""
    return vault.log.read_text(errors="replace").count("Postgres ended (")


def write_until_panic(vault: Vault) -> bool:
    """Write to the log of a server whose disk is full; tells whether that made it panic."""
    before, deadline = panics(vault.data_dir), time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        asyncio.run(write_log(vault.sockets()))
        if panics(vault.data_dir) > before:
            return True
        time.sleep(0.1)
    return False


async def write_log(sockets: Path) -> None:
    """Write to the log as its administrator until the server takes no more."""
    try:
        connection = await asyncpg.connect(
            host=str(sockets), user="keepsake_admin", database="keepsake", timeout=5
        )
    except (*_GONE, TimeoutError):
        return
    try:
        while True:
            await connection.execute(
                "select pg_logical_emit_message(false, 'chaos', repeat('x', $1))",
                _PIECE_BYTES,
                timeout=10,
            )
    except (*_GONE, TimeoutError):
        connection.terminate()
