"""API tokens: minting, and finding who sends one. Only hashes are kept, in memory as well."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
import msgspec

from gateway import storage
from gateway.storage import TokenRow
from shared.clock import seconds_passed
from shared.postgres import is_away
from shared.settings import Secret

Scope = Literal["read", "write", "unlock", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "unlock", "admin")

#: How long another replica may go on accepting a token that was revoked here.
_CACHE_SECONDS = 10.0
_CACHE_ENTRIES = 1024
#: Marks our tokens for secret scanners and for people who find one in a file.
_PREFIX = "keepsake_"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking, and what they may do."""

    token_id: str
    scopes: frozenset[str]
    #: Of the token; None for the bootstrap token, which ends with the gateway only.
    digest: bytes | None = None

    def __repr__(self) -> str:
        """Leave the hash out of logs and tracebacks."""
        return f"Caller(token_id={self.token_id!r})"


_BOOTSTRAP = Caller(token_id="bootstrap", scopes=frozenset(SCOPES))  # noqa: S106 -- a name


class Tokens:
    """Answers who sent a token, from a small cache or the database.

    A lookup by the SHA-256 of 256 random bits tells an attacker nothing by its timing.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        *,
        bootstrap: Secret | None,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._pool = pool
        self._bootstrap = _digest(bootstrap.reveal()) if bootstrap else None
        self._clock = clock
        # By the time that has passed: one that is set back must keep no revoked token alive.
        self._cache: OrderedDict[bytes, tuple[float, TokenRow | None]] = OrderedDict()

    async def find_caller(self, token: str) -> Caller | None:
        """Return who *token* belongs to; None when it is unknown, revoked or expired."""
        digest = _digest(token)
        if self._bootstrap is not None and hmac.compare_digest(digest, self._bootstrap):
            return _BOOTSTRAP
        row = await self._find(digest)
        if row is None:
            return None
        return Caller(token_id=row.id, scopes=frozenset(row.scopes), digest=digest)

    async def is_good(self, caller: Caller) -> bool:
        """Whether the token of *caller* is neither revoked nor expired.

        While the database is away, one that was good counts as good until it expires.
        """
        if caller.digest is None:
            return True
        try:
            return await self._find(caller.digest) is not None
        except Exception as error:
            if not is_away(error):
                raise
            cached = self._cache.get(caller.digest)
            return cached is None or self._is_current(cached[1], self._clock())

    async def _find(self, digest: bytes) -> TokenRow | None:
        now = self._clock()
        row = await self._lookup(digest)
        return row if self._is_current(row, now) else None

    @staticmethod
    def _is_current(row: TokenRow | None, now: dt.datetime) -> bool:
        return row is not None and (row.expires_at is None or row.expires_at > now)

    async def _lookup(self, digest: bytes) -> TokenRow | None:
        now = seconds_passed()
        cached = self._cache.get(digest)
        if cached is not None and cached[0] > now:
            self._cache.move_to_end(digest)
            return cached[1]
        row = await storage.find_token(self._pool, digest)
        # Unknown ones are remembered too: a program with a wrong token must not cost a query each.
        self._cache[digest] = (now + _CACHE_SECONDS, row)
        self._cache.move_to_end(digest)
        while len(self._cache) > _CACHE_ENTRIES:
            self._cache.popitem(last=False)
        return row

    async def create(
        self, *, name: str, scopes: list[Scope], ttl_seconds: int | None, created_by: str
    ) -> tuple[str, TokenRow]:
        """Mint a token. The text is returned this once and kept nowhere."""
        token = _PREFIX + secrets.token_urlsafe(32)
        expires_at = (
            None if ttl_seconds is None else self._clock() + dt.timedelta(seconds=ttl_seconds)
        )
        row = await storage.record_token(
            self._pool,
            token_id=uuid4(),
            name=name,
            scopes=sorted(set(scopes), key=SCOPES.index),
            digest=_digest(token),
            created_by=created_by,
            expires_at=expires_at,
        )
        return token, row

    async def revoke(self, token_id: UUID) -> bool:
        """Forget a token at once; False when there is none."""
        digest = await storage.remove_token(self._pool, token_id)
        if digest is None:
            return False
        self._cache.pop(digest, None)
        return True


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
