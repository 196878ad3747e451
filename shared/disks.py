"""Blocking work on disks that may never answer: a few threads for each, and a look if it lives.

A dead network mount holds a thread for ever, and nothing can interrupt it. So every disk has
threads of its own; while work takes long, one more thread asks the file system for a sign of life,
and when that does not come either the callers are told. The threads stay where they are until the
disk is back; until then no further work is given to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

Result = TypeVar("Result")
Place = str | bytes | Path

#: Work that takes longer is in doubt.
LOOK_SECONDS = 5.0
#: A disk that was asleep, or a slow share, has answered by then.
PATIENCE_SECONDS = 10.0
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")
_REMOTE = frozenset(
    ("9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs", "virtiofs")
)


class DiskSilentError(Exception):
    """The disk does not answer at the moment; the same may succeed later."""

    def __init__(self, place: Place) -> None:
        super().__init__("the disk does not answer")
        #: Where the work was when it was given up.
        self.place = place


class Disks:
    """Threads by disk, or whatever the caller takes for one: a root, a mount. One event loop."""

    def __init__(
        self,
        *,
        name: str,
        threads: int,
        on_return: Callable[[], None] = lambda: None,
    ) -> None:
        """Call *on_return* when a disk answers again."""
        self._name = name
        self._threads = threads
        self._on_return = on_return
        self._disks: dict[Hashable, _Disk] = {}

    async def run(
        self,
        disk: Hashable,
        work: Callable[[], Result],
        *,
        place: Callable[[], Place] | None,
        on_end: Callable[[], None] = lambda: None,
    ) -> Result:
        """Run *work* in a thread of *disk*.

        *place* names where the work is just then; without one there is no look after it. Raises
        ``DiskSilentError``; the work goes on unheeded then, and also when the caller is cancelled.
        *on_end* is called once, when it does not run any more or is not begun at all.
        """
        one = self._disks.get(disk)
        if one is None:
            one = self._disks[disk] = _Disk(f"{self._name}-{len(self._disks)}", self._threads)
        if place is not None and one.is_silent:
            on_end()
            raise DiskSilentError(place())
        try:
            begun = one.workers.submit(work)
        except BaseException:
            on_end()
            raise
        working = asyncio.wrap_future(begun)
        working.add_done_callback(lambda _: on_end())
        working.add_done_callback(_forget)
        try:
            while not (await asyncio.wait({working}, timeout=LOOK_SECONDS))[0]:
                if place is not None:
                    await self._look_after(one, working, place)
            return working.result()
        finally:
            # What waits for a thread need not begin; what runs cannot be stopped.
            begun.cancel()

    async def _look_after(
        self, one: _Disk, working: asyncio.Future[Any], place: Callable[[], Place]
    ) -> None:
        if one.looking is None:
            one.look(place(), self._on_return)
        assert one.looking is not None
        waits: set[asyncio.Future[Any]] = {working, one.looking}
        await asyncio.wait(waits, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not working.done() and one.looking is not None:
            one.is_silent = True
            raise DiskSilentError(place())

    def stop(self) -> None:
        """Begin nothing more. Threads that hang are not waited for."""
        for disk in self._disks.values():
            disk.stop()


class _Disk:
    def __init__(self, name: str, threads: int) -> None:
        self.is_silent = False
        #: A sign of life that was asked for and did not come yet.
        self.looking: asyncio.Future[None] | None = None
        self.workers = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._looker = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-look")

    def look(self, place: Place, on_return: Callable[[], None]) -> None:
        self.looking = asyncio.get_running_loop().run_in_executor(self._looker, _look, place)

        def answered(_looking: asyncio.Future[None]) -> None:
            self.looking = None
            if self.is_silent:
                self.is_silent = False
                on_return()

        self.looking.add_done_callback(answered)

    def stop(self) -> None:
        for executor in (self.workers, self._looker):
            executor.shutdown(wait=False, cancel_futures=True)


def _look(place: Place) -> None:
    # Unlike what stat says, this comes from no cache. Any answer will do.
    with contextlib.suppress(OSError, ValueError):
        os.statvfs(place)


def _forget(working: asyncio.Future[Any]) -> None:
    if not working.cancelled():
        # So that asyncio does not report what nobody waits for any more.
        working.exception()


class Mount(Struct, frozen=True):
    """A mounted file system, as far as it can be known without touching it."""

    point: str
    kind: str

    @property
    def is_remote(self) -> bool:
        """Whether somebody else's computer or program has to answer; FUSE on a disk is local."""
        return self.kind in _REMOTE or (
            self.kind.startswith("fuse") and self.kind not in {"fuseblk", "fusectl"}
        )


def mount_of(path: Place) -> Mount:
    """Return what *path*, which holds no symbolic link, is mounted from; asks no disk."""
    wanted = os.fsencode(path)
    point, kind = b"/", b""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        # Not Linux.
        lines = []
    for line in lines:
        # proc(5): the mount point is the fifth field, the type follows a field that is "-".
        before, _, after = line.partition(b" - ")
        mounted = _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), before.split(b" ")[4])
        is_above = wanted == mounted or wanted.startswith(mounted.rstrip(b"/") + b"/")
        # Of several on one point the last one is on top.
        if is_above and len(mounted) >= len(point):
            point, kind = mounted, after.split(b" ")[0]
    return Mount(os.fsdecode(point), kind.decode("ascii", "replace"))
