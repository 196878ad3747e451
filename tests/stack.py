"""Real engines for tests: Postgres once per session, a database and a nats-server per test.

A ``Stack`` is a vault without processes: tests connect to its bus and database with the
credentials of any service, and run real services inside the test's own event loop.
"""

from __future__ import annotations

import importlib
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from deploy.local.layout import Layout
from deploy.local.nats import EmbeddedNats
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import Nursery
from shared import postgres
from shared.bus import Bus, declare_topology
from shared.bus.declare import consumer_config
from shared.contracts.topology import CONSUMERS, PROVISIONER, SERVICES
from shared.runtime import Runtime, running
from shared.settings import Credentials, PostgresCredentials, Secret, Settings

_numbers = itertools.count(1)
_TEMPLATE = "template_of_stacks"
_MEMORY = "/dev/shm"
_ROOM_BYTES = 6 << 30


class Engines:
    """The session's Postgres, and a folder for everything else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nursery = Nursery()
        layout = Layout(folder / "engines")
        layout.create()
        self.postgres = EmbeddedPostgres(layout, nursery=self.nursery, fleeting=True)
        self._has_template = False

    async def create_database(self, name: str) -> None:
        """Make a database that has the extensions already, in a tenth of the time."""
        server = await postgres.connect(_maintenance(self.postgres.admin()))
        try:
            # Since 15 all pages go through the log unless files are asked for.
            is_new = server.get_server_version().major >= 15
            strategy = "strategy file_copy" if is_new else ""
            if not self._has_template:
                await server.execute(f"create database {_TEMPLATE} {strategy}")
                await postgres.provision(self.postgres.admin(_TEMPLATE), ())
                self._has_template = True
            await server.execute(f"create database {name} template {_TEMPLATE} {strategy}")
        finally:
            await server.close()


class Stack:
    """One test's database, nats-server and folders."""

    def __init__(self, engines: Engines, number: int) -> None:
        self._engines = engines
        self.folder = engines.folder / f"stack{number}"
        self.admin: PostgresCredentials = engines.postgres.admin(f"stack{number}")
        self.layout = Layout(self.folder / "data")
        self.layout.create()
        self.nats = EmbeddedNats(
            self.layout,
            nursery=engines.nursery,
            users=(*SERVICES, PROVISIONER),
            fleeting=True,
        )
        self._passwords: dict[str, PostgresCredentials] = {}

    async def create(self) -> None:
        """Start and provision everything."""
        await self.nats.start()
        await self._engines.create_database(self.admin.database)
        self._passwords = await postgres.provision(self.admin, SERVICES)
        async with self.bus(PROVISIONER) as bus:
            await declare_topology(bus)

    async def remove(self) -> None:
        """Stop the server, drop database and roles, delete the folders."""
        await self.nats.stop()
        database = self.admin.database
        server = await postgres.connect(_maintenance(self.admin))
        try:
            await server.execute(f"drop database if exists {database} with (force)")
            for credentials in self._passwords.values():
                await server.execute(f"drop role if exists {credentials.user}")
        finally:
            await server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def credentials(self, service: str) -> Credentials:
        """Return what *service* would be handed by the supervisor."""
        return Credentials(
            nats=self.nats.credentials(service),
            postgres=self._passwords[service],
            api_token=Secret("test-token") if service == "gateway" else None,
            reader=self._passwords[postgres.READER] if service == "archiver" else None,
        )

    def settings(self, overrides: Mapping[str, str] | None = None) -> Settings:
        """Return settings inside the test's folder; *overrides* are ``KEEPSAKE_…`` variables."""
        backups = self.folder / "backups"
        backups.mkdir(exist_ok=True)
        return Settings.load(
            {
                "HOME": str(self.folder),
                "KEEPSAKE_DATA_DIR": str(self.layout.data_dir),
                "KEEPSAKE_SCRATCH_DIR": str(self.folder / "scratch"),
                "KEEPSAKE_BACKUP_PATHS": str(backups),
                "KEEPSAKE_DISCOVERY__QUIET_SECONDS": "0",
                **(overrides or {}),
            }
        )

    @asynccontextmanager
    async def bus(self, user: str) -> AsyncIterator[Bus]:
        """Connect as a service, or as the provisioner."""
        bus = await Bus.connect(credentials=self.nats.credentials(user), service=user)
        try:
            yield bus
        finally:
            await bus.drain()

    async def hasten(self, service: str) -> None:
        """Have events of a killed *service* delivered again after seconds, not half a minute.

        Not before a third of the time that it was declared with: so often who works says so.
        """
        declared = msgspec.structs.replace(CONSUMERS[service], ack_wait_seconds=12.0)
        async with self.bus(PROVISIONER) as bus:
            await bus.jetstream.add_consumer("EVENTS", consumer_config(declared))

    @asynccontextmanager
    async def pool(self, service: str) -> AsyncIterator[asyncpg.Pool[Any]]:
        """Connect to the database as *service*."""
        pool = await postgres.create_pool(self._passwords[service], schema=service)
        try:
            yield pool
        finally:
            pool.terminate()

    @asynccontextmanager
    async def service(
        self, service: str, settings: Mapping[str, str] | None = None
    ) -> AsyncIterator[Runtime]:
        """Run the real service in this event loop, as ``python -m`` would in a process."""
        package = service if service == "gateway" else f"services.{service}"
        start = importlib.import_module(f"{package}.service").start
        async with running(
            service,
            start,
            settings=self.settings(settings),
            credentials=self.credentials(service),
            migrations=f"{package}.migrations",
        ) as runtime:
            yield runtime


@asynccontextmanager
async def fresh_stack(engines: Engines) -> AsyncIterator[Stack]:
    """Give a stack of its own to one test."""
    stack = Stack(engines, next(_numbers))
    try:
        await stack.create()
        yield stack
    finally:
        await stack.remove()


def make_folder() -> Path:
    """Make a short folder that the engines' user can reach (pytest's own are long and private)."""
    place = os.environ.get("KEEPSAKE_TEST_DIR") or _memory()
    folder = Path(tempfile.mkdtemp(prefix="ks-", dir=place))
    folder.chmod(0o711)
    return folder


def _memory() -> str | None:
    """Return where files cost least, if there is room for what all tests write at a time.

    A database is hundreds of files, which come and go with each test.
    """
    try:
        is_roomy = shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES
    except OSError:
        return None
    return _MEMORY if is_roomy and os.access(_MEMORY, os.W_OK | os.X_OK) else None


def _maintenance(admin: PostgresCredentials) -> PostgresCredentials:
    return PostgresCredentials(host=admin.host, database="postgres", user=admin.user)
