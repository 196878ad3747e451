"""All SQL of the gateway: API tokens and the audit rows."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from shared.contracts.problems import bad_request

#: How exact ``last_used_at`` is; not every request writes a row.
_USED_AT_RESOLUTION = dt.timedelta(minutes=1)


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """A token as others may see it."""

    id: str
    name: str
    scopes: list[str]
    created_at: dt.datetime
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None


_COLUMNS = "id, name, scopes, created_at, expires_at, last_used_at"


async def record_token(
    pool: asyncpg.Pool[Any],
    *,
    token_id: UUID,
    name: str,
    scopes: list[str],
    digest: bytes,
    created_by: str,
    expires_at: dt.datetime | None,
) -> TokenRow:
    """Keep a new token's hash."""
    row = await pool.fetchrow(
        f"""
        insert into api_token (id, name, scopes, digest, created_by, expires_at)
        values ($1, $2, $3, $4, $5, $6)
        returning {_COLUMNS}
        """,  # noqa: S608 -- constant column names
        token_id,
        name,
        scopes,
        digest,
        created_by,
        expires_at,
    )
    assert row is not None
    return _token(row)


async def find_token(pool: asyncpg.Pool[Any], digest: bytes) -> TokenRow | None:
    """Return the token with that hash, used up or not, and note now and then that it is in use."""
    row = await pool.fetchrow(
        f"select {_COLUMNS} from api_token where digest = $1",  # noqa: S608 -- constant columns
        digest,
    )
    if row is None:
        return None
    await pool.execute(
        """
        update api_token set last_used_at = now()
        where id = $1 and (last_used_at is null or last_used_at < now() - $2::interval)
        """,
        row["id"],
        _USED_AT_RESOLUTION,
    )
    return _token(row)


async def fetch_tokens(
    pool: asyncpg.Pool[Any], *, limit: int, cursor: str | None
) -> tuple[list[TokenRow], str | None]:
    """Return a page of tokens, newest first, and the cursor behind it."""
    after: tuple[dt.datetime, UUID] | None = None
    if cursor is not None:
        try:
            at, _, token_id = cursor.partition("~")
            after = dt.datetime.fromisoformat(at), UUID(token_id)
        except ValueError:
            raise bad_request("The cursor is not one of this list.") from None
    rows = await pool.fetch(
        f"""
        select {_COLUMNS} from api_token
        where $1::timestamptz is null or (created_at, id) < ($1, $2::uuid)
        order by created_at desc, id desc limit $3
        """,  # noqa: S608 -- constant column names
        after and after[0],
        after and after[1],
        limit + 1,
    )
    tokens = [_token(row) for row in rows[:limit]]
    if len(rows) <= limit or not tokens:
        return tokens, None
    return tokens, f"{tokens[-1].created_at.isoformat()}~{tokens[-1].id}"


async def remove_token(pool: asyncpg.Pool[Any], token_id: UUID) -> bytes | None:
    """Forget a token and return its hash; None when there was none."""
    digest = await pool.fetchval("delete from api_token where id = $1 returning digest", token_id)
    return bytes(digest) if digest is not None else None


async def record_audit(pool: asyncpg.Pool[Any], *, actor: str, action: str, subject: str) -> None:
    """Write down who did what to which thing. Identifiers only, never content."""
    await pool.execute(
        "insert into audit (actor, action, subject) values ($1, $2, $3)", actor, action, subject
    )


def _token(row: asyncpg.Record) -> TokenRow:
    return TokenRow(
        id=str(row["id"]),
        name=row["name"],
        scopes=list(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
    )
