"""Forward-only SQL migrations: numbered files, one advisory lock, one ledger table per schema.

Two folders write to one schema, the bus (outbox and inbox) and the service itself; the ledger keeps
them apart by ``origin``. Callers are services at their start, eight replicas at once if need be.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Any

import asyncpg
import msgspec

from shared.credentials import PostgresCredentials
from shared.postgres.pool import connect

NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
LEDGER = """
create table if not exists migration (
    origin     text not null,
    number     integer not null,
    name       text not null,
    checksum   text not null,
    applied_at timestamptz not null default now(),
    primary key (origin, number)
)"""


class MigrationError(Exception):
    """Files and ledger disagree, or a migration failed; the schema is as before the failed one."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered file."""

    origin: str
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load(origin: str, folder: Traversable) -> list[Migration]:
    """Read a folder's migrations in order. A gap in the numbers is an error."""
    found = [
        Migration(
            origin=origin,
            number=int(match[1]),
            name=entry.name,
            # Line ends differ between check-outs, and must not change the checksum.
            sql=entry.read_text("utf-8").replace("\r\n", "\n"),
        )
        for entry in folder.iterdir()
        if (match := NAME.match(entry.name))
    ]
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"{origin}: migration numbers must run 0001, 0002, ... without gaps")
    return found


async def migrate(
    credentials: PostgresCredentials, *, schema: str, folders: Mapping[str, Traversable]
) -> list[str]:
    """Bring *schema* up to date; return what was applied, as ``origin/name``.

    *folders* maps an origin to its files; origins are applied in the given order. Idempotent, and
    safe to call from every replica at once. Nothing is applied when a checksum does not fit.
    """
    wanted = [migration for origin, folder in folders.items() for migration in load(origin, folder)]
    connection = await connect(credentials, schema=schema)
    try:
        # Taken by the session, not the transaction: each migration commits on its own. Closing the
        # connection releases it, whatever happens.
        await connection.execute(
            "select pg_advisory_lock(hashtextextended($1, 0))", f"migrate:{schema}"
        )
        if await connection.fetchval("select to_regnamespace($1)", schema) is None:
            await connection.execute(f'create schema "{schema}"')
        if await connection.fetchval("select to_regclass($1)", f"{schema}.migration") is None:
            await connection.execute(LEDGER)
        return await _apply(connection, wanted)
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection[Any], wanted: list[Migration]) -> list[str]:
    rows = await connection.fetch("select origin, number, checksum from migration")
    done = {(row["origin"], row["number"]): row["checksum"] for row in rows}
    for migration in wanted:
        recorded = done.get((migration.origin, migration.number), migration.checksum)
        if recorded != migration.checksum:
            raise MigrationError(
                f"{migration.origin}/{migration.name} was changed after it had been applied"
            )
    known = {(migration.origin, migration.number) for migration in wanted}
    origins = {migration.origin for migration in wanted}
    if newer := sorted(key for key in done if key[0] in origins and key not in known):
        raise MigrationError(
            f"the database is newer than this program (it has {newer[-1][0]}/{newer[-1][1]:04})"
        )
    applied = []
    for migration in wanted:
        if (migration.origin, migration.number) in done:
            continue
        try:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "insert into migration (origin, number, name, checksum)"
                    " values ($1, $2, $3, $4)",
                    migration.origin,
                    migration.number,
                    migration.name,
                    migration.checksum,
                )
        except asyncpg.PostgresError as error:
            # Migrations are our own text: the message is about our SQL, and worth reading.
            raise MigrationError(f"{migration.origin}/{migration.name}: {error}") from error
        applied.append(f"{migration.origin}/{migration.name}")
    return applied
