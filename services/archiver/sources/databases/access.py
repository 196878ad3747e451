"""Reaching a database: its address and login, which are a secret as a whole.

asyncpg is given them in memory. Programs of Postgres are given the address in a service file and
the password in a password file, both private: what stands in arguments or in the environment can
be seen by others.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import asyncpg
import msgspec

from services.archiver.errors import (
    SourceAwayError,
    SourceChangedError,
    SourceError,
    SourceMissingError,
    SourceRefusedError,
)
from shared.credentials import PostgresCredentials, Secret

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[Any]

SERVICE = "keepsake"
_SERVICE_FILE = "pg_service.conf"
_PASSWORD_FILE = "pgpass"  # noqa: S105 -- a file's name
#: What a URL may say besides, and both drivers understand.
_OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey")
_CONNECT_SECONDS = 15.0
#: How long a lock of somebody else is waited for, as a person who changes tables holds it.
LOCK_SECONDS = 60
#: A server that waits for a lock does not notice that whoever asked is gone, unless it is told to
#: look: a dump that was ended would be in the way of those who change tables.
_WATCH = "client_connection_check_interval"
_WATCH_MS = 1000
_WATCHES = 14
#: What makes text of a value the same on every server, whatever is set for the role or database.
_PINNED = {
    "application_name": "keepsake archiver",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    # Rows that a policy hides would be missing without a word.
    "row_security": "off",
    "search_path": "pg_catalog",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": f"{LOCK_SECONDS}s",
}


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How one database is reached."""

    host: str
    port: int
    database: str
    user: str
    password: Secret | None
    options: dict[str, str]

    def __repr__(self) -> str:
        """Leave everything out of logs and tracebacks."""
        return "Access(…)"

    def write_files(self, folder: Path, *, server_major: int) -> dict[str, str]:
        """Write what libpq reads below *folder*, which is private; return the variables for it."""
        service, password = folder / _SERVICE_FILE, folder / _PASSWORD_FILE
        address = {"host": self.host, "port": str(self.port), **self.options}
        _write(service, self._service(address, server_major=server_major))
        _write(password, self._password())
        return {"PGSERVICEFILE": str(service), "PGPASSFILE": str(password)}

    def write_for_inside(self, folder: Path, *, server_major: int, session: str) -> Path:
        """Write both into one file, with ``--`` between, for a program beside the server.

        It reaches the server by its socket. *session* is what it calls itself there.
        """
        login = folder / "login"
        service = self._service({"application_name": session}, server_major=server_major)
        _write(login, f"{service}--\n{self._password()}")
        return login

    def _service(self, address: dict[str, str], *, server_major: int) -> str:
        lines = {
            "dbname": self.database,
            "user": self.user,
            "connect_timeout": str(round(_CONNECT_SECONDS)),
            **address,
        }
        if server_major >= _WATCHES:
            lines["options"] = f"-c {_WATCH}={_WATCH_MS}"
        return f"[{SERVICE}]\n" + "".join(f"{name}={lines[name]}\n" for name in lines)

    def _password(self) -> str:
        secret = "" if self.password is None else self.password.reveal()
        for escaped in ("\\", ":"):
            secret = secret.replace(escaped, "\\" + escaped)
        return f"*:*:*:*:{secret}\n" if secret else ""


def of_credentials(credentials: PostgresCredentials) -> Access:
    """Return the same for a login that we were handed."""
    return Access(
        host=credentials.host,
        port=credentials.port,
        database=credentials.database,
        user=credentials.user,
        password=credentials.password,
        options={} if credentials.ssl_mode is None else {"sslmode": credentials.ssl_mode},
    )


def read_dsn(dsn: Secret) -> Access:
    """Take a ``postgresql://`` URL apart. Raises ``SourceError``, which repeats nothing of it."""
    try:
        parts = urlsplit(dsn.reveal())
        port = parts.port
        query = dict(
            parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        )
        name, password = unquote(parts.username or ""), parts.password
    except ValueError:
        raise _unreadable() from None
    if parts.scheme not in ("postgres", "postgresql") or parts.fragment:
        raise _unreadable()
    user = name or query.pop("user", "postgres")
    secret = query.pop("password", None) if password is None else unquote(password)
    path = unquote(parts.path.lstrip("/")) or query.pop("dbname", "") or user
    host = query.pop("host", "") or unquote(parts.hostname or "") or "localhost"
    said_port = query.pop("port", "5432")
    query.pop("connect_timeout", None)
    if unknown := sorted(set(query) - set(_OPTIONS)):
        raise SourceError(
            "The database's address has an option that is not supported; these are: "
            f"{', '.join(_OPTIONS)} ({len(unknown)} others)."
        )
    if not said_port.isdigit() or not all(
        one.isprintable() for one in (host, path, user, secret or "", *query.values())
    ):
        raise _unreadable()
    return Access(
        host=host,
        port=port or int(said_port),
        database=path,
        user=user,
        password=None if secret is None else Secret(secret),
        options=query,
    )


@asynccontextmanager
async def connected(access: Access) -> AsyncIterator[Connection]:
    """Connect, with a session in which values have one form. Errors are ``SourceError``."""
    with_options = {"host": access.host, "port": str(access.port), **access.options}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in with_options.items())
    with database_errors_as_ours():
        connection: Connection = await asyncpg.connect(
            f"postgresql:///?{query}",
            user=access.user,
            database=access.database,
            password=None if access.password is None else access.password.reveal(),
            # None of whoever runs the archiver: what is not in the address is not used.
            passfile="/nonexistent",
            timeout=_CONNECT_SECONDS,
            server_settings=_PINNED,
        )
    try:
        with database_errors_as_ours():
            if connection.get_server_version().major >= _WATCHES:
                await connection.execute(f"set {_WATCH} = {_WATCH_MS}")
            yield connection
    finally:
        connection.terminate()


class database_errors_as_ours:  # noqa: N801 -- read as a statement
    """Turns what a server or a driver says into a sentence of ours: theirs may hold anything."""

    def __enter__(self) -> None:
        """Nothing is needed."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise ours in its place."""
        if isinstance(error, _DATABASE):
            raise _as_ours(error) from None


_DATABASE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
_REFUSED = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
_BUSY = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.SerializationError,
)


def _as_ours(error: BaseException) -> SourceError:
    if isinstance(error, _REFUSED):
        return SourceRefusedError("The database does not accept the login.")
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return SourceMissingError("There is no database of that name.")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return may_not_read()
    if isinstance(error, _BUSY):
        return changing()
    if isinstance(error, _AWAY):
        return away()
    return SourceError(f"The database cannot be read ({type(error).__name__}).")


def away() -> SourceAwayError:
    """Return what is raised when the server does not answer, or answers no more."""
    return SourceAwayError("The database's server does not answer.")


def changing() -> SourceChangedError:
    """Return what is raised when somebody changes tables meanwhile."""
    return SourceChangedError("Somebody changes the database's tables.")


def may_not_read() -> SourceRefusedError:
    """Return what is raised when the login may not read all there is."""
    return SourceRefusedError("The login may not read all of the database.")


def _unreadable() -> SourceError:
    return SourceError(
        "The database's address is not one: it looks like"
        " postgresql://user:password@host:5432/database."
    )


def _write(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
