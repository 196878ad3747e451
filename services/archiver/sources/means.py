"""What sources are reached with, for as long as the archiver runs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from services.archiver.errors import SourceRefusedError
from shared.credentials import PostgresCredentials, Secret
from shared.secret_references import SecretReferenceError, parse_reference, resolve
from shared.settings import Settings


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """Programs, logins, settings. Secrets of sources are fetched when they are needed."""

    settings: Settings
    #: The login that may read all of Keepsake's own tables; None: whoever started us gave none.
    own_database: PostgresCredentials | None = None

    @property
    def programs(self) -> Path | None:
        """The folder of Postgres' programs that was named, if one was."""
        return self.settings.postgres.bin

    async def fetch(self, reference: str, what: str) -> Secret:
        """Fetch the secret that *what* is. Raises ``SourceRefusedError``."""
        allowed = self.settings.archiver.reference_commands
        try:
            return await resolve(parse_reference(reference, allow_commands=allowed))
        except SecretReferenceError as error:
            raise SourceRefusedError(f"The secret with {what}: {error}") from None
