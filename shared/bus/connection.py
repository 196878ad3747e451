"""One connection to NATS: requests, answers, progress, and the events that the gateway follows.

Reconnects for ever. Waiting pulls and followers are told at once when the connection is back,
because nats-py does not notice that a restarted server has forgotten them (nats.py issue 504).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, TypeVar, cast

import msgspec
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import Header

from shared.bus.asking import Asking
from shared.bus.beats import BEAT_HEADER, WATCHED_SECONDS, Listening, SilenceError
from shared.bus.errors import BusUnavailable
from shared.bus.follow import StoredEvent, follow_events
from shared.bus.metrics import subject_label
from shared.bus.serving import (
    STATUS_HEADER,
    RawReply,
    RequestHandler,
    RequestT,
    Serving,
    nobody_there,
    service_of,
)
from shared.bus.trace import TRACEPARENT, next_traceparent
from shared.contracts.jobs import JobProgress
from shared.contracts.problems import Problem, ProblemError, problem, unavailable
from shared.contracts.requests import Request
from shared.contracts.topology import EVENT_STREAM, progress_subject
from shared.settings import NatsCredentials

R = TypeVar("R")

#: Seconds that a draining connection waits for what is in flight.
_DRAIN_SECONDS = 5
_RECONNECT_SECONDS = 0.2

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Bus:
    """One service's connection."""

    def __init__(
        self, client: Client, *, service: str, on_connection: Callable[[bool], None] | None
    ) -> None:
        self.service = service
        self.client = client
        self.jetstream: JetStreamContext = client.jetstream(timeout=5)
        self._on_connection = on_connection
        self._reconnected = asyncio.Event()
        self._asking = Asking(client)
        self._beats = Listening(client, service=service)

    @classmethod
    async def connect(
        cls,
        *,
        credentials: NatsCredentials,
        service: str,
        on_connection: Callable[[bool], None] | None = None,
        timeout_seconds: float = 30.0,
    ) -> Bus:
        """Connect, waiting for a server that is still starting.

        Raises ``BusUnavailable`` after *timeout_seconds*; wrong credentials look the same, because
        the client keeps trying.
        """
        client = Client()
        bus = cls(client, service=service, on_connection=on_connection)
        seed, password, token = credentials.nkey_seed, credentials.password, credentials.token
        try:
            async with asyncio.timeout(timeout_seconds):
                await client.connect(
                    credentials.url.split(","),
                    name=service,
                    inbox_prefix=f"_INBOX_{service}",
                    nkeys_seed_str=seed.reveal() if seed else None,
                    user=credentials.user,
                    password=password.reveal() if password else None,
                    token=token.reveal() if token else None,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=_RECONNECT_SECONDS,  # type: ignore[arg-type]
                    ping_interval=20,
                    drain_timeout=_DRAIN_SECONDS,
                    error_cb=bus._note_error,
                    disconnected_cb=bus._note_disconnected,
                    reconnected_cb=bus._note_reconnected,
                )
                await bus._asking.start()
        except (TimeoutError, OSError, nats.errors.Error) as error:
            with contextlib.suppress(Exception):
                await client.close()
            raise BusUnavailable("NATS cannot be reached, or refuses these credentials") from error
        if on_connection is not None:
            on_connection(True)
        return bus

    @property
    def max_payload_bytes(self) -> int:
        """The server's limit of one message."""
        return self.client.max_payload

    @property
    def is_connected(self) -> bool:
        """Whether the server is there right now."""
        return self.client.is_connected

    def next_reconnect(self) -> asyncio.Event:
        """Return what is set when the connection comes back the next time.

        Take it before asking the server for anything that a restart would make it forget.
        """
        return self._reconnected

    async def request(
        self,
        request: Request[R],
        *,
        subject: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
    ) -> R:
        """Ask and return the decoded reply. Raises ``ProblemError`` for everything that fails."""
        reply = await self.request_bytes(
            request, subject=subject, headers=headers, timeout_seconds=timeout_seconds
        )
        if request.reply is bytes:
            return cast("R", reply.body)
        return cast("R", msgspec.json.decode(reply.body, type=cast("type[Any]", request.reply)))

    async def request_bytes(
        self,
        request: Request[Any],
        *,
        subject: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
    ) -> RawReply:
        """Ask and return the reply as it came. Raises ``ProblemError`` for everything that fails.

        Nobody there: ``locked`` for a session, else ``service-unavailable``. No answer in time
        (also when the server refuses us the subject, which a client is not told): ``timeout``. Long
        requests are given up as ``service-unavailable`` when whoever took them has died.
        """
        subject = subject or request.subject
        if "." not in subject:
            raise ValueError(f"{type(request).__name__} needs the subject it is asked on")
        sent = {**(headers or {}), TRACEPARENT: next_traceparent()}
        try:
            message = await self._ask(
                subject, msgspec.json.encode(request), sent, timeout_seconds=timeout_seconds
            )
        except nats.errors.NoRespondersError:
            raise nobody_there(subject) from None
        except SilenceError:
            log.warning("request_forsaken", subject=subject_label(subject))
            raise unavailable(service_of(subject)) from None
        except TimeoutError:
            raise problem(
                "timeout",
                "The answer took too long.",
                504,
                "The work may still be going on; try again.",
                retry_after_seconds=2,
            ) from None
        except nats.errors.MaxPayloadError:
            raise problem("request-too-large", "The request is too large.", 413) from None
        except nats.errors.Error as error:
            log.warning("request_not_sent", subject=subject, error=type(error).__name__)
            raise unavailable("bus") from None
        received = message.headers or {}
        if received.get(STATUS_HEADER) != "200":
            raise ProblemError(_decode_problem(message.data))
        return RawReply(body=message.data, headers=received)

    async def _ask(
        self, subject: str, body: bytes, headers: dict[str, str], *, timeout_seconds: float
    ) -> Msg:
        if timeout_seconds < WATCHED_SECONDS:
            return await self._asking.request(
                subject, body, timeout_seconds=timeout_seconds, headers=headers
            )
        async with self._beats.expect() as address:
            return await self._asking.request(
                subject,
                body,
                timeout_seconds=timeout_seconds,
                headers={**headers, BEAT_HEADER: address},
            )

    async def store(
        self, subject: str, body: bytes, *, message_id: str, timeout_seconds: float
    ) -> None:
        """Put *body* into the event stream; the same *message_id* is stored once.

        Raises what ``JetStreamContext.publish`` does, which hands the server's answer through a
        queue and two tasks.
        """
        headers: dict[str, str] = {
            Header.MSG_ID: message_id,
            Header.EXPECTED_STREAM: EVENT_STREAM,
        }
        try:
            answer = await self._asking.request(
                subject, body, timeout_seconds=timeout_seconds, headers=headers
            )
        except TimeoutError:
            raise nats.errors.TimeoutError from None
        except nats.errors.NoRespondersError:
            raise nats.js.errors.NoStreamResponseError from None
        stored = msgspec.json.decode(answer.data)
        if "error" in stored:
            raise nats.js.errors.APIError.from_error(stored["error"])

    async def serve(
        self,
        request_type: type[RequestT],
        handler: RequestHandler[RequestT],
        *,
        subject: str | None = None,
        queue: str | msgspec.UnsetType | None = msgspec.UNSET,
    ) -> Serving:
        """Answer *request_type* with what *handler* returns or raises, until stopped.

        Replicas share the work unless *queue* is None, which asks every one of them. A handler
        returns the reply's struct, bytes that are the reply, or ``Serialized``.
        """
        subject = subject or request_type.subject
        if "." not in subject:
            raise ValueError(f"{request_type.__name__} needs the subject it is answered on")
        serving = Serving(self.client, subject=subject, request_type=request_type, handler=handler)
        await serving.start(queue=self.service if isinstance(queue, msgspec.UnsetType) else queue)
        return serving

    async def send_progress(self, progress: JobProgress) -> None:
        """Tell whoever listens how far a job is. Never stored; lost while disconnected."""
        if not self.client.is_connected:
            return
        with contextlib.suppress(nats.errors.Error):
            await self.client.publish(
                progress_subject(self.service, progress.job_id), msgspec.json.encode(progress)
            )

    async def follow_progress(self) -> AsyncGenerator[tuple[str, bytes], None]:
        """Yield subject and JSON of every job's progress, of all services, from now on."""
        subscription = await self.client.subscribe("progress.>")
        try:
            async for message in subscription.messages:
                yield message.subject, message.data
        finally:
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()

    def follow_events(self, *, after_sequence: int | None) -> AsyncGenerator[StoredEvent, None]:
        """Yield every event after *after_sequence* (None: from now on), in order, without gaps.

        Goes on by itself when the connection or the server was away.
        """
        return follow_events(
            self.client, self.jetstream, self.next_reconnect, after_sequence=after_sequence
        )

    async def last_sequence(self) -> int:
        """Return the sequence of the newest message in the event stream."""
        info = await self.jetstream.stream_info(EVENT_STREAM)
        return info.state.last_seq

    async def drain(self) -> None:
        """Send what is waiting to be sent and disconnect. Nothing can be asked afterwards."""
        try:
            await self.client.drain()
        except nats.errors.Error:
            # Not connected right now, or closed already: there is nobody to drain to.
            with contextlib.suppress(nats.errors.Error):
                await self.client.close()

    async def _note_error(self, error: Exception) -> None:
        # Also called at every failed attempt to reconnect, which on_connection has told already.
        if isinstance(error, OSError | EOFError | nats.errors.UnexpectedEOF):
            log.debug("bus_connection_error", error=type(error).__name__)
            return
        # The only place where a refused subject shows: the asker sees a timeout.
        log.warning("bus_error", error=type(error).__name__, detail=str(error)[:200])

    async def _note_disconnected(self) -> None:
        if self._on_connection is not None:
            self._on_connection(False)

    async def _note_reconnected(self) -> None:
        waiting, self._reconnected = self._reconnected, asyncio.Event()
        waiting.set()
        if self._on_connection is not None:
            self._on_connection(True)


def _decode_problem(body: bytes) -> Problem:
    try:
        return msgspec.json.decode(body, type=Problem)
    except msgspec.MsgspecError:
        return unavailable("bus").problem
