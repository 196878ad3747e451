"""`keepsake up` whose services and Postgres read a clock that can be set: Debian's libfaketime.

nats-server is no C program and keeps the true time, as a server elsewhere would.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from deploy.local import __main__ as program
from deploy.local import postgres, services

_LIBRARIES = (
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"),
)
#: What the library wants to be told; children get it, which otherwise know nothing of ours.
_VARIABLES = (
    "LD_PRELOAD",
    "FAKETIME_TIMESTAMP_FILE",
    "FAKETIME_CACHE_DURATION",
    "FAKETIME_DONT_FAKE_MONOTONIC",
    "NO_FAKE_STAT",
)


def library() -> Path | None:
    """Return the library, or None where it is not installed."""
    return next((path for path in _LIBRARIES if path.exists()), None)


def settings(clock: Path) -> dict[str, str]:
    """Return the variables for a vault whose time differs from ours by what *clock* says."""
    clock.write_text("+0")
    clock.chmod(0o644)
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def _let_through() -> None:
    services._PASSED = (*services._PASSED, *_VARIABLES)  # type: ignore[assignment]
    environment = postgres._environment

    def shifted(locale: str) -> dict[str, str]:
        return {**environment(locale), **{name: os.environ[name] for name in _VARIABLES}}

    postgres._environment = shifted


if __name__ == "__main__":
    _let_through()
    sys.exit(program.main())
