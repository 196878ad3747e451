"""The rclone of a process of ours: started when it is needed, and again when it died.

It knows nothing that we do not: what is in its memory (destinations, the bandwidth) is told to it
anew after each start, so it may be killed at any moment. All threads share it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from services.archiver.destinations.failures import PassingError, failure
from services.archiver.destinations.private_folder import PrivateFolder
from services.archiver.destinations.rclone_client import (
    AbandonedError,
    GoneError,
    HungError,
    RcloneClient,
    Reply,
)
from services.archiver.destinations.rclone_process import RcloneProcess
from services.archiver.destinations.rclone_program import find_rclone
from services.archiver.destinations.remotes import RcloneRemote, entries
from services.archiver.errors import TransportError

_T = TypeVar("_T")

#: How often a call is begun anew because rclone died under it.
_LIVES = 4
_PING_SECONDS = 60.0
_MISTAKEN = b"is a file not a directory"


class RcloneDaemon:
    """One ``rclone rcd``, or none while nobody needs it."""

    def __init__(
        self,
        scratch: Path,
        *,
        stall_seconds: int = 60,
        connect_seconds: int = 20,
        ping_seconds: float = _PING_SECONDS,
    ) -> None:
        """Use a folder of its own below *scratch*, which is private. Starts nothing yet.

        A server that is silent for *stall_seconds* in the middle of something has failed.
        """
        self._folder = PrivateFolder(scratch)
        self._stall_seconds = stall_seconds
        self._connect_seconds = connect_seconds
        self._ping_seconds = ping_seconds
        # Calls of a start are made while it is held.
        self._lock = threading.RLock()
        self._process: RcloneProcess | None = None
        self._client: RcloneClient | None = None
        self._starts = 0
        self._remotes: dict[str, RcloneRemote] = {}
        self._bandwidth = "off"
        self._is_closed = False

    @property
    def spool(self) -> Path:
        """A private folder for what is on its way."""
        return self._folder.spool

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        process = self._process
        return None if process is None else process.pid

    def add(self, remote: RcloneRemote) -> str:
        """Make a destination known until the end; return its name. Raises ``TransportError``.

        The same one is known once: rclone takes a tenth of a second to make keys of passwords.
        """
        with self._lock:
            for name, known in self._remotes.items():
                if known == remote:
                    return name
            name = f"k{uuid4().hex[:12]}"
            self._running()
            self._remotes[name] = remote
            try:
                self._ask(lambda client: _tell(client, name, remote))
            except BaseException:
                del self._remotes[name]
                raise
        return name

    def limit_bandwidth(self, *, upload: int | None = None, download: int | None = None) -> None:
        """Move at most so many bytes a second, from now on; None is without a limit."""
        rates = ("off" if rate is None else f"{rate}B" for rate in (upload, download))
        with self._lock:
            self._bandwidth = ":".join(rates)
            if self._client is not None:
                with contextlib.suppress(GoneError):
                    self._client.call("core/bwlimit", {"rate": self._bandwidth})

    def call(
        self,
        method: str,
        parameters: Mapping[str, Any],
        *,
        is_over: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """Call a method of rclone, which must be safe to call twice.

        Raises ``ArchiverError``; soon after *is_over* says yes, whatever is done then is ended.
        """
        return self.call_as(method, parameters, dict[str, Any], is_over=is_over)

    def call_as(
        self,
        method: str,
        parameters: Mapping[str, Any],
        kind: type[_T],
        *,
        is_over: Callable[[], bool] = lambda: False,
    ) -> _T:
        """Call a method and decode its answer as *kind*."""
        reply = self._ask(lambda client: client.call(method, parameters, is_over=is_over))
        if reply.status != 200:
            if _MISTAKEN in reply.body:
                # A guess, from a server that did not answer, which rclone would keep.
                self._ask(lambda client: client.call("fscache/clear", {}))
            raise failure(reply.body)
        return msgspec.json.decode(reply.body, type=kind)

    def read(self, fs: str, path: str, *, offset: int, size_bytes: int | None) -> Reply:
        """Read a part of an object; the reply may be one of a failure, or short."""
        return self._ask(lambda client: client.read(fs, path, offset=offset, size_bytes=size_bytes))

    def close(self) -> None:
        """End it and remove its folder. Safe to call twice."""
        with self._lock:
            self._is_closed = True
            process, self._process = self._process, None
            self._drop_client()
            if process is not None:
                process.stop()
            self._folder.remove()

    def _ask(self, ask: Callable[[RcloneClient], _T]) -> _T:
        for _ in range(_LIVES):
            start, client = self._running()
            try:
                return ask(client)
            except AbandonedError:
                raise TransportError("The destination is closed.") from None
            except HungError:
                self._end(start, is_hung=True)
            except GoneError:
                self._end(start, is_hung=False)
        raise PassingError("The program rclone ended again and again.")

    def _running(self) -> tuple[int, RcloneClient]:
        with self._lock:
            if self._is_closed:
                raise TransportError("The destination is closed.")
            if self._client is None:
                self._starts += 1
                process = RcloneProcess(
                    find_rclone(),
                    self._folder.path,
                    name=f"s{self._starts}",
                    stall_seconds=self._stall_seconds,
                    connect_seconds=self._connect_seconds,
                )
                process.start()
                client = RcloneClient(process.socket, ping_seconds=self._ping_seconds)
                try:
                    for name, remote in self._remotes.items():
                        _tell(client, name, remote)
                    client.call("core/bwlimit", {"rate": self._bandwidth})
                except BaseException as error:
                    client.close()
                    process.kill()
                    if isinstance(error, GoneError):
                        raise PassingError("The program rclone ended at its start.") from None
                    raise
                self._process, self._client = process, client
            return self._starts, self._client

    def _end(self, start: int, *, is_hung: bool) -> None:
        """End what was started as *start*, unless it only dropped an old connection."""
        with self._lock:
            process = self._process
            if start != self._starts or process is None:
                return
            if not is_hung and process.answers():
                return
            self._process = None
            self._drop_client()
            process.kill()

    def _drop_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _tell(client: RcloneClient, name: str, remote: RcloneRemote) -> None:
    for entry in entries(name, remote):
        reply = client.call("config/create", entry.creation())
        if reply.status != 200:
            raise failure(reply.body)
