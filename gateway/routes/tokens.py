"""API tokens. The token itself is in the answer to its creation and nowhere else, ever."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import JSONBody

from gateway import storage
from gateway.authentication import needs
from gateway.parameters import PROBLEMS, Cursor, Limit, UuidPath
from gateway.parts import GivenParts
from gateway.storage import TokenRow
from gateway.tokens import Caller, Scope
from shared.contracts.problems import bad_request, not_found
from shared.contracts.requests import DEFAULT_LIMIT, Done, Page


class NewToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name for people, what it may do, and for how long (null: until revoked)."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1, max_length=4)] = msgspec.field(
        default_factory=lambda: ["read"]
    )
    ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=315_360_000)] | None = None


class CreatedToken(TokenRow, frozen=True, kw_only=True):
    """A fresh token with its text."""

    token: str

    def __repr__(self) -> str:
        """Leave the token out of logs and tracebacks."""
        return f"CreatedToken(id={self.id!r})"


@get("/api/tokens", opt=needs("admin"), responses=PROBLEMS, tags=["tokens"])
async def list_tokens(
    *,
    parts: GivenParts,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[TokenRow]:
    """List tokens, newest first; never their text."""
    items, next_cursor = await storage.fetch_tokens(parts.pool, limit=limit, cursor=cursor)
    return Page(items=items, next_cursor=next_cursor)


@post(
    "/api/tokens",
    status_code=201,
    opt=needs("admin"),
    responses=PROBLEMS,
    tags=["tokens"],
)
async def create_token(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    data: JSONBody[NewToken],
) -> Response[CreatedToken]:
    """Make a token."""
    if not data.name.isprintable():
        raise bad_request("The name holds a character that is not printable.", parameter="name")
    text, row = await parts.tokens.create(
        name=data.name,
        scopes=data.scopes,
        ttl_seconds=data.ttl_seconds,
        created_by=request.user.token_id,
    )
    await parts.audit.record(request.user, "create", f"token {row.id}")
    return Response(CreatedToken(token=text, **msgspec.structs.asdict(row)))


@delete(
    "/api/tokens/{token_id:str}",
    status_code=200,
    opt=needs("admin"),
    responses=PROBLEMS,
    tags=["tokens"],
)
async def revoke_token(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    token_id: UuidPath,
) -> Done:
    """Revoke a token at once."""
    await parts.audit.record(request.user, "revoke", f"token {token_id}")
    if not await parts.tokens.revoke(UUID(token_id)):
        raise not_found("token")
    return Done()


HANDLERS = (list_tokens, create_token, revoke_token)
