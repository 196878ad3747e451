"""Using the ``pg_dump`` of a container: it is of its server's version, whatever is installed here.

The container is reached with the program ``docker``. Address and password go in through its
standard input, into files that only its user reads and that go when it ends.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from services.archiver.errors import SourceAwayError, SourceError, SourceMissingError
from services.archiver.sources.databases.programs import Program

#: What ``docker`` finds its engine with.
ENGINE = ("DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_CONTEXT")
_SECONDS = 60.0
_SCRIPT = """
umask 077
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
while IFS= read -r line && [ "$line" != -- ]; do printf '%s\\n' "$line"; done > "$folder/service"
IFS= read -r line; printf '%s\\n' "$line" > "$folder/password"
export LC_ALL=C PGSERVICEFILE="$folder/service" PGPASSFILE="$folder/password"
pg_dump "$@"
"""


def find_in_container(container: str) -> Program:
    """Return the program inside. Raises ``SourceError``. Blocking."""
    docker = shutil.which("docker")
    if docker is None:
        raise SourceError("The program docker is not installed, which reaches the container.")
    try:
        asked = subprocess.run(  # noqa: S603 -- the name is checked when the source is set up
            [docker, "exec", container, "pg_dump", "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            env=engine_environment(),
        )
    except (OSError, subprocess.SubprocessError):
        raise _no_engine() from None
    match = re.search(r"\(PostgreSQL\) ((\d+)[.\w]*)", asked.stdout)
    if asked.returncode == 0 and match is not None:
        return Program(
            path=Path(docker), major=int(match[2]), version=match[1], container=container
        )
    said = asked.stderr.lower()
    if "no such container" in said or "is not running" in said:
        raise SourceMissingError("There is no running container of that name.")
    if "daemon" in said or "permission denied" in said or "connect" in said:
        raise _no_engine()
    raise SourceError("The container has no pg_dump.")


def command_inside(program: Program, arguments: list[str]) -> list[str]:
    """Return what runs it inside, with address and password on standard input."""
    assert program.container is not None
    inside = ("sh", "-c", _SCRIPT, "sh", *arguments)
    return [str(program.path), "exec", "-i", program.container, *inside]


def engine_environment() -> dict[str, str]:
    """Return the environment of ``docker``: nothing but how its engine is reached."""
    passed = {name: os.environ[name] for name in ENGINE if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "HOME": "/nonexistent", **passed}


def _no_engine() -> SourceAwayError:
    return SourceAwayError("Docker's engine, which has the database's container, does not answer.")
