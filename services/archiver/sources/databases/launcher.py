"""Becomes a program of Postgres: a process that dies with ours and knows only what it was told.

Run as ``python -m … OUR_PID PROGRAM ARGUMENTS``. An inherited ``PGPASSWORD`` or ``PGHOST`` would
have it dump another database than the one that was meant.
"""

from __future__ import annotations

import os
import sys

from shared.parent_death import die_with_parent

#: English is what its complaints are looked through for.
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath, "HOME": "/nonexistent"}
PASSED = (
    *("PGSERVICEFILE", "PGPASSFILE", "TMPDIR"),
    *("DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_CONTEXT"),
)


def main(parent: str, program: str, *arguments: str) -> None:
    """Become the program."""
    die_with_parent(int(parent))
    os.umask(0o077)
    passed = {name: os.environ[name] for name in PASSED if name in os.environ}
    os.execve(program, [program, *arguments], {**_ENVIRONMENT, **passed})  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
