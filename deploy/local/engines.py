"""The two engines, embedded or external, behind one face: start, admit services, keep, stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from deploy.local.errors import StartError
from deploy.local.layout import Layout
from deploy.local.nats import EmbeddedNats
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import Nursery
from shared import postgres
from shared.bus import Bus, declare_topology
from shared.contracts.topology import PROVISIONER
from shared.credentials import SettingsError
from shared.postgres import READER, ProvisionError, provision
from shared.settings import (
    Credentials,
    NatsCredentials,
    PostgresCredentials,
    Secret,
    Settings,
)

Say = Callable[[str], None]
T = TypeVar("T")

_PROVISION_TRIES = 5


class Engines:
    """Postgres and NATS of one vault."""

    def __init__(
        self,
        settings: Settings,
        *,
        layout: Layout,
        nursery: Nursery,
        services: Iterable[str],
        say: Say,
    ) -> None:
        self._services = tuple(services)
        self._say = say
        self._external_nats = _nats_of(settings)
        self._replicas = settings.nats.replicas if self._external_nats else 1
        self._external_postgres = _postgres_of(settings)
        self.postgres: EmbeddedPostgres | None = None
        self.nats: EmbeddedNats | None = None
        if self._external_postgres is None:
            self.postgres = EmbeddedPostgres(
                layout, nursery=nursery, explicit_binaries=settings.postgres.bin, say=say
            )
        if self._external_nats is None:
            self.nats = EmbeddedNats(
                layout, nursery=nursery, users=(*self._services, PROVISIONER), say=say
            )

    async def start(self, *, api_token: Secret) -> dict[str, Credentials]:
        """Start what is embedded, provision, and return what each service is handed.

        Raises ``StartError`` with one line.
        """
        async with asyncio.TaskGroup() as tasks:
            passwords = tasks.create_task(self._start_postgres(), name="start postgres")
            tasks.create_task(self._start_nats(), name="start nats")
        return {
            service: Credentials(
                nats=self._nats_credentials(service),
                postgres=passwords.result()[service],
                api_token=api_token if service == "gateway" else None,
                reader=passwords.result()[READER] if service == "archiver" else None,
            )
            for service in self._services
        }

    async def stop(self) -> None:
        """Stop what is embedded, both at once."""
        await asyncio.gather(*(engine.stop() for engine in (self.nats, self.postgres) if engine))

    def _nats_credentials(self, user: str) -> NatsCredentials:
        if self._external_nats is not None:
            return self._external_nats
        assert self.nats is not None
        return self.nats.credentials(user)

    async def _start_postgres(self) -> dict[str, PostgresCredentials]:
        if self._external_postgres is not None:
            admin = self._external_postgres
            self._say("Postgres: the external one of KEEPSAKE_POSTGRES__DSN")
        else:
            assert self.postgres is not None
            await self.postgres.start()
            admin = self.postgres.admin()
        try:
            return await self._provision(admin)
        except ProvisionError as error:
            raise StartError(f"KEEPSAKE_POSTGRES__DSN: {error}") from error
        except postgres.FAILED as error:
            # The server's own words may hold the login.
            source = "KEEPSAKE_POSTGRES__DSN" if self._external_postgres else "Postgres"
            raise StartError(f"{source}: cannot be used ({type(error).__name__})") from error

    async def _provision(self, admin: PostgresCredentials) -> dict[str, PostgresCredentials]:
        if self.postgres is None:
            return await provision(admin, self._services)
        return await self.postgres.despite_kills(
            lambda: provision(admin, self._services), tries=_PROVISION_TRIES
        )

    async def _start_nats(self) -> None:
        if self.nats is not None:
            await self.nats.start()
        else:
            self._say("NATS: the external one of KEEPSAKE_NATS__URL")
            self._say(
                "Warning: all services share its login, so what each may publish and hear"
                " is not enforced by us"
            )
        try:
            bus = await Bus.connect(
                credentials=self._nats_credentials(PROVISIONER),
                service=PROVISIONER,
                timeout_seconds=15.0,
            )
            try:
                await declare_topology(bus, replicas=self._replicas)
            finally:
                await bus.drain()
        except Exception as error:
            # The client library's errors are many, and its words may hold the login.
            source = "nats-server" if self.nats else "KEEPSAKE_NATS__URL"
            raise StartError(
                f"{source}: cannot be used as event store ({type(error).__name__})"
            ) from error


def _nats_of(settings: Settings) -> NatsCredentials | None:
    url = settings.nats.url
    return None if url is None else _parsed(NatsCredentials.from_url, url)


def _postgres_of(settings: Settings) -> PostgresCredentials | None:
    dsn = settings.postgres.dsn
    return None if dsn is None else _parsed(PostgresCredentials.from_dsn, dsn)


def _parsed(parse: Callable[[str], T], given: Secret) -> T:
    try:
        return parse(given.reveal())
    except SettingsError as error:
        raise StartError(str(error)) from None
