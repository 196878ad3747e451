"""How long a destination is asked again: a few times with growing pauses, and not by everybody.

A server that is gone answers every call with the same long wait. So when several calls in a row
came to nothing, whoever made them, the line is cut: everything fails at once for a while, then one
call may try.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from services.archiver.destinations.failures import PassingError
from services.archiver.errors import DestinationAwayError

T = TypeVar("T")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How patient to be."""

    #: Of one call.
    tries: int = 5
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 30.0
    #: Failures in a row, of all calls together, that cut the line.
    failures: int = 10
    #: Until one call may try again.
    cut_seconds: float = 60.0


class Patience:
    """The patience with one destination, of all threads together."""

    def __init__(
        self, limits: Limits | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Be as patient as *limits* say."""
        self._limits = limits or Limits()
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._cut_until: float | None = None
        self._is_over = threading.Event()

    def run(self, call: Callable[[], T]) -> T:
        """Call until it succeeds, fails for good, or patience is at its end."""
        pause = self._limits.first_pause_seconds
        left = self._limits.tries
        while True:
            self._enter()
            try:
                result = call()
            except PassingError:
                left -= 1
                if self._failed() or not left or self._is_over.wait(pause):
                    raise
                pause = min(2 * pause, self._limits.longest_pause_seconds)
                continue
            except BaseException:
                # Somebody answered; it was not what was wanted.
                self._answered()
                raise
            self._answered()
            return result

    def end(self) -> None:
        """Let nobody wait any longer."""
        self._is_over.set()

    def _enter(self) -> None:
        with self._lock:
            if self._cut_until is None:
                return
            if self._clock() < self._cut_until:
                raise DestinationAwayError(
                    "The destination did not answer several times, so it is left alone for a while."
                )
            # This call tries; the others go on waiting for what comes of it.
            self._cut_until = self._clock() + self._limits.cut_seconds

    def _failed(self) -> bool:
        with self._lock:
            self._failures += 1
            if self._failures >= self._limits.failures:
                self._cut_until = self._clock() + self._limits.cut_seconds
            return self._cut_until is not None

    def _answered(self) -> None:
        with self._lock:
            self._failures = 0
            self._cut_until = None
