"""What the process of an export may not do: much memory, long work, files, network, programs.

Formats are given what strangers wrote, and libraries that make documents are glad to fetch pictures
by address or path. So from here on Python opens nothing but its own modules and data, read-only,
and no socket or program at all; the kernel refuses to write to files in any case.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[3]
#: Where modules, fonts of packages and time zones lie.
_READABLE = tuple(
    {
        os.path.realpath(folder) + os.sep
        for folder in (
            sys.prefix,
            sys.base_prefix,
            sys.exec_prefix,
            _ROOT,
            "/usr/lib",
            "/usr/share/zoneinfo",
        )
    }
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "pty.")


def lock_in(*, memory_bytes: int, cpu_seconds: int) -> None:
    """Bound this process, for the rest of its life."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, int):
            return
        is_writing = isinstance(flags, int) and flags & _WRITING
        if is_writing or not _is_readable(os.fsdecode(path)):
            raise PermissionError("exports open no files")
    elif event.startswith(_REFUSED):
        raise PermissionError("exports use no network and no programs")


def _is_readable(path: str) -> bool:
    return os.path.realpath(path).startswith(_READABLE)
