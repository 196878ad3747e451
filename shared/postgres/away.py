"""Whether an error says that the database is away for a moment, and not that we are wrong."""

from __future__ import annotations

from traceback import walk_tb

import asyncpg

#: asyncpg 0.31 raises ``InternalClientError``, a bare Exception, when a backend is terminated in
#: the middle of a query, and ``InterfaceError`` for a connection that was lost before.
_LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)

#: For ``except`` around nothing but database work: the database is away.
AWAY = (OSError, TimeoutError, *_LOST)
#: Everything that database work raises; for loops that must outlive all of it.
FAILED = (*AWAY, asyncpg.PostgresError)


def is_full(error: BaseException) -> bool:
    """Tell whether the database found no room on its disk."""
    return isinstance(error, asyncpg.DiskFullError)


def is_away(error: BaseException) -> bool:
    """Tell whether the same thing may succeed once the database is back.

    Refused and missing sockets count only if asyncpg met them: files may be missing, too.
    """
    if isinstance(error, _LOST):
        return True
    return isinstance(error, OSError | TimeoutError) and any(
        frame.f_globals.get("__name__", "").startswith("asyncpg.")
        for frame, _ in walk_tb(error.__traceback__)
    )
