"""Why ``keepsake up`` does not come up.

StartError              one line for a person; exit 1
└── AlreadyRunningError another one has the data directory; exit 3
"""

from __future__ import annotations


class StartError(Exception):
    """The stack cannot start. The message is one line that says what to do."""

    exit_code = 1


class AlreadyRunningError(StartError):
    """Somebody runs on the same data directory."""

    exit_code = 3
