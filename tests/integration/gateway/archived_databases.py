"""A server with databases to archive, and a house that does."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from services.archiver.sources.databases.access import connected, of_credentials
from services.archiver.sources.databases.measuring import Measured, measure
from services.archiver.sources.databases.programs import find_pg_dump
from shared import postgres
from shared.credentials import PostgresCredentials, Secret
from shared.postgres.provision import scram_verifier
from tests.integration.gateway.conftest import open_house
from tests.integration.gateway.test_archives import Vault
from tests.integration.gateway.test_destinations import client_environment
from tests.stack import Stack

#: With all that files and addresses have to escape.
PASSWORD = "pass:word\\with %/ all"
GZIP = {"KEEPSAKE_ARCHIVER__BUNDLE_COMPRESSION": "gz"}
KEY = "fixture-encryption-key-not-secret-0001"

#: A name that has to be quoted.
ODD = '"Quoted ""table"""'
TABLES = f"""
create schema "odd schema";
create table "odd schema".{ODD} (id int primary key, "row_of_keepsake" text, t bytea);
insert into "odd schema".{ODD}
    select n, 'row ' || n, '\\x00ff' from generate_series(1, 500) n;
create table measured (at timestamptz, span interval, number numeric, list int[], document jsonb);
insert into measured values
    ('2026-01-02 03:04:05+06', '1 year 2 days', 12345678901234567890.125, array[1, null, 3], '[1]'),
    (null, null, 'nan', array[]::int[], 'null');
create table parted (id int, part text) partition by list (part);
create table parted_a partition of parted for values in ('a');
insert into parted select n, 'a' from generate_series(1, 20) n;
create table nothing ();
create sequence counting start 40;
select nextval('counting');
"""


class Databases:
    """A vault, and a database of somebody else's beside its own."""

    def __init__(self, vault: Vault, stack: Stack) -> None:
        self.vault = vault
        self.stack = stack
        self.secrets = stack.folder / "secrets"
        self.secrets.mkdir(mode=0o700)
        self.theirs = PostgresCredentials(
            host=stack.admin.host,
            port=stack.admin.port,
            database=f"theirs_{uuid.uuid4().hex[:8]}",
            user=f"owner_{uuid.uuid4().hex[:8]}",
            password=Secret(PASSWORD),
        )

    async def create(self, *statements: str) -> None:
        server = await self.administer(self.stack.admin.database)
        secret = scram_verifier(PASSWORD)
        await server.execute(f"create role {self.theirs.user} login password '{secret}'")
        await server.execute(f"create database {self.theirs.database} owner {self.theirs.user}")
        await server.close()
        owner = await postgres.connect(self.theirs)
        for statement in statements:
            await owner.execute(statement)
        await owner.close()

    async def remove(self) -> None:
        server = await self.administer(self.stack.admin.database)
        await server.execute(f"drop database if exists {self.theirs.database} with (force)")
        await server.execute(f"drop role if exists {self.theirs.user}")
        await server.close()

    async def administer(self, database: str) -> asyncpg.Connection[Any]:
        return await postgres.connect(
            PostgresCredentials(
                host=self.stack.admin.host,
                port=self.stack.admin.port,
                database=database,
                user=self.stack.admin.user,
            )
        )

    def secret(self, name: str, value: str) -> str:
        path = self.secrets / name
        path.write_text(value)
        path.chmod(0o600)
        return f"file:{path}"

    async def source(self, name: str, dsn: str | None = None, **config: Any) -> Any:
        preset = config.pop("preset", None)
        address = self.theirs.dsn().reveal() if dsn is None else dsn
        config["dsn_ref"] = self.secret(name, address)
        return await self.vault.post(
            "/api/sources",
            {"name": name, "type": "postgres", "preset": preset, "config": config},
        )

    async def items(self, archive_id: str, **params: Any) -> list[Any]:
        page = await self.vault.get(f"/api/archives/{archive_id}/items", limit=1000, **params)
        return list(page["items"])

    def stored(self) -> list[Path]:
        return list((self.vault.store / "bundles").rglob("*")) if self.vault.store.exists() else []

    async def follow_the_readme(self, folder: Path) -> None:
        """Do what the archive of Keepsake itself says to those who got its files back."""
        server = await self.administer(self.stack.admin.database)
        major = server.get_server_version().major
        await server.close()
        lines = [line.strip() for line in (folder / "README.md").read_text().splitlines()]
        script = "\n".join(line for line in lines if line.startswith(("psql ", "pg_restore ")))
        assert script.count("\n") == 1
        programs = find_pg_dump(major).path.parent
        await run(
            *("env", f"PATH={programs}:{os.environ['PATH']}"),
            *(f"ADMIN={self.stack.admin.dsn().reveal()}", "sh", "-ec", f"cd '{folder}'\n{script}"),
        )

    async def archives_from_the_start(self) -> list[Any]:
        """Ask an archiver that starts on what is there now."""
        async with self.stack.service("archiver"), open_house(self.stack, "discovery") as house:
            answer = await house.client.get("/api/archives")
            return list(answer.raise_for_status().json()["items"])

    async def put_back(self, dump: Path, database: str) -> Measured:
        """Restore a dump into a database of its own and measure what came of it."""
        server = await self.administer(self.stack.admin.database)
        await server.execute(f"create database {database}")
        major = server.get_server_version().major
        await server.close()
        # Tests run their server as a user that trusts its own socket.
        program = find_pg_dump(major).path.with_name("pg_restore")
        await run(
            program, "--exit-on-error", "--no-owner", "--no-privileges", "-j2",
            "-h", self.stack.admin.host, "-p", self.stack.admin.port,
            "-U", self.stack.admin.user, "-d", database, dump,
        )  # fmt: skip
        admin = PostgresCredentials(
            host=self.stack.admin.host,
            port=self.stack.admin.port,
            database=database,
            user=self.stack.admin.user,
        )
        async with connected(of_credentials(admin)) as connection:
            measured = await measure(connection, without_rows=frozenset())
        server = await self.administer(self.stack.admin.database)
        await server.execute(f"drop database {database} with (force)")
        await server.close()
        return measured


async def run(*command: object) -> None:
    done = await asyncio.to_thread(
        subprocess.run, [str(one) for one in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


async def keepsake(databases: Databases, *arguments: str) -> str:
    """Run the command line against the house and return what it says."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway.cli", *arguments],
        env=client_environment(databases.vault.house),
        cwd=databases.stack.folder,
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


async def reach(connection: asyncpg.Connection[Any], query: str, wanted: int) -> None:
    """Wait until a query gives that number."""
    while True:
        if await connection.fetchval(query) == wanted:
            return
        await asyncio.sleep(0.02)


def contents_of(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def facts_of(tables: Any) -> dict[str, Any]:
    return {f"{one['schema']}.{one['name']}": (one["rows"], one["checksum"]) for one in tables}


def measured_facts(measured: Measured) -> dict[str, Any]:
    return {f"{one.schema}.{one.name}": (one.rows, one.checksum) for one in measured.tables}


@asynccontextmanager
async def databases_of(stack: Stack, settings: dict[str, str]) -> AsyncIterator[Databases]:
    """A house that archives databases, which are removed in the end."""
    settings = {
        "KEEPSAKE_ARCHIVER__TRIES": "1",
        "KEEPSAKE_API_TOKEN": "never-told",
        **settings,
    }
    async with stack.service("archiver", settings), open_house(stack, "discovery") as house:
        vault = Vault(house)
        await vault.set_up()
        databases = Databases(vault, stack)
        try:
            yield databases
        finally:
            await databases.remove()
