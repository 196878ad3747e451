"""The parser process as the indexer starts it: one that does not outlive the indexer.

A service that is killed cannot stop its children, so the kernel is asked to do it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def die_with_parent(parent: int) -> None:
    """Ask to be killed when *parent* dies; leave at once if it has died already."""
    if sys.platform == "linux":
        import ctypes

        # Without it the worker still ends at its next write, into a pipe that nobody reads.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def main() -> None:
    """Tie this process to its parent, then parse."""
    die_with_parent(int(sys.argv[1]))

    from services.indexer.parse_worker import main as parse_one

    parse_one()


if __name__ == "__main__":
    main()
