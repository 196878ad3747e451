"""Opening a destination: secrets are fetched, a transport is made, the store is recognised."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from services.archiver.destinations.patience import Limits
from services.archiver.destinations.places import LocalPlace, Place, RclonePlace
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.remotes import Crypt, RcloneRemote
from services.archiver.destinations.setting_up import (
    Findings,
    Report,
    attempt,
    check_store,
    examine,
    set_up,
)
from services.archiver.errors import DestinationRefusedError
from services.archiver.format.manifest import signing_key
from services.archiver.store.transport import Transport
from shared.contracts.archiver import (
    CryptConfig,
    Destination,
    DestinationConfig,
    DestinationMode,
    DestinationType,
)
from shared.credentials import Secret
from shared.secret_references import SecretReferenceError, parse_reference, resolve


class OpenPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A destination with the secrets that it needs, in memory only."""

    place: Place
    store_id: UUID | None
    #: What manifests are signed with; None for a destination without a secret.
    key: bytes | None
    #: What rclone reaches it with; None for a folder that needs none.
    remote: RcloneRemote | None = None
    mode: DestinationMode = "store"
    #: Of what is only looked at.
    findings: Findings = Findings()

    @contextmanager
    def opened(self) -> Iterator[Transport]:
        """Open it, and make sure that it is the store that was set up. Blocking.

        Raises ``TransportError`` and ``DamagedArchiveError``.
        """
        assert self.store_id is not None
        transport = self.place.open()
        try:
            check_store(transport, self.store_id)
            yield transport
        finally:
            transport.close()

    @asynccontextmanager
    async def reached(self) -> AsyncIterator[Transport]:
        """Open it for calls from threads, as ``opened`` does; blocks nobody."""
        opening = self.opened()
        transport = await asyncio.to_thread(opening.__enter__)
        try:
            yield transport
        finally:
            await asyncio.to_thread(opening.__exit__, None, None, None)

    def set_up(self) -> Report:
        """Make a store of it, or take over the one that is there. Blocking."""
        now = dt.datetime.now(dt.UTC)
        return set_up(
            self.place,
            uuid4(),
            now=now,
            takes_existing=True,
            findings=self.findings,
            mode=self.mode,
        )

    def attempt(self) -> Report:
        """Go through a set-up and leave everything as it was. Blocking."""
        return attempt(self.place, findings=self.findings)

    def examine(self) -> Report:
        """Go through all that must hold, with a test write. Blocking."""
        assert self.store_id is not None
        return examine(self.place, self.store_id, findings=self.findings)


class Destinations:
    """What destinations are reached with: one rclone for all, and the resolver of references."""

    def __init__(
        self,
        *,
        scratch: Path,
        allow_commands: bool,
        limits: Limits | None = None,
        stall_seconds: int = 60,
    ) -> None:
        """Keep rclone's socket below *scratch*; references may be commands if that is allowed.

        *limits* bound how patient single calls are; a server that is silent for *stall_seconds* in
        the middle of one has failed.
        """
        self._scratch = scratch
        self._stall_seconds = stall_seconds
        self._daemon = RcloneDaemon(scratch, stall_seconds=stall_seconds)
        #: Stores with a limit have one of their own: what rclone is told of a limit holds for all
        #: that it does.
        self._limited: dict[UUID, RcloneDaemon] = {}
        self._lock = threading.Lock()
        self._allow_commands = allow_commands
        self._limits = limits

    @property
    def daemon(self) -> RcloneDaemon:
        """What knows which back ends there are."""
        return self._daemon

    async def find(self, destination: Destination) -> OpenPlace:
        """Return a destination that was set up. Raises ``DestinationRefusedError``."""
        found = await self.look_at(
            destination.type,
            destination.config,
            destination.crypt,
            UUID(destination.store_id),
            mode=destination.mode,
        )
        if found.findings.refused:
            raise DestinationRefusedError(found.findings.refused[0])
        return found

    async def look_at(
        self,
        kind: DestinationType,
        config: DestinationConfig,
        crypt: CryptConfig | None,
        store_id: UUID | None = None,
        *,
        warnings: tuple[str, ...] = (),
        mode: DestinationMode = "store",
    ) -> OpenPlace:
        """Return a place whose steps tell which of its secrets cannot be fetched.

        Only what goes through the steps may be done with it: they end before such a secret is used.
        """
        wanted = _Wanted(allow_commands=self._allow_commands)
        passwords = None
        if crypt is not None:
            second = crypt.password2_ref
            passwords = Crypt(
                password=await wanted.fetch("password", crypt.password_ref),
                password2=None if second is None else await wanted.fetch("password2", second),
            )
        secrets = {
            name: await wanted.fetch(name, reference)
            for name, reference in config.secret_options.items()
        }
        findings = Findings(
            warnings=warnings, refused=tuple(wanted.refused), secret_count=wanted.count
        )
        if kind == "local" and passwords is None and mode == "store":
            local = LocalPlace(Path(config.path))
            return OpenPlace(place=local, store_id=store_id, key=None, findings=findings)
        key = None
        if passwords is not None and store_id is not None:
            key = signing_key(passwords.password.reveal(), store_id=str(store_id))
        remote = RcloneRemote(
            backend="local" if kind == "local" else config.backend or "",
            path=config.path,
            options=config.options,
            secrets=secrets,
            crypt=passwords,
        )
        daemon = await asyncio.to_thread(self._rclone, store_id, config.limits.bytes_per_second)
        place = RclonePlace(daemon, remote, limits=self._limits)
        return OpenPlace(
            place=place, store_id=store_id, key=key, remote=remote, mode=mode, findings=findings
        )

    async def passwords(self, crypt: CryptConfig) -> tuple[Secret, Secret | None]:
        """Fetch the passwords of a destination. Raises ``DestinationRefusedError``."""
        wanted = _Wanted(allow_commands=self._allow_commands)
        first = await wanted.fetch("password", crypt.password_ref)
        second = None
        if crypt.password2_ref is not None:
            second = await wanted.fetch("password2", crypt.password2_ref)
        if wanted.refused:
            raise DestinationRefusedError(wanted.refused[0])
        return first, second

    def close(self) -> None:
        """End rclone. Blocking; safe to call twice."""
        with self._lock:
            daemons = [self._daemon, *self._limited.values()]
        for daemon in daemons:
            daemon.close()

    def _rclone(self, store_id: UUID | None, bytes_per_second: int | None) -> RcloneDaemon:
        """Return the rclone that reaches a store, which keeps to the limit from now on."""
        if store_id is None:
            return self._daemon
        with self._lock:
            limited = self._limited.get(store_id)
            if limited is None:
                if bytes_per_second is None:
                    return self._daemon
                limited = RcloneDaemon(self._scratch, stall_seconds=self._stall_seconds)
                self._limited[store_id] = limited
        # Also of what is under way there.
        limited.limit_bandwidth(upload=bytes_per_second, download=bytes_per_second)
        return limited


class _Wanted:
    """Fetches secrets, and remembers which of them there are not."""

    def __init__(self, *, allow_commands: bool) -> None:
        self._allow_commands = allow_commands
        self.refused: list[str] = []
        self.count = 0

    async def fetch(self, name: str, reference: str) -> Secret:
        self.count += 1
        try:
            return await resolve(parse_reference(reference, allow_commands=self._allow_commands))
        except SecretReferenceError as error:
            self.refused.append(f"A secret of the destination ({name}): {error}")
            # Never sent anywhere: whoever has a refusal goes no further.
            return Secret("not fetched")
