"""Roles, schemas and extensions, declared by an administrator's connection before services start.

Each service gets a login role that owns its own schema and sees no other. Passwords are new at
every call and leave this process only as SCRAM verifiers, so no statement log can hold one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg

from shared.credentials import PostgresCredentials, Secret
from shared.postgres.pool import EXTENSION_SCHEMA, connect

#: Search uses them when they are there; both are "trusted", so the database's owner may add them.
EXTENSIONS = ("pg_trgm", "unaccent")

#: Who copies everything into an archive.
READER = "reader"

_SERVICE = re.compile(r"^[a-z][a-z0-9_]{0,30}$")
_SCRAM_ITERATIONS = 4096


class ProvisionError(Exception):
    """The administrator's connection may not do what is needed. The message is one line."""


async def provision(
    admin: PostgresCredentials, services: Iterable[str]
) -> dict[str, PostgresCredentials]:
    """Declare a role and a schema for each of *services*; return how each of them connects.

    ``READER`` is one more role, which may read all their tables and write none.

    Idempotent, and safe to run at the same time; of two runs the later passwords count. Roles are
    named after the database, so that two vaults in one server do not share any.
    """
    connection = await connect(admin)
    try:
        async with connection.transaction():
            await connection.execute(
                "select pg_advisory_xact_lock(hashtextextended($1, 0))", "provision"
            )
            await connection.execute("revoke all on schema public from public")
            granted = {}
            for service in services:
                granted[service] = await _provision_service(connection, admin, service)
            if granted:
                granted[READER] = await _provision_reader(connection, admin, granted)
            await _provision_extensions(connection, [one.user for one in granted.values()])
    except asyncpg.InsufficientPrivilegeError as error:
        raise ProvisionError(
            "the Postgres user of the DSN may not create roles and schemas in this database"
        ) from error
    finally:
        await connection.close()
    return granted


def role_name(database: str, service: str) -> str:
    """Return the login role of *service* in *database*."""
    if not _SERVICE.match(service):
        raise ValueError("a service's name is a lower-case word")
    # 63 bytes are all that Postgres keeps of a name.
    return f"{database[:30]}_{service}"


async def _provision_service(
    connection: asyncpg.Connection[Any], admin: PostgresCredentials, service: str
) -> PostgresCredentials:
    credentials = await _provision_role(connection, admin, service)
    quoted, schema = _quote(credentials.user), _quote(service)
    await connection.execute(f"create schema if not exists {schema} authorization {quoted}")
    await connection.execute(f"revoke all on schema {schema} from public")
    return credentials


async def _provision_role(
    connection: asyncpg.Connection[Any], admin: PostgresCredentials, name: str
) -> PostgresCredentials:
    role = role_name(admin.database, name)
    quoted, database = _quote(role), _quote(admin.database)
    password = secrets.token_urlsafe(32)
    if not await connection.fetchval(
        "select exists (select from pg_roles where rolname = $1)", role
    ):
        await connection.execute(f"create role {quoted}")
        # A role that is no superuser may give a schema only to a role that it is a member of.
        if not await connection.fetchval(
            "select rolsuper from pg_roles where rolname = current_user"
        ):
            await connection.execute(f"grant {quoted} to current_user")
    await connection.execute(
        f"alter role {quoted} login noinherit nocreatedb nocreaterole "
        f"password '{scram_verifier(password)}'"
    )
    await connection.execute(f"grant connect, temporary on database {database} to {quoted}")
    return PostgresCredentials(
        host=admin.host,
        port=admin.port,
        database=admin.database,
        user=role,
        password=Secret(password),
        ssl_mode=admin.ssl_mode,
    )


async def _provision_reader(
    connection: asyncpg.Connection[Any],
    admin: PostgresCredentials,
    services: Mapping[str, PostgresCredentials],
) -> PostgresCredentials:
    """Declare the role that reads everything; also what services will make only afterwards."""
    credentials = await _provision_role(connection, admin, READER)
    reader = _quote(credentials.user)
    for service, owner in services.items():
        schema = _quote(service)
        await connection.execute(f"grant usage on schema {schema} to {reader}")
        for things in ("tables", "sequences"):
            await connection.execute(f"grant select on all {things} in schema {schema} to {reader}")
            await connection.execute(
                f"alter default privileges for role {_quote(owner.user)} in schema {schema}"
                f" grant select on {things} to {reader}"
            )
    return credentials


async def _provision_extensions(connection: asyncpg.Connection[Any], roles: list[str]) -> None:
    await connection.execute(f"create schema if not exists {EXTENSION_SCHEMA}")
    schemas = {EXTENSION_SCHEMA}
    for extension in EXTENSIONS:
        try:
            async with connection.transaction():
                await connection.execute(
                    f"create extension if not exists {extension} schema {EXTENSION_SCHEMA}"
                )
        except (asyncpg.PostgresError, asyncpg.InternalClientError):
            # Not among the files of a slim build, or not allowed: search has another way.
            continue
        schemas.add(
            await connection.fetchval(
                "select nspname from pg_extension join pg_namespace n on n.oid = extnamespace"
                " where extname = $1",
                extension,
            )
        )
    for schema in schemas:
        for role in roles:
            await connection.execute(f"grant usage on schema {_quote(schema)} to {_quote(role)}")


def scram_verifier(password: str) -> str:
    """Return what Postgres stores for *password* (RFC 5803), which needs no quoting."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (
        base64.b64encode(part).decode() for part in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{salt64}${stored64}:{server64}"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
