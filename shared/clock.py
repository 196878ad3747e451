"""Seconds that pass whatever the wall clock does: for how long something lives, not until when."""

from __future__ import annotations

import time


def seconds_passed() -> float:
    """Return seconds since some moment in the past.

    Goes on while the machine sleeps where the system can tell (Linux); setting the time of day
    changes nothing.
    """
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)
