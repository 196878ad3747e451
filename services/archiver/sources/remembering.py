"""What a manifest says of how its source was set up, for whoever has nothing but the archive."""

from __future__ import annotations

from typing import Any

import msgspec

from services.archiver.format.manifest import SourceFacts
from shared.contracts.archiver import Source, SourceConfig

#: None is a secret: what ends with ``_ref`` says where one lies.
_TOLD = (
    *("udid", "path", "include", "exclude", "regenerable", "dump_hours"),
    *("dsn_ref", "container", "types", "config_files", "ssl_files"),
    *("service_url", "service_key_ref", "encryption_key_ref"),
)


def told_config(source: Source) -> dict[str, Any]:
    """Return what the manifest of an archive of *source* says of its settings."""
    config: dict[str, Any] = msgspec.to_builtins(source.config)
    return {name: config[name] for name in _TOLD if config.get(name)}


def config_of(facts: SourceFacts) -> SourceConfig:
    """Return the settings that a manifest tells; what it does not tell has to be set again."""
    told = facts.config or {
        name: value for name, value in facts.facts.items() if name in ("udid", "path")
    }
    try:
        return msgspec.convert(told, SourceConfig)
    except msgspec.ValidationError:
        return SourceConfig()
