"""Child processes that do not outlive the process that started them.

Whoever is killed cannot stop its children, so the kernel is asked to do it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def die_with_parent(parent: int) -> None:
    """Ask to be killed when *parent* dies; leave at once if it has died already.

    To the kernel the parent is the thread that started this process: it must live as long.
    """
    if sys.platform == "linux":
        import ctypes

        # Without it a child still ends at its next write, into a pipe that nobody reads.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
