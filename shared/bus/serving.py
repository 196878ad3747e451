"""Answering requests: one subscription, many requests at once, problems as data."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from shared.bus.beats import BEAT_HEADER, Beating
from shared.bus.errors import frames
from shared.bus.flushing import flush_in_order
from shared.bus.metrics import REQUEST_SECONDS, REQUESTS, subject_label
from shared.bus.trace import TRACEPARENT, enter_trace
from shared.contracts.problems import (
    ProblemError,
    bad_request,
    broken,
    database_full,
    export_gone,
    locked,
    problem,
    unavailable,
)
from shared.contracts.requests import Request
from shared.postgres import is_away, is_full

STATUS_HEADER = "Keepsake-Status"

#: Requests that one subscription works on at once; more wait.
MAX_CONCURRENT_REQUESTS = 64
#: Requests that are known to be here, so that whoever asked hears beats while they wait.
_MAX_TAKEN_REQUESTS = 1024
#: Room for the header lines that a reply carries beside its body.
_HEADER_ROOM_BYTES = 1024

RequestT = TypeVar("RequestT", bound=Request[Any])
RequestHandler = Callable[[RequestT, "RequestContext"], Awaitable[object]]

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """What came with a request beside its body."""

    headers: Mapping[str, str]
    traceparent: str | None


class Serialized(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that is encoded already, or that carries headers of its own."""

    body: bytes
    headers: dict[str, str] = {}


class RawReply(msgspec.Struct, frozen=True, kw_only=True):
    """A good reply as it came, undecoded."""

    body: bytes
    headers: dict[str, str]


class Serving:
    """One subject being answered. Made by ``Bus.serve``."""

    def __init__(
        self,
        client: Client,
        *,
        subject: str,
        request_type: type[RequestT],
        handler: RequestHandler[RequestT],
    ) -> None:
        self.subject = subject
        self._client = client
        self._label = subject_label(subject)
        self._decoder = msgspec.json.Decoder(request_type)
        self._handler: Callable[[Any, RequestContext], Awaitable[object]] = handler
        self._subscription: Subscription | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(_MAX_TAKEN_REQUESTS)
        self._room = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

    async def start(self, *, queue: str | None) -> None:
        """Subscribe. When it returns, requests from anywhere find us."""
        self._subscription = await self._client.subscribe(
            self.subject, queue=queue or "", cb=self._take
        )
        await flush_in_order(self._client)

    async def stop(self, *, grace_seconds: float = 3.0) -> None:
        """Take no more requests, let running ones finish for a while, then cancel them.

        When the server is reachable, later requests meet no responder once this returns.
        """
        deadline = asyncio.get_running_loop().time() + grace_seconds
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            try:
                async with asyncio.timeout_at(deadline):
                    await self._client._send_unsubscribe(subscription._id)  # noqa: SLF001
                    await flush_in_order(self._client)
                    await subscription.drain()  # type: ignore[no-untyped-call]
            except (nats.errors.Error, OSError):
                # Disconnected. nats-py 2.16 would subscribe again after reconnecting, because a
                # drain that fails leaves the subscription registered.
                self._client._remove_sub(subscription._id)  # noqa: SLF001
        running = self._running - {asyncio.current_task()}
        if running:
            # One deadline for both: the process has one grace and not one per step.
            remaining = max(0.0, deadline - asyncio.get_running_loop().time())
            _, late = await asyncio.wait(running, timeout=remaining)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _take(self, message: Msg) -> None:
        # nats-py waits for the callback before it hands over the next message, hence a task each.
        await self._places.acquire()
        task = asyncio.create_task(self._answer(message), name=f"answer {self.subject}")
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._places.release()

    async def _answer(self, message: Msg) -> None:
        started = time.monotonic()
        headers = message.headers or {}
        traceparent = enter_trace(headers.get(TRACEPARENT), subject=message.subject)
        status, reply_headers = 200, {}
        beating = Beating(
            self._client, service=service_of(self.subject), address=headers.get(BEAT_HEADER)
        )
        try:
            async with self._room:
                reply = await self._handle(
                    message.data, RequestContext(headers=headers, traceparent=traceparent)
                )
            body, reply_headers = reply.body, reply.headers
        except ProblemError as error:
            status, body = error.problem.status, msgspec.json.encode(error.problem)
        except Exception as error:  # noqa: BLE001 -- the asker must get an answer
            status, body = self._failed(error)
        except asyncio.CancelledError:
            # Stopping: what the asker would hear a moment later, instead of nothing until its
            # own time is over.
            gone = nobody_there(self.subject).problem
            await self._reply(message, gone.status, msgspec.json.encode(gone), {}, started)
            raise
        finally:
            beating.stop()
        await self._reply(message, status, body, reply_headers, started)

    def _failed(self, error: Exception) -> tuple[int, bytes]:
        """Say what an error means to the asker: that trying again helps, or that we are wrong."""
        if is_away(error) or self._subscription is None:
            log.warning("request_not_answered", error=type(error).__name__)
            away = unavailable(service_of(self.subject)).problem
            return away.status, msgspec.json.encode(away)
        if is_full(error):
            log.warning("request_without_room", error=type(error).__name__)
            full = database_full().problem
            return full.status, msgspec.json.encode(full)
        # Not the message: it may quote what was asked.
        log.error("request_failed", error=type(error).__name__, frames=frames(error))
        return 500, _INTERNAL

    async def _reply(
        self, message: Msg, status: int, body: bytes, headers: Mapping[str, str], started: float
    ) -> None:
        REQUESTS.labels(self._label, str(status)).inc()
        REQUEST_SECONDS.labels(self._label).observe(time.monotonic() - started)
        if not message.reply:
            return
        try:
            await self._client.publish(
                message.reply, body, headers={**headers, STATUS_HEADER: str(status)}
            )
        except nats.errors.Error as error:
            log.warning("reply_not_sent", error=type(error).__name__)

    async def _handle(self, body: bytes, context: RequestContext) -> Serialized:
        try:
            request = self._decoder.decode(body or b"{}")
        except msgspec.ValidationError as error:
            # Names the field and the types, never the value.
            raise bad_request(str(error)) from None
        except msgspec.DecodeError:
            raise bad_request("The request is not JSON.") from None
        reply = await self._handler(request, context)
        if not isinstance(reply, Serialized):
            body = reply if isinstance(reply, bytes) else msgspec.json.encode(reply)
            reply = Serialized(body=body)
        if len(reply.body) + _HEADER_ROOM_BYTES > self._client.max_payload:
            raise problem(
                "reply-too-large",
                "The answer is too large.",
                413,
                "Ask for less at once: a smaller limit, or fewer bytes.",
            )
        return reply


def service_of(subject: str) -> str:
    """Return the service that answers on *subject*."""
    first, second, *_ = subject.split(".")
    return second if first == "cmd" else first


def nobody_there(subject: str) -> ProblemError:
    """Return what an asker is told when nobody answers on *subject*."""
    first, second, *_ = subject.split(".")
    if (first, second) == ("unlock", "session"):
        return locked()
    if (first, second) == ("indexer", "export"):
        return export_gone()
    return unavailable(second)


_INTERNAL = msgspec.json.encode(broken().problem)
