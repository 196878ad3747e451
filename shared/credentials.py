"""Secrets in memory: what a process needs to reach the bus and the database, and how it gets it.

``keepsake up`` makes credentials afresh at every start and hands them to each child as one line of
JSON through an inherited pipe, so that none rests on disk, in an environment or in an argument
list. A service that runs alone reads a private file, or the two connection settings.
"""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, quote, unquote, urlsplit

import msgspec

#: Names the source of the credentials: ``fd:<number>`` or the path of a file only its owner reads.
CREDENTIALS_VARIABLE = "KEEPSAKE_CREDENTIALS"


class SettingsError(Exception):
    """A setting cannot be used. The message is one line that names it and never its value."""


class Secret:
    """Text that shows itself only when asked to; logs and tracebacks get asterisks."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text. Call it where the text is used, and keep no copy."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written anywhere")


class NatsCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the bus. At most one way to sign in is set; the URL holds none."""

    url: str
    nkey_seed: Secret | None = None
    user: str | None = None
    password: Secret | None = None
    token: Secret | None = None

    @classmethod
    def from_url(cls, url: str) -> NatsCredentials:
        """Take user and password, or a token, out of *url* (several servers: of the first)."""
        bare, user, password, token = [], None, None, None
        for one in url.split(","):
            parts = urlsplit(one.strip() if "://" in one else f"nats://{one.strip()}")
            if not parts.hostname:
                raise SettingsError("KEEPSAKE_NATS__URL: expected nats://host:port")
            if user is None and token is None and parts.username:
                if parts.password is None:
                    token = Secret(unquote(parts.username))
                else:
                    user, password = unquote(parts.username), Secret(unquote(parts.password))
            bare.append(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        return cls(url=",".join(bare), user=user, password=password, token=token)


class PostgresCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the database. ``host`` is a folder when the server listens on a unix socket."""

    host: str
    port: int = 5432
    database: str
    user: str
    password: Secret | None = None
    #: libpq's ``sslmode``; null leaves the driver's default.
    ssl_mode: str | None = None

    @classmethod
    def from_dsn(cls, dsn: str) -> PostgresCredentials:
        """Read a ``postgresql://`` URL; sockets are given as ``?host=/folder``."""
        try:
            parts = urlsplit(dsn)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("postgres", "postgresql"):
            raise SettingsError(
                "KEEPSAKE_POSTGRES__DSN: expected postgresql://user:password@host:port/database"
            )
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        user = unquote(parts.username) if parts.username else options.get("user", "postgres")
        password = unquote(parts.password) if parts.password else options.get("password")
        return cls(
            host=options.get("host") or unquote(parts.hostname or "") or "localhost",
            port=port or int(options.get("port", "5432")),
            database=unquote(parts.path.lstrip("/")) or user,
            user=user,
            password=None if password is None else Secret(password),
            ssl_mode=options.get("sslmode"),
        )

    def dsn(self) -> Secret:
        """Return the same as one URL."""
        login = quote(self.user, safe="")
        if self.password is not None:
            login += f":{quote(self.password.reveal(), safe='')}"
        query = f"host={quote(self.host, safe='')}&port={self.port}"
        if self.ssl_mode:
            query += f"&sslmode={self.ssl_mode}"
        return Secret(f"postgresql://{login}@/{quote(self.database, safe='')}?{query}")


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Everything secret that one process is given."""

    nats: NatsCredentials
    postgres: PostgresCredentials
    #: Only the gateway gets it.
    api_token: Secret | None = None
    #: Reads the tables of all services and writes nothing. Only the archiver gets it.
    reader: PostgresCredentials | None = None

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> Credentials:
        """Read them from where the environment says. A pipe can be read once per process.

        Raises ``SettingsError`` when there are none, or when they cannot be read.
        """
        source = environ.get(CREDENTIALS_VARIABLE)
        try:
            if source and source.startswith("fd:"):
                return cls.decode(_read_line(int(source.removeprefix("fd:"))))
            if source:
                return cls.decode(_read_private(Path(source)))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"{CREDENTIALS_VARIABLE}: cannot be read ({type(error).__name__})"
            ) from None
        nats, postgres = environ.get("KEEPSAKE_NATS__URL"), environ.get("KEEPSAKE_POSTGRES__DSN")
        if not nats or not postgres:
            raise SettingsError(
                f"set {CREDENTIALS_VARIABLE}, or both KEEPSAKE_NATS__URL and "
                "KEEPSAKE_POSTGRES__DSN (`keepsake up` does it for you)"
            )
        return cls(
            nats=NatsCredentials.from_url(nats), postgres=PostgresCredentials.from_dsn(postgres)
        )

    @classmethod
    def decode(cls, text: bytes) -> Credentials:
        """Read what ``encode`` wrote."""
        try:
            return msgspec.json.decode(text, type=cls, dec_hook=decode_plain)
        except msgspec.MsgspecError:
            # The decoder's message may quote what it read.
            raise SettingsError(f"{CREDENTIALS_VARIABLE}: not the expected JSON") from None

    def encode(self) -> bytes:
        """Return one line of JSON, secrets included: for a pipe, never for a log."""
        return msgspec.json.encode(self, enc_hook=_encode_secret) + b"\n"


def parent_pipe(environ: Mapping[str, str] = os.environ) -> int | None:
    """Return the credentials pipe's descriptor; its end of file means that the parent is gone."""
    source = environ.get(CREDENTIALS_VARIABLE, "")
    return int(source.removeprefix("fd:")) if source.startswith("fd:") else None


def decode_plain(kind: type, value: Any) -> Any:
    """Make secrets and paths out of text (a msgspec hook)."""
    if not isinstance(value, str):
        raise msgspec.ValidationError(f"Expected `str`, got `{type(value).__name__}`")
    if kind is Secret:
        return Secret(value)
    if kind is Path:
        return Path(value).expanduser()
    raise NotImplementedError(kind)


def _encode_secret(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(type(value))


def _read_line(descriptor: int) -> bytes:
    # Only up to the line's end: the pipe stays open as long as the parent lives.
    os.set_inheritable(descriptor, False)
    line = bytearray()
    while not line.endswith(b"\n") and (chunk := os.read(descriptor, 1)):
        line += chunk
    return bytes(line)


def _read_private(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise SettingsError(f"{CREDENTIALS_VARIABLE}: others may read the file (chmod 600)")
        return file.read(65536)
