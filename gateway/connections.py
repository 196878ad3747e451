"""What one connection may cost: time limits for each of its phases, and a place among the others.

uvicorn ends only connections that fall silent after an answer. Here a look at all of them, twice a
second, ends those that send nothing, half a head or half a body, and those that do not read what
they asked for. When there are too many, the one that has been idle longest makes room for a new
one; when none is idle, the new one is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway import metrics
from gateway.front import with_safe_headers
from gateway.joined_writes import JoinedWrites
from gateway.problems import MEDIA_TYPE, encode_problem
from shared.contracts.problems import Problem

#: ``new``: nothing came yet. ``head``, ``body``: a request is coming. ``answer``: it is here, and
#: its answer is made or sent. ``idle``: between two requests.
Phase = Literal["new", "head", "body", "answer", "idle"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of connections. The defaults suit a phone on a bad network."""

    #: Open at once; a few more are held for a moment to be told that there are too many.
    connections: int = 1000
    new_seconds: float = 20.0
    head_seconds: float = 15.0
    #: For a body of at most 1 MiB.
    body_seconds: float = 60.0
    idle_seconds: float = 35.0
    refused_seconds: float = 5.0
    #: Without a single byte being taken while a body is sent.
    stalled_seconds: float = 60.0
    head_bytes: int = 64 * 1024


class Connection(HttpToolsProtocol):
    """uvicorn's protocol with limits. ``end_if_late`` is called twice a second."""

    def __init__(self, *, limits: Limits, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._limits = limits
        self._head_bytes = 0
        self._stalled_since: float | None = None
        self._unsent = 0
        self.is_refused = False
        self.phase: Phase = "new"
        self.since = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place among the others."""
        super().connection_made(JoinedWrites(transport, self.loop))
        excess = len(self.connections) - self._limits.connections
        if excess <= 0:
            return
        idle = self._longest_idle()
        if idle is not None:
            idle.end("made_room")
        elif excess > self._limits.connections // 10:
            self.end("too_many")
        else:
            self.is_refused = True
            self.app = _answer_busy

    def data_received(self, data: bytes) -> None:
        """Count what comes before a request is whole: httptools keeps it all."""
        super().data_received(data)
        if self.phase in {"new", "head", "idle"}:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes and not self.transport.is_closing():
                self._refuse(
                    _problem("head-too-large", 431, "The head of the request is too large.")
                )

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self._enter("head")

    def on_headers_complete(self) -> None:
        """Note that the request's head is here."""
        self._head_bytes = 0
        self._enter("body")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the request is here whole."""
        super().on_message_complete()
        is_over = self.cycle is not None and self.cycle.response_complete
        self._enter("idle" if is_over else "answer")

    def on_response_complete(self) -> None:
        """Note that the answer was written, at least into our own buffer."""
        super().on_response_complete()
        if self.phase == "answer" and (self.cycle is None or self.cycle.response_complete):
            self._enter("idle")

    def pause_writing(self) -> None:
        """Note that the caller does not keep up."""
        super().pause_writing()
        self._stalled_since = self.loop.time()

    def resume_writing(self) -> None:
        """Note that the caller reads on."""
        super().resume_writing()
        self._stalled_since = None

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP as every other mistake."""
        self._refuse(_problem("bad-request", 400, "The request is not valid.", msg))

    def end_if_late(self, now: float) -> None:
        """End the connection when its phase has lasted for too long."""
        if self._is_stalled(now):
            self.end("stalled")
            return
        lasted = now - self.since
        if self.is_refused and lasted > self._limits.refused_seconds:
            self.end("too_many")
        elif self.phase == "new" and lasted > self._limits.new_seconds:
            self.end("silent")
        elif self.phase == "idle" and lasted > self._limits.idle_seconds:
            self.end("idle")
        elif (self.phase == "head" and lasted > self._limits.head_seconds) or (
            self.phase == "body" and lasted > self._limits.body_seconds
        ):
            metrics.ENDED_CONNECTIONS.labels(f"slow_{self.phase}").inc()
            self._refuse(_problem("slow-request", 408, "The request took too long to arrive."))

    def _is_stalled(self, now: float) -> bool:
        if self._stalled_since is None:
            return False
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            # Slow, but some of it was taken: writing goes on only when nearly all of it was.
            self._unsent = unsent
            self._stalled_since = now
        return now - self._stalled_since > self._limits.stalled_seconds

    def end(self, reason: str) -> None:
        """Drop the connection; what is in its buffer is lost."""
        metrics.ENDED_CONNECTIONS.labels(reason).inc()
        self.transport.abort()

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.since = self.loop.time()

    def _longest_idle(self) -> Connection | None:
        # Those that never sent a request first: the others belong to somebody who may come back.
        idle = [
            one
            for one in self.connections
            if isinstance(one, Connection)
            and one is not self
            and not one.is_refused
            and one.phase in {"new", "head", "idle"}
            and (one.cycle is None or one.cycle.response_complete)
            and not one.transport.is_closing()
        ]
        return min(idle, key=lambda one: (one.phase == "idle", one.since), default=None)

    def _refuse(self, problem: Problem) -> None:
        """Say what is wrong and close; where an answer has begun there is no way to say it."""
        cycle = self.cycle
        if self.phase == "body" or (cycle is not None and not cycle.response_complete):
            if cycle.response_started:
                self.transport.abort()
                return
            # The application is still reading: it must not answer as well.
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(_encode(problem))
        self.transport.close()


def end_late(connections: Iterable[object], now: float) -> None:
    """Look at every connection once."""
    for connection in list(connections):
        if isinstance(connection, Connection):
            connection.end_if_late(now)


async def _answer_busy(_: Any, __: Any, send: Any) -> None:
    metrics.ENDED_CONNECTIONS.labels("busy").inc()
    body, headers = _body_and_headers(_BUSY)
    await send({"type": "http.response.start", "status": _BUSY.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _encode(problem: Problem) -> bytes:
    body, headers = _body_and_headers(problem)
    lines = [b"HTTP/1.1 %d %b" % (problem.status, HTTPStatus(problem.status).phrase.encode())]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", body])


def _body_and_headers(problem: Problem) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    body, headers = encode_problem(problem)
    headers |= {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        "connection": "close",
    }
    return body, with_safe_headers([(k.encode(), v.encode()) for k, v in headers.items()], "")


def _problem(slug: str, status: int, title: str, detail: str = "") -> Problem:
    return Problem(type=f"/problems/{slug}", title=title, status=status, detail=detail)


_BUSY = Problem(
    type="/problems/busy",
    title="Keepsake is busy with other requests.",
    status=503,
    detail="Too many connections are open.",
    retry_after_seconds=5,
)
