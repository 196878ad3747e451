"""Opening a destination: secrets are fetched, a transport is made, the store is recognised."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from services.archiver.destinations.patience import Limits
from services.archiver.destinations.places import LocalPlace, Place, RclonePlace
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.remotes import Crypt, RcloneRemote
from services.archiver.destinations.setting_up import Report, check_store, examine, set_up
from services.archiver.errors import DestinationRefusedError
from services.archiver.format.manifest import signing_key
from services.archiver.store.transport import Transport
from shared.contracts.archiver import CryptConfig, Destination, DestinationConfig, DestinationType
from shared.credentials import Secret
from shared.secret_references import SecretReferenceError, parse_reference, resolve


class OpenPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A destination with the secrets that it needs, in memory only."""

    place: Place
    store_id: UUID | None
    #: What manifests are signed with; None for a destination without a secret.
    key: bytes | None

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

    def set_up(self) -> Report:
        """Make a store of it, or take over the one that is there. Blocking."""
        return set_up(self.place, uuid4(), now=dt.datetime.now(dt.UTC), takes_existing=True)

    def examine(self) -> Report:
        """Go through all that must hold, with a test write. Blocking."""
        assert self.store_id is not None
        return examine(self.place, self.store_id)


class Destinations:
    """What destinations are reached with: one rclone for all, and the resolver of references."""

    def __init__(
        self, *, scratch: Path, allow_commands: bool, limits: Limits | None = None
    ) -> None:
        """Keep rclone's socket below *scratch*; references may be commands if that is allowed."""
        self._daemon = RcloneDaemon(scratch)
        self._allow_commands = allow_commands
        self._limits = limits

    async def find(self, destination: Destination) -> OpenPlace:
        """Return a destination that was set up. Raises ``DestinationRefusedError``."""
        return await self._find(
            destination.type, destination.config, destination.crypt, UUID(destination.store_id)
        )

    async def find_new(
        self, kind: DestinationType, config: DestinationConfig, crypt: CryptConfig | None
    ) -> OpenPlace:
        """Return one that is to be set up. Raises ``DestinationRefusedError``."""
        return await self._find(kind, config, crypt, None)

    def close(self) -> None:
        """End rclone. Blocking; safe to call twice."""
        self._daemon.close()

    async def _find(
        self,
        kind: DestinationType,
        config: DestinationConfig,
        crypt: CryptConfig | None,
        store_id: UUID | None,
    ) -> OpenPlace:
        passwords = None if crypt is None else await self._crypt(crypt)
        key = None
        if passwords is not None and store_id is not None:
            key = signing_key(passwords.password.reveal(), store_id=str(store_id))
        if kind == "local" and passwords is None:
            return OpenPlace(place=LocalPlace(Path(config.path)), store_id=store_id, key=None)
        remote = RcloneRemote(
            backend="local" if kind == "local" else config.backend or "",
            path=config.path,
            options=config.options,
            secrets={
                name: await self._secret(reference)
                for name, reference in config.secret_options.items()
            },
            crypt=passwords,
        )
        place = RclonePlace(self._daemon, remote, limits=self._limits)
        return OpenPlace(place=place, store_id=store_id, key=key)

    async def _crypt(self, config: CryptConfig) -> Crypt:
        second = config.password2_ref
        return Crypt(
            password=await self._secret(config.password_ref),
            password2=None if second is None else await self._secret(second),
        )

    async def _secret(self, reference: str) -> Secret:
        try:
            parsed = parse_reference(reference, allow_commands=self._allow_commands)
            return await resolve(parsed)
        except SecretReferenceError as error:
            raise DestinationRefusedError(f"A secret of the destination: {error}") from None
