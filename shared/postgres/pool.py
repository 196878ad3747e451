"""Connections to a service's own schema, with ``jsonb`` as plain values.

Everything goes through ``connect_arguments``, so that a pool, a listener and a lock see the same
schema and carry the same name in ``pg_stat_activity``.
"""

from __future__ import annotations

from typing import Any, TypedDict

import asyncpg
import msgspec

from shared.credentials import PostgresCredentials

#: Where provisioning puts pg_trgm and unaccent.
EXTENSION_SCHEMA = "extensions"

#: The one version that jsonb's wire format has.
_JSONB_VERSION = b"\x01"


class ConnectArguments(TypedDict):
    """What asyncpg is called with."""

    host: str
    port: int
    user: str
    database: str
    password: str | None
    ssl: Any
    timeout: float
    server_settings: dict[str, str]


def connect_arguments(
    credentials: PostgresCredentials, *, schema: str | None = None
) -> ConnectArguments:
    """Return keyword arguments for asyncpg; the password leaves its wrapper here."""
    settings = {"application_name": f"keepsake {schema}" if schema else "keepsake"}
    if schema:
        # An extension that an administrator installed before us usually sits in public.
        settings["search_path"] = f"{schema}, {EXTENSION_SCHEMA}, public"
    return ConnectArguments(
        host=credentials.host,
        port=credentials.port,
        user=credentials.user,
        database=credentials.database,
        password=credentials.password.reveal() if credentials.password else None,
        ssl=credentials.ssl_mode,
        timeout=10.0,
        server_settings=settings,
    )


async def connect(
    credentials: PostgresCredentials, *, schema: str | None = None
) -> asyncpg.Connection[Any]:
    """Open a connection of its own: for LISTEN, for a lock, for a long COPY."""
    arguments: Any = connect_arguments(credentials, schema=schema)
    connection: asyncpg.Connection[Any] = await asyncpg.connect(**arguments)
    await _prepare(connection)
    return connection


async def create_pool(
    credentials: PostgresCredentials, *, schema: str, max_size: int = 6
) -> asyncpg.Pool[Any]:
    """Open a pool on *schema*. It keeps one idle connection and outlives server restarts."""
    arguments: Any = connect_arguments(credentials, schema=schema)
    pool: asyncpg.Pool[Any] = await asyncpg.create_pool(
        **arguments,
        min_size=1,
        max_size=max_size,
        max_inactive_connection_lifetime=60.0,
        # As long as the connection: planning a statement over many tables takes longer than most
        # answers, and the server plans anew by itself what has changed.
        max_cached_statement_lifetime=0,
        init=_prepare,
    )
    return pool


async def _prepare(connection: asyncpg.Connection[Any]) -> None:
    # Binary, because COPY takes no text codec.
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )


def _encode_jsonb(value: Any) -> bytes:
    return _JSONB_VERSION + msgspec.json.encode(value)


def _decode_jsonb(value: bytes) -> Any:
    return msgspec.json.decode(memoryview(value)[1:])
