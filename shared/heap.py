"""The memory that a process has freed and keeps."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Return to the system what was freed: after large buffers, the C library keeps most of it.

    Does nothing where the C library knows no such thing. Takes milliseconds, without the GIL.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
