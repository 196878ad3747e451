"""What the bus raises, and what a handler may raise to say how its event ends.

BusError
└── BusUnavailable      the server cannot be reached, or does not know us

Retry                   a handler's: deliver again later
Reject                  a handler's: this event can never be handled; dead-letter it
AlreadyHandled          the inbox's: another delivery did the work; settled silently
"""

from __future__ import annotations

import traceback


class BusError(Exception):
    """Base of what the bus itself raises. Problems of a request are ``ProblemError`` instead."""


class BusUnavailable(BusError):  # noqa: N818 -- it says what is so, like the problem it becomes
    """There is no connection, and waiting for it took too long."""


class Retry(Exception):  # noqa: N818 -- an outcome, not an error
    """Deliver the event again after *after_seconds*; counts as an attempt."""

    def __init__(self, after_seconds: float) -> None:
        super().__init__(f"again in {after_seconds:g} s")
        self.after_seconds = after_seconds


class Reject(Exception):  # noqa: N818 -- an outcome, not an error
    """Never deliver the event again. *reason* is shown to operators: no secrets, no content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AlreadyHandled(Exception):  # noqa: N818 -- an outcome, not an error
    """The inbox holds the event already. Let it pass: the consumer settles the message."""


def frames(error: BaseException, *, limit: int = 6) -> list[str]:
    """Return the innermost places of *error* for a log, without its message or any value."""
    stack = traceback.extract_tb(error.__traceback__, limit=-limit)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack]
