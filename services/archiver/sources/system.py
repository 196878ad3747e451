"""Keepsake itself as a source: all of its tables, its settings, and how to get them back.

Each service may see its own tables only, so they are read with a login of their own kind, which may
read everything and write nothing. No secret goes into the archive: destinations and sources hold
references, and settings that are secrets are left out and named.
"""

from __future__ import annotations

import json
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import msgspec

from services.archiver.errors import SourceError
from services.archiver.format.bundle import BundleFile
from services.archiver.sources.databases.access import Access, connected, of_credentials
from services.archiver.sources.databases.gathering import put_together, read_database
from services.archiver.sources.gathered import Around, Gathered
from services.archiver.sources.item import Item
from services.archiver.sources.means import Means
from shared.contracts.archiver import Source
from shared.contracts.topology import SERVICES
from shared.credentials import Secret
from shared.settings import Settings

#: Each service's own.
OWN_SCHEMAS = SERVICES
_DESTINATIONS = (
    "select id::text, name, type, config, crypt, store_id::text, created_at::text"
    " from archiver.destination where removed_at is null order by name"
)
_SOURCES = (
    "select id::text, name, type, preset, config, priority, created_at::text"
    " from archiver.source where removed_at is null order by name"
)


def own_access(means: Means) -> Access:
    """Return the login that may read all of Keepsake's tables. Raises ``SourceError``."""
    if means.own_database is None:
        raise SourceError(
            "Whoever started the archiver gave it no login that may read all of Keepsake's tables."
        )
    return of_credentials(means.own_database)


@asynccontextmanager
async def gather_system(_source: Source, around: Around) -> AsyncIterator[Gathered]:
    """Give Keepsake's own database and what it takes to rebuild it on a bare machine."""
    access = own_access(around.means)
    async with connected(access) as connection:
        destinations = [_row(row) for row in await connection.fetch(_DESTINATIONS)]
        sources = [_row(row) for row in await connection.fetch(_SOURCES)]
    read = await read_database(access, around, dumps=True, schemas=OWN_SCHEMAS)
    assert read.measured is not None
    assert read.program is not None
    settings = around.means.settings
    versions = {
        "keepsake": version("keepsake"),
        "python": platform.python_version(),
        "postgres": read.measured.server_version,
        "pg_dump": read.program.version,
    }
    found = put_together(
        read,
        kind="system",
        types=["postgres_full"],
        files=[
            BundleFile(path="README.md", content=_readme(versions, access.database).encode()),
            BundleFile(path="config/keepsake.toml", content=_settings_file(settings).encode()),
            BundleFile(path="metadata/destinations.json", content=_json(destinations)),
            BundleFile(path="metadata/sources.json", content=_json(sources)),
            BundleFile(path="metadata/versions.json", content=_json(versions)),
        ],
    )
    yield msgspec.structs.replace(
        found,
        facts=found.facts | {"versions": versions},
        items=[
            *found.items,
            *(
                Item(kind=kind, key=row["id"], name=row["name"], facts={"type": row["type"]})
                for kind, rows in (("destination", destinations), ("source", sources))
                for row in rows
            ),
        ],
    )


def _row(row: Any) -> dict[str, Any]:
    found = dict(row)
    for name in ("config", "crypt"):
        if isinstance(found.get(name), str):
            found[name] = json.loads(found[name])
    return found


def _settings_file(settings: Settings) -> str:
    """Return a ``keepsake.toml`` of what somebody set, with the secrets left out and named."""
    top: list[str] = []
    sections: dict[str, list[str]] = {}
    left_out: list[str] = []
    for dotted in sorted(settings.explicit):
        section, _, name = dotted.partition(".")
        value = getattr(settings, section, None)
        if name:
            value = getattr(value, name, None)
        if dotted == "scratch_dir":
            # A folder below the one that was named.
            value = settings.scratch_dir.parent
        if isinstance(value, Secret):
            left_out.append(dotted)
        elif value is not None:
            line = f"{name or section} = {_toml(value)}"
            (sections.setdefault(section, []) if name else top).append(line)
    lines = ["# What was set where this archive was made. Secrets are not in it."]
    lines += [f"# Left out, because it is secret: {dotted}" for dotted in left_out]
    lines += top
    for section, content in sections.items():
        lines += ["", f"[{section}]", *content]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    # Text, numbers, truth and lists of text stand in TOML as in JSON.
    if isinstance(value, bool | int | float | str):
        return json.dumps(value)
    if isinstance(value, list):
        return "[" + ", ".join(json.dumps(str(one)) for one in value) + "]"
    return json.dumps(str(value))


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _readme(versions: dict[str, str], database: str) -> str:
    major = versions["postgres"].split(".")[0].split()[0]
    member = f"databases/{database}.dump"
    return f"""# Keepsake, as it was

This archive holds everything that Keepsake {versions["keepsake"]} knew: its catalogue of archives,
sources, destinations, the history of your phones, and its settings. It holds no backups, no photos
and no passwords. Those lie in your destinations, and wherever you keep your secrets.

What you need on the new machine:

- Python 3.11 or newer and Keepsake {versions["keepsake"]} or newer.
- Postgres {major} or newer, with its program `pg_restore`.
- The secrets that `metadata/destinations.json` and `metadata/sources.json` refer to (`..._ref`,
  `secret_options`): put them to the same places, or change the references afterwards.

What to do:

1. Get these files out of the bundle: `sh restore.sh --store STORE --archive NAME restore FOLDER`,
   and see `requirements.txt` for the two programs that it needs.
2. Copy `config/keepsake.toml` into Keepsake's data folder. Its first lines say which settings were
   left out because they are secret.
3. Start Keepsake. That makes its database and its logins.
4. While it runs, empty its schemas and fill them from the dump. `$ADMIN` is the address of its
   database as the user who owns it. That is `KEEPSAKE_POSTGRES__DSN`, or, with the Postgres that
   Keepsake starts itself, `postgresql://keepsake_admin@/{database}?host=FOLDER`, used by whoever
   started Keepsake; FOLDER holds a socket called `.s.PGSQL.5432` and is below `run` in the data
   folder, or below `/tmp/keepsake-...`. The database has to be called `{database}` as before,
   because logins are named after it.

       psql "$ADMIN" -c 'drop schema {", ".join(OWN_SCHEMAS)} cascade'
       pg_restore --exit-on-error -d "$ADMIN" {member}

5. Stop Keepsake and start it again. It brings the tables to its own version if it is newer, and
   every destination is looked at with the next archive.

Without Keepsake you can still get every single archive back: see `restore.sh` in its bundle.
"""
