"""The bearer secret of a session: ``<session id>.<256 random bits>``; only its hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets

import msgspec

from shared.contracts.identifiers import SessionId


class MintedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh token with the hash that stands for it from now on."""

    token: str
    digest: bytes

    def __repr__(self) -> str:
        """Leave the token out of logs and tracebacks."""
        return "MintedToken(…)"


def mint(session_id: SessionId) -> MintedToken:
    """Return a token for *session_id*. The session id in it lets callers find the session."""
    token = f"{session_id}.{secrets.token_urlsafe(32)}"
    return MintedToken(token=token, digest=token_digest(token))


def token_digest(token: str) -> bytes:
    """Return what is stored of *token*. It holds 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def matches(token: str, digest: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(token_digest(token), digest)
