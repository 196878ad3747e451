"""Signs of life while a long request is worked on, so that nobody waits for a process that died.

A request that was taken by a process which is then killed is answered by nobody, and NATS says
nothing. So whoever works on one sends an empty message every second to an address that came with
the request, and an asker who hears neither a beat nor the answer for a while stops waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import secrets
from collections.abc import AsyncIterator

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.bus.flushing import flush_in_order
from shared.contracts.topology import beat_subject

#: On a request: where its beats are expected, without the first two words of the subject.
BEAT_HEADER = "Keepsake-Beat"
#: Between two beats; a request that is answered sooner has none.
BEAT_SECONDS = 1.0
#: Longer than a process that is merely held up for a moment says nothing.
SILENCE_SECONDS = 6.0
#: Requests that may take at least so long are watched.
WATCHED_SECONDS = 30.0

_ADDRESS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[0-9]+")


class SilenceError(Exception):
    """Nobody works on the request any more, or nobody can say so."""


class Listening:
    """The beats that one connection waits for: a single subscription for all of its requests."""

    def __init__(self, client: Client, *, service: str) -> None:
        self._client = client
        self._prefix = f"{service}.{secrets.token_hex(8)}"
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Timeout] = {}
        self._subscribing: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def expect(self) -> AsyncIterator[str]:
        """Give the header's value for one request; leave it with ``SilenceError`` on silence."""
        if self._subscribing is None or (
            self._subscribing.done() and self._subscribing.exception() is not None
        ):
            self._subscribing = asyncio.create_task(self._subscribe(), name="beats")
        # Shared by all who ask first: one of them may be cancelled meanwhile.
        await asyncio.shield(self._subscribing)
        address = f"{self._prefix}.{next(self._numbers)}"
        limit = asyncio.timeout(SILENCE_SECONDS)
        try:
            async with limit:
                self._waiting[address] = limit
                yield address
        except TimeoutError:
            if limit.expired():
                raise SilenceError from None
            raise
        finally:
            self._waiting.pop(address, None)

    async def _subscribe(self) -> None:
        await self._client.subscribe(beat_subject("*", f"{self._prefix}.>"), cb=self._hear)
        await flush_in_order(self._client)

    async def _hear(self, message: Msg) -> None:
        limit = self._waiting.get(message.subject.split(".", 2)[2])
        if limit is not None and not limit.expired():
            limit.reschedule(asyncio.get_running_loop().time() + SILENCE_SECONDS)


class Beating:
    """The beats of one request that is being worked on, from the first second until ``stop``."""

    def __init__(self, client: Client, *, service: str, address: str | None) -> None:
        self._client = client
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        if address is not None and _ADDRESS.fullmatch(address):
            self._subject = beat_subject(service, address)
            self._again()

    def stop(self) -> None:
        """Say nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()

    def _again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        self._sending = asyncio.create_task(self._send(), name="beat")
        self._again()

    async def _send(self) -> None:
        # Disconnected: the asker stops waiting, and it could not hear the answer either.
        with contextlib.suppress(nats.errors.Error):
            await self._client.publish(self._subject, b"")
