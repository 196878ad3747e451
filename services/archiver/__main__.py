"""Start the archiver: ``python -m services.archiver``."""

from __future__ import annotations

import contextlib
import ctypes

from services.archiver.service import start
from shared.runtime import main

#: Of ``mallopt``.
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 1024 * 1024


def _give_back_what_is_large() -> None:
    """Have large pieces of memory given back to the system as soon as they are free.

    The C library would keep some in its heaps, where the next one does not fit between the small
    ones that were made meanwhile; an archive holds a hundred megabytes that way.
    """
    # Other libraries than glibc have no such thing, and do it by themselves.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


if __name__ == "__main__":
    _give_back_what_is_large()
    main("archiver", start, migrations="services.archiver.migrations")
