"""Watch roots, folders on the way and the backups' own plists; never the blob folders.

One ``watchfiles`` watch per root, not recursive, so half a million blobs being written make no
event that reaches us: they lie one level deeper. Backups of iOS 9 and before keep their blobs
beside the plists, so there only the plists are watched. Network mounts stay silent; the rescan
covers them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import structlog
from watchfiles import Change, watch

from services.discovery.disk import Disk
from services.discovery.errors import Stopped
from services.discovery.folders import is_clutter
from services.discovery.records import Record
from shared.disks import mount_of

#: Changes are gathered for so long; a quiet moment of STEP ends the gathering.
_GATHER_MILLISECONDS = 1000
_STEP_MILLISECONDS = 100
_ARMED_MILLISECONDS = 1000
#: After a watch that could not be set up (the system's limit of watches, say).
_RETRY_SECONDS = 30.0

_PLISTS = ("Info.plist", "Manifest.plist", "Status.plist", "Manifest.db", "Manifest.mbdb")
_TELLING = frozenset({*_PLISTS, "Snapshot"})


def paths_to_watch(containers: Iterable[bytes], backups: Iterable[Record]) -> frozenset[str]:
    """Return what is worth watching. Names that are no text are left to the rescan."""
    found: set[bytes] = set(containers)
    for backup in backups:
        if not backup.is_reachable:
            continue
        if backup.format == "mbdb":
            found.update(os.path.join(backup.path, name.encode()) for name in _PLISTS)  # noqa: PTH118
        else:
            found.add(backup.path)
    return frozenset(path.decode() for path in found if _is_text(path))


def is_telling(path: str, *, backups: frozenset[str], watched: frozenset[str]) -> bool:
    """Whether a change of *path* can mean anything; false for almost all of a running backup."""
    if path in watched:
        return True
    folder, _, name = path.rpartition("/")
    if folder in backups:
        return name in _TELLING
    return not is_clutter(name.encode("utf-8", "surrogateescape"))


class Watcher:
    """Holds one watch per root, so that a root that does not answer costs only its own."""

    def __init__(
        self,
        *,
        disk: Disk,
        on_change: Callable[[], None],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._disk = disk
        self._on_change = on_change
        self._log = log
        self._roots: dict[bytes, _RootWatch] = {}
        self._added = asyncio.Event()

    def watch_these(
        self, containers: Mapping[bytes, bytes], backups: Iterable[Record], *, silent: set[bytes]
    ) -> None:
        """Watch what a scan found: containers with their roots, and backups.

        Roots that were *silent* are left as they are.
        """
        backups = [backup for backup in backups if backup.is_reachable]
        roots = {*containers.values(), *(backup.root for backup in backups), *self._roots}
        for root in roots - silent:
            watch = self._roots.get(root)
            if watch is None:
                watch = self._roots[root] = _RootWatch(
                    root, disk=self._disk, on_change=self._on_change, log=self._log
                )
                self._added.set()
            watch.watch_these(
                [path for path, its in containers.items() if its == root],
                [backup for backup in backups if backup.root == root],
            )

    async def run(self) -> None:
        """Watch until cancelled."""
        running: set[bytes] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                for root in self._roots.keys() - running:
                    running.add(root)
                    tasks.create_task(self._roots[root].run(), name="discovery watch of a root")
                self._added.clear()
                await self._added.wait()


class _RootWatch:
    """One watch in a thread of its root, renewed when there is something else to watch."""

    def __init__(
        self,
        root: bytes,
        *,
        disk: Disk,
        on_change: Callable[[], None],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._root = root
        self._disk = disk
        self._on_change = on_change
        self._log = log
        self._paths: frozenset[str] = frozenset()
        self._backups: frozenset[str] = frozenset()
        self._renew = threading.Event()
        self._changed = asyncio.Event()

    def watch_these(self, containers: Iterable[bytes], backups: Sequence[Record]) -> None:
        """Watch these. Nothing happens when that is what is watched already."""
        paths = paths_to_watch(containers, backups)
        if paths == self._paths:
            return
        self._paths = paths
        self._backups = frozenset(b.path.decode() for b in backups if _is_text(b.path))
        self._renew.set()
        self._changed.set()

    async def run(self) -> None:
        """Watch until cancelled, or until the disk's work is stopped."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            loop.call_soon_threadsafe(self._on_change)

        with contextlib.suppress(Stopped):
            try:
                while not self._disk.stopping.is_set():
                    self._changed.clear()
                    self._renew = threading.Event()
                    watch = partial(self._watch, self._paths, self._backups, self._renew, tell)
                    is_watched = False
                    if self._paths:
                        is_watched = await self._disk.run_at(
                            self._root, None, watch, purpose="watch"
                        )
                    if is_watched:
                        continue
                    # Nothing to watch, or it cannot be: wait for other folders, or try again.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_RETRY_SECONDS):
                            await self._changed.wait()
            finally:
                self._renew.set()

    def _watch(
        self,
        paths: frozenset[str],
        backups: frozenset[str],
        renew: threading.Event,
        tell: Callable[[], None],
    ) -> bool:
        """Watch until *renew* is set; False when the watch cannot be set up."""
        # watchfiles 1.3 asks the file system while it holds Python's lock: a mount that does not
        # answer would stop the whole process. So no mount is watched that is somebody else's (the
        # rescan covers them), and of the others each path is asked for by ourselves first.
        there = sorted(
            path for path in paths if not mount_of(path).is_remote and os.path.lexists(path)
        )
        if not there:
            return False

        def is_wanted(_change: Change, path: str) -> bool:
            return is_telling(path, backups=backups, watched=paths)

        changes = watch(
            *there,
            watch_filter=is_wanted,
            debounce=_GATHER_MILLISECONDS,
            step=_STEP_MILLISECONDS,
            stop_event=_Either(renew, self._disk.stopping),
            rust_timeout=_ARMED_MILLISECONDS,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
            ignore_permission_denied=True,
        )
        try:
            is_armed = False
            for found in changes:
                if found or not is_armed:
                    # What changed between the scan and the watch is seen by one more scan.
                    tell()
                    is_armed = True
        except (OSError, RuntimeError) as error:
            self._log.warning("watch_failed", error=type(error).__name__)
            return False
        return True


class _Either:
    """An event that is set when one of two is."""

    def __init__(self, *events: threading.Event) -> None:
        self._events = events

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._events)


def _is_text(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
