"""The one settings loader: defaults, then ``keepsake.toml``, then ``KEEPSAKE_…`` variables.

Nesting is written with two underscores (``KEEPSAKE_HTTP__PORT``). A bad value stops the start with
one line that names the setting and never repeats what was given.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from shared.credentials import (
    Credentials,
    NatsCredentials,
    PostgresCredentials,
    Secret,
    SettingsError,
    decode_plain,
)

__all__ = [
    "Credentials",
    "NatsCredentials",
    "PostgresCredentials",
    "Secret",
    "Settings",
    "SettingsError",
    "default_data_dir",
]

PREFIX = "KEEPSAKE_"
FILE_NAME = "keepsake.toml"

Port = Annotated[int, Meta(ge=1, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
#: ``HH:MM``, or ``off``: an empty variable counts as unset.
ClockTime = Annotated[str, Meta(pattern=r"^(off|([01][0-9]|2[0-3]):[0-5][0-9])$")]


#: What is said of a value that is text of another form.
_FORMS = {"indexer.nightly_at": "expected a time such as 03:30, or off"}


class HttpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the gateway listens."""

    host: str = "127.0.0.1"
    port: Port = 8080
    #: Names, separated by commas, that the Host header may carry besides addresses and localhost.
    allowed_hosts: str = ""


class NatsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bus. Without a URL an embedded server is started."""

    url: Secret | None = None
    #: On how many servers of a cluster each event is kept; an embedded server has one.
    replicas: Annotated[int, Meta(ge=1, le=5)] = 1


class PostgresSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The database. Without a DSN an embedded server is started, with the binaries in ``bin``."""

    dsn: Secret | None = None
    bin: Path | None = None


class SessionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Default and longest life of a session."""

    ttl_seconds: Positive = 3600


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is logged, for whom."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class MetricsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A port of its own for Prometheus; none by default."""

    port: Port | None = None


class DiscoverySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often folders are walked, and how long one must be quiet before it counts as written."""

    rescan_seconds: Positive = 900
    quiet_seconds: Annotated[float, Meta(ge=0)] = 60


class UnlockSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of deriving keys, and of guessing."""

    #: Keys derived side by side; null means one per core.
    workers: Positive | None = None
    #: Wrong passphrases that are free before waiting begins.
    free_attempts: Positive = 5
    longest_wait_seconds: Positive = 300
    #: Whether a passphrase reference may name a program to run, as the user who runs unlock.
    reference_commands: bool = False


class IndexerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of one parser's process, and what numbers without a country code mean."""

    #: Address space; a phone of 300,000 messages takes 80 MiB of it.
    worker_memory_bytes: Positive = 512 << 20
    worker_cpu_seconds: Positive = 7200
    #: Two letters such as ``DE``; null leaves national numbers as they are.
    region: str | None = None
    #: When all backups are held against the rules every night, by the machine's clock.
    nightly_at: ClockTime = "03:30"


class ExportSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long exports are kept, how many and how large, and the bounds of their process."""

    #: Null means as long as a session lives.
    ttl_seconds: Positive | None = None
    most: Positive = 10
    #: Of all exports together.
    most_bytes: Positive = 100 << 30
    #: What is left free on the disk that they share with the database.
    spare_bytes: Annotated[int, Meta(ge=0)] = 512 << 20
    worker_memory_bytes: Positive = 1 << 30
    worker_cpu_seconds: Positive = 6 * 3600


class ArchiverSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How patient archives are with a destination, or a source, that is not ready for them."""

    #: How often a run is tried before its job is said to be interrupted.
    tries: Annotated[int, Meta(ge=1, le=9)] = 4
    #: Before the second try; twice as long before each further one.
    retry_seconds: Annotated[float, Meta(ge=0)] = 5.0
    #: A job that nobody has said anything of for so long is one that nobody works on: it goes on
    #: by itself, or is interrupted and waits for the next request.
    stale_seconds: Annotated[float, Meta(gt=0)] = 60.0
    resume: bool = True
    #: A log per job, of which so many are kept; or one for each source and destination, of their
    #: last job; or none. Names of files are people's content, and told only if that is wanted.
    logs: Literal["rotate", "overwrite", "off"] = "rotate"
    logs_kept: Positive = 100
    log_paths: bool = False
    #: Of one call to a destination: how often it is tried, with growing pauses that begin with so
    #: much; and how long a server may say nothing in the middle of one.
    call_tries: Annotated[int, Meta(ge=1, le=20)] = 5
    call_pause_seconds: Annotated[float, Meta(gt=0)] = 1.0
    stall_seconds: Positive = 60
    #: How long an archive can still be kept after its deletion was asked for, and how long what no
    #: archive needs any more stays after that.
    grace_seconds: Annotated[float, Meta(ge=0)] = 86_400.0
    #: How bundles are compressed: ``gz`` where archives are to be opened without zstd.
    bundle_compression: Literal["zst", "gz"] = "zst"
    #: Whether a reference of a destination may name a program to run, as who runs the archiver.
    reference_commands: bool = False
    #: The share of a mirror's files that a run may remove unless it is allowed to remove any.
    mirror_loss: Annotated[float, Meta(ge=0, le=1)] = 0.25


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting, complete: paths are absolute, defaults filled in."""

    data_dir: Path
    #: Where backups are looked for; read-only for Keepsake.
    backup_paths: list[Path]
    #: Plaintext that must be a file goes below it; ours alone, and emptied at start.
    scratch_dir: Path
    http: HttpSettings = HttpSettings()
    api_token: Secret | None = None
    nats: NatsSettings = NatsSettings()
    postgres: PostgresSettings = PostgresSettings()
    session: SessionSettings = SessionSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    unlock: UnlockSettings = UnlockSettings()
    indexer: IndexerSettings = IndexerSettings()
    exports: ExportSettings = ExportSettings()
    archiver: ArchiverSettings = ArchiverSettings()
    #: Dotted names that somebody set, in contrast to defaults.
    explicit: frozenset[str] = frozenset()

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read variables and files. Raises ``SettingsError`` with one line."""
        given = _from_environment(environ)
        origin = dict.fromkeys(_names(given), "")
        given, origin = _under(given, origin, Path.cwd() / FILE_NAME)
        data_dir = given.get("data_dir") or str(default_data_dir(environ))
        if not isinstance(data_dir, str):
            raise SettingsError("data_dir: expected text")
        given["data_dir"] = str(Path(data_dir).expanduser().absolute())
        given, origin = _under(given, origin, Path(given["data_dir"]) / FILE_NAME)
        given["backup_paths"] = _backup_paths(given.get("backup_paths"), environ)
        given["scratch_dir"] = _scratch_dir(given.get("scratch_dir"), given["data_dir"], environ)
        if given.get("explicit"):
            raise SettingsError("explicit: there is no such setting")
        given["explicit"] = sorted(origin)
        try:
            return msgspec.convert(given, cls, strict=False, dec_hook=decode_plain)
        except msgspec.ValidationError as error:
            raise SettingsError(_describe(str(error), origin)) from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Variables of sections that exist; an empty one counts as unset, as Compose files write it.

    Other names with the prefix belong to the command line, to tests, or to Kubernetes, which sets
    ``KEEPSAKE_<SERVICE>_PORT`` by itself: they are ignored.
    """
    known = set(Settings.__struct_fields__) - {"explicit"}
    given: dict[str, Any] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or not value:
            continue
        section, _, name = variable.removeprefix(PREFIX).lower().partition("__")
        if section not in known:
            continue
        if name:
            given.setdefault(section, {})[name] = value
        else:
            given[section] = value
    return given


def _under(
    given: dict[str, Any], origin: dict[str, str], path: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """Put the file's values under those *given* already, and remember what came from it."""
    try:
        below = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return given, origin
    except (OSError, ValueError) as error:
        # The parser's own message may quote a line of the file.
        raise SettingsError(f"{path}: cannot be read ({type(error).__name__})") from None
    merged: dict[str, Any] = dict(below)
    for name, value in given.items():
        under = merged.get(name)
        merged[name] = (
            {**under, **value} if isinstance(value, dict) and isinstance(under, dict) else value
        )
    from_file = dict.fromkeys(_names(below), f" in {path}")
    return merged, {**from_file, **origin}


def _names(given: Mapping[str, Any]) -> list[str]:
    return [
        f"{section}.{name}" if name else section
        for section, value in given.items()
        for name in (value if isinstance(value, dict) else ("",))
    ]


def _describe(message: str, origin: Mapping[str, str]) -> str:
    """Turn msgspec's message into one that names the variable or the file's key."""
    what, _, where = message.partition(" - at ")
    name = where.strip("`").removeprefix("$.").removeprefix("$")
    name = re.sub(r"\[.*\]$", "", name)
    if unknown := re.search(r"unknown field `(.*)`", what):
        name = f"{name}.{unknown[1]}" if name else unknown[1]
        what = "there is no such setting"
    if what.startswith("Invalid enum value"):
        what = "not one of the values that it may have"
    if "matching regex" in what:
        what = _FORMS.get(name, "not of the form that it must have")
    # A section that does not exist is known by the names inside it.
    where = next((at for one, at in origin.items() if f"{one}.".startswith(f"{name}.")), "")
    shown = f"{name}{where}" if where else PREFIX + name.upper().replace(".", "__")
    return f"{shown}: {what[0].lower()}{what[1:]}".replace("`", "")


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where a vault lies that nobody named a folder for."""
    share = environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(share) / "keepsake"


def _backup_paths(value: Any, environ: Mapping[str, str]) -> list[str]:
    if value is None:
        home = Path(environ.get("HOME") or Path.home())
        candidates = [
            home / "Library" / "Application Support" / "MobileSync" / "Backup",
            home / "Apple" / "MobileSync" / "Backup",
            home / "AppData" / "Roaming" / "Apple Computer" / "MobileSync" / "Backup",
        ]
        return [str(path) for path in candidates if path.is_dir()]
    paths = value.split(os.pathsep) if isinstance(value, str) else value
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise SettingsError("KEEPSAKE_BACKUP_PATHS: expected folders separated by colons")
    return [str(Path(path).expanduser().absolute()) for path in paths if path]


def _scratch_dir(value: Any, data_dir: str, environ: Mapping[str, str]) -> str:
    """A folder of this vault alone, so that emptying it can never hit somebody else's files."""
    name = f"keepsake-{os.getuid()}-{hashlib.sha256(data_dir.encode()).hexdigest()[:12]}"
    if value is not None:
        return str(Path(str(value)).expanduser().absolute() / name)
    for base in (environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):  # noqa: S108 -- 0700, owner checked
        if base and os.access(base, os.W_OK):
            return str(Path(base) / name)
    return str(Path(data_dir) / "scratch")
