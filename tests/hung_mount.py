"""A mount that never answers, as a dead network share does not: FUSE without a program behind it.

Laid over a folder it hides what is there; taken away, everything is back. Needs root.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_BIND = 4096
_DETACH = 2

needs_mounts = pytest.mark.skipif(
    os.geteuid() != 0 or not os.access("/dev/fuse", os.R_OK | os.W_OK),
    reason="needs root and /dev/fuse",
)


class HungMount:
    """Lies over *folder* from ``hang`` to ``answer``; may be laid again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._device: int | None = None

    def hang(self) -> None:
        """From now on every call below the folder waits for ever."""
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0,allow_other"
        failed = self._libc.mount(
            b"keepsake-test", os.fsencode(self.folder), b"fuse.hung", 0, options.encode()
        )
        if failed:
            raise OSError(ctypes.get_errno(), "cannot mount")

    def answer(self) -> None:
        """Take the mount away: calls that wait fail, later ones meet the folder as it was."""
        if self._device is not None:
            # Without its other end the kernel gives up all that waits.
            os.close(self._device)
            self._device = None
            self._libc.umount2(os.fsencode(self.folder), _DETACH)


@contextmanager
def hung(folder: Path) -> Iterator[HungMount]:
    """Let *folder* hang until the end, or until ``answer``."""
    mount = HungMount(folder)
    mount.hang()
    try:
        yield mount
    finally:
        mount.answer()


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Make *folder* a mount of its own, which answers, as a share does before it hangs."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(folder), os.fsencode(folder), None, _BIND, None):
        raise OSError(ctypes.get_errno(), "cannot mount")
    try:
        yield
    finally:
        libc.umount2(os.fsencode(folder), _DETACH)
