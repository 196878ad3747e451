"""How long a passphrase must wait. Pure: counts and times come in, seconds go out.

An attempt is counted before the passphrase is tried, so a hundred guesses sent at once count as
a hundred and not as the first one that finishes. Nobody is locked out for ever: a wait has a
longest length, and the passphrase that is right after it opens the backup.
"""

from __future__ import annotations

import datetime as dt
import math

import msgspec

#: Attempts older than this are forgotten.
WINDOW = dt.timedelta(hours=24)


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """Some attempts are free; from then on every attempt doubles the wait for the next.

    A keybag has a limit whoever guesses and however many copies of the backup there are, and a
    caller has one over all keybags: somebody who tries one phrase on every phone of the house.
    """

    free_attempts: int
    first_delay_seconds: int = 2
    longest_delay_seconds: int


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts within the window that did not succeed, those still being tried included."""

    attempts: int
    last_at: dt.datetime | None


def delay_seconds(attempts: int, *, limit: Limit) -> int:
    """Return the wait that follows the *attempts*-th unsuccessful attempt."""
    if attempts < limit.free_attempts:
        return 0
    # The exponent is bounded before it is used: attempts may be any number.
    doublings = min(attempts - limit.free_attempts, 30)
    delay = limit.first_delay_seconds * (1 << doublings)
    return min(delay, limit.longest_delay_seconds)


def wait_seconds(tally: Tally, *, limit: Limit, now: dt.datetime) -> int:
    """Return how long the next attempt must wait, in whole seconds; 0 when it may go ahead."""
    if tally.last_at is None:
        return 0
    allowed_at = tally.last_at + dt.timedelta(seconds=delay_seconds(tally.attempts, limit=limit))
    return max(0, math.ceil((allowed_at - now).total_seconds()))
