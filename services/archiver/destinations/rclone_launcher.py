"""Becomes rclone: a process that dies with ours, and knows nothing of our environment.

Run as ``python -m … OUR_PID FOLDER PROGRAM ARGUMENTS``. Variables have made rclone take another
configuration or another password than the one that was meant, so none is passed on but those that
say how the outside is reached.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from shared.parent_death import die_with_parent

_PASSED = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
#: Its collector lets what it holds double by default; what it holds is what is on its way.
_MEMORY = {"GOGC": "50", "GOMEMLIMIT": "96MiB"}


def environment(folder: str, ours: Mapping[str, str]) -> dict[str, str]:
    """Return what rclone finds set; *folder* is its home."""
    passed = {name: ours[name] for one in _PASSED for name in (one, one.lower()) if name in ours}
    return {**passed, **_MEMORY, "HOME": folder, "TMPDIR": folder, "PATH": "/nonexistent"}


def main(parent: str, folder: str, program: str, *arguments: str) -> None:
    """Become rclone."""
    die_with_parent(int(parent))
    os.umask(0o077)
    os.chdir(folder)
    os.execve(program, [program, *arguments], environment(folder, os.environ))  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
