"""What may be said of a source, by its type. Called when one is set up or changed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec

from services.archiver.sources.matching import takes
from shared.contracts.archiver import Preset, SourceConfig, SourceType
from shared.contracts.problems import bad_request
from shared.secret_references import SecretReferenceError, parse_reference

#: Which type of source each preset is for.
_PRESETS: dict[Preset, SourceType] = {"immich": "directory", "n8n": "postgres"}
#: As Docker takes names; none begins like an option.
_CONTAINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_FILES = frozenset({"config_files", "ssl_files"})
_FIELDS: dict[tuple[SourceType, Preset | None], frozenset[str]] = {
    ("device_backup", None): frozenset({"udid"}),
    ("directory", None): frozenset({"path", "include", "exclude"}),
    ("directory", "immich"): frozenset({"path", "include", "exclude", "regenerable", "dump_hours"}),
    ("postgres", None): frozenset({"dsn_ref", "container", "types"}) | _FILES,
    ("postgres", "n8n"): frozenset(
        {"dsn_ref", "container", "types", "service_url", "service_key_ref", "encryption_key_ref"}
    )
    | _FILES,
    ("system", None): frozenset(),
}


def check_config(kind: SourceType, preset: Preset | None, config: SourceConfig) -> None:
    """Refuse with a bad request what cannot be a source."""
    if preset is not None and _PRESETS[preset] != kind:
        raise bad_request(f"The preset {preset} is one of another type: {_PRESETS[preset]}.")
    # What was left out is not among them.
    given = set(msgspec.to_builtins(config))
    fields = _FIELDS[kind, preset]
    if strange := sorted(given - fields):
        whose = f"{kind} with the preset {preset}" if preset else kind
        raise bad_request(f"{strange[0]} does not belong to a source of type {whose}.")
    match kind:
        case "device_backup":
            if config.udid is None:
                raise bad_request("A device_backup has a udid.")
        case "directory":
            _check_directory(config)
        case "postgres":
            _check_database(preset, config)


def _check_directory(config: SourceConfig) -> None:
    if config.path is None or not config.path.startswith("/"):
        raise bad_request("A directory has an absolute path.")
    try:
        takes(include=config.include, exclude=config.exclude)
    except ValueError:
        raise bad_request("A pattern is empty.") from None


def _check_database(preset: Preset | None, config: SourceConfig) -> None:
    types = set(config.types)
    if preset is None and types - {"postgres_full"}:
        raise bad_request("Only a source with the preset n8n has types but postgres_full.")
    if config.dsn_ref is None and (not types or types - {"n8n_config"}):
        raise bad_request(
            "A database has a dsn_ref: where its address postgresql://user:password@host/name is"
            " kept, such as file:/etc/keepsake/database."
        )
    if config.container is not None and not _CONTAINER.fullmatch(config.container):
        raise bad_request("container is the name or the id of a container.")
    if not all(path.startswith("/") for path in (*config.config_files, *config.ssl_files)):
        raise bad_request("config_files and ssl_files are absolute paths.")
    if config.service_url is not None:
        parts = urlsplit(config.service_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.password:
            raise bad_request("service_url is http://… or https://…, without a password.")
    for name in ("dsn_ref", "service_key_ref", "encryption_key_ref"):
        reference = getattr(config, name)
        if reference is None:
            continue
        try:
            # Whether commands are allowed is asked when it is fetched.
            parse_reference(reference, allow_commands=True)
        except SecretReferenceError as error:
            raise bad_request(f"{name}: {error}") from None
