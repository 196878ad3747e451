"""Everything that lives as long as the gateway, and that routes ask for by one name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import msgspec
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from gateway.audit import Audit
from gateway.content import ContentSource
from gateway.live_events import LiveEvents
from gateway.session_access import SessionAccess
from gateway.streaming import Limit
from gateway.thumbnails import Thumbnails
from gateway.tokens import Tokens
from shared.bus import Bus
from shared.contracts.health import ServiceHealth
from shared.contracts.unlock import READ_CHUNK_BYTES
from shared.settings import Settings

_MAX_STREAMS = 64
#: Each zip holds a thread of the loop's executor.
_MAX_ZIPS = 3
_MAX_UNLOCKS = 8
#: Being made or waiting for it: several pages of pictures.
_MAX_THUMBNAILS = 256
#: Left of a NATS message for its headers.
_HEADER_ROOM_BYTES = 8192


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What routes work with."""

    bus: Bus
    pool: asyncpg.Pool[Any]
    #: How the gateway itself is.
    describe_health: Callable[[], Awaitable[ServiceHealth]]
    tokens: Tokens
    audit: Audit
    sessions: SessionAccess
    contents: ContentSource
    live: LiveEvents
    unlock_slots: Limit
    zip_slots: Limit
    chunk_bytes: int
    thumbnails: Thumbnails


#: What a route takes them as: there is nothing to validate about them.
GivenParts = NamedDependency[SkipValidation[Parts]]


def build_parts(
    bus: Bus,
    pool: asyncpg.Pool[Any],
    settings: Settings,
    *,
    describe_health: Callable[[], Awaitable[ServiceHealth]],
) -> Parts:
    """Make everything that lives as long as the gateway."""
    sessions_access = SessionAccess(bus)
    chunk_bytes = max(4096, min(READ_CHUNK_BYTES, bus.max_payload_bytes - _HEADER_ROOM_BYTES))
    contents = ContentSource(
        sessions_access, slots=Limit(_MAX_STREAMS, what="downloads"), chunk_bytes=chunk_bytes
    )
    return Parts(
        bus=bus,
        pool=pool,
        describe_health=describe_health,
        tokens=Tokens(pool, bootstrap=settings.api_token, clock=lambda: dt.datetime.now(dt.UTC)),
        audit=Audit(pool),
        sessions=sessions_access,
        contents=contents,
        live=LiveEvents(bus),
        unlock_slots=Limit(_MAX_UNLOCKS, what="unlocks"),
        zip_slots=Limit(_MAX_ZIPS, what="zips"),
        chunk_bytes=chunk_bytes,
        thumbnails=Thumbnails(
            sessions_access,
            contents,
            chunk_bytes=chunk_bytes,
            slots=Limit(_MAX_THUMBNAILS, what="small pictures"),
        ),
    )
