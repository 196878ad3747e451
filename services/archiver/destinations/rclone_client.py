"""Talking with ``rclone rcd`` over its socket: calls with JSON, and reading parts of objects.

Connections are kept and used by one thread at a time. A connection that is dropped ends the work
it was waiting for.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

_CONTENT_RANGE = re.compile(r"bytes [0-9-]+/([0-9]+)")
#: What rclone itself bounds takes less; this is for a process that hangs.
_SILENCE_SECONDS = 900.0
#: How often whoever waits looks whether the answer is wanted still.
_LOOK_SECONDS = 1.0


def _never() -> bool:
    return False


class GoneError(Exception):
    """Nobody answers on the socket, or somebody stopped in the middle."""


class HungError(GoneError):
    """Somebody is there, and says nothing at all."""


class AbandonedError(Exception):
    """Whoever asked does not want the answer any more; the work for it is ended."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer."""

    status: int
    body: bytes
    #: How long the whole object is, of a part of one.
    whole_bytes: int | None = None
    #: The body ended before its end: the status was sent before the object could be read.
    is_short: bool = False


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class RcloneClient:
    """The clients of one process, for all threads."""

    def __init__(self, path: Path, *, ping_seconds: float) -> None:
        """Ask whoever serves *path*; that it lives is checked every *ping_seconds* of a wait."""
        self._path = path
        self._ping_seconds = ping_seconds
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def call(
        self, method: str, parameters: Mapping[str, Any], *, is_over: Callable[[], bool] = _never
    ) -> Reply:
        """Call *method* and return what comes back, whatever it is.

        Raises ``GoneError``, and ``AbandonedError`` soon after *is_over* says yes.
        """
        body = msgspec.json.encode(parameters)
        with self._connection() as connection:
            return self._ask(connection, "POST", f"/{method}", body, {}, is_over=is_over)

    def read(self, fs: str, path: str, *, offset: int, size_bytes: int | None) -> Reply:
        """Read a part of an object. Raises ``GoneError``."""
        headers = {}
        if offset or size_bytes is not None:
            end = "" if size_bytes is None else str(offset + size_bytes - 1)
            headers["Range"] = f"bytes={offset}-{end}"
        with self._connection() as connection:
            return self._ask(connection, "GET", quote(f"/[{fs}]/{path}"), None, headers)

    def close(self) -> None:
        """Drop the connections that nobody uses."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[_Connection]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        connection = connection or _Connection(self._path, _SILENCE_SECONDS)
        try:
            yield connection
        except BaseException as error:
            connection.close()
            if isinstance(error, TimeoutError):
                raise HungError from None
            if isinstance(error, OSError | http.client.HTTPException):
                raise GoneError from None
            raise
        with self._lock:
            if not self._is_closed and connection.sock is not None:
                self._idle.append(connection)
                return
        connection.close()

    def _ask(
        self,
        connection: _Connection,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        *,
        is_over: Callable[[], bool] = _never,
    ) -> Reply:
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, body, headers)
        self._wait(connection, is_over)
        with connection.getresponse() as response:
            found = _CONTENT_RANGE.fullmatch(response.getheader("Content-Range") or "")
            is_short = False
            try:
                content = response.read()
            except http.client.IncompleteRead as error:
                content, is_short = error.partial, True
                connection.close()
            return Reply(
                status=response.status,
                body=content,
                whole_bytes=int(found[1]) if found else None,
                is_short=is_short,
            )

    def _wait(self, connection: _Connection, is_over: Callable[[], bool]) -> None:
        """Wait for an answer, for as long as there is somebody who will give one."""
        poll = select.poll()
        poll.register(connection.sock, select.POLLIN)
        look_seconds = min(_LOOK_SECONDS, self._ping_seconds)
        ping_at = time.monotonic() + self._ping_seconds
        while not poll.poll(look_seconds * 1000):
            if is_over():
                raise AbandonedError
            if time.monotonic() < ping_at:
                continue
            pinging = _Connection(self._path, self._ping_seconds)
            try:
                pinging.request("POST", "/rc/noop", b"{}", {"Content-Type": "application/json"})
                pinging.getresponse().read()
            finally:
                pinging.close()
            ping_at = time.monotonic() + self._ping_seconds
