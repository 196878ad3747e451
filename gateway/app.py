"""The HTTP application: routes, what they are given, who may call them, how errors look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import asyncpg
import msgspec
from litestar import Litestar, Request
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.types import ASGIApp

from gateway.audit import Audit
from gateway.authentication import Authentication
from gateway.content import ContentSource
from gateway.front import Front
from gateway.live_events import LiveEvents
from gateway.openapi import openapi_config
from gateway.problems import on_exception, on_http_exception, on_problem, on_recursion
from gateway.routes import (
    backups,
    dead_letters,
    devices,
    events,
    files,
    health,
    history,
    index,
    jobs,
    search,
    sessions,
    tokens,
)
from gateway.session_access import SessionAccess
from gateway.streaming import Limit
from gateway.tokens import Caller, Tokens
from shared.bus import Bus
from shared.contracts.problems import ProblemError
from shared.contracts.unlock import READ_CHUNK_BYTES
from shared.settings import Settings

MAX_BODY_BYTES = 1 << 20
_MAX_STREAMS = 64
#: Each zip holds a thread of the loop's executor.
_MAX_ZIPS = 3
_MAX_UNLOCKS = 8
#: Left of a NATS message for its headers.
_HEADER_ROOM_BYTES = 8192

_ROUTES = (
    health,
    devices,
    backups,
    sessions,
    files,
    index,
    history,
    search,
    jobs,
    events,
    dead_letters,
    tokens,
)


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What handlers may ask for, by the names of these fields."""

    bus: Bus
    pool: asyncpg.Pool[Any]
    tokens: Tokens
    audit: Audit
    sessions: SessionAccess
    contents: ContentSource
    live: LiveEvents
    unlock_slots: Limit
    zip_slots: Limit
    chunk_bytes: int


def build_parts(bus: Bus, pool: asyncpg.Pool[Any], settings: Settings) -> Parts:
    """Make everything that lives as long as the gateway."""
    sessions_access = SessionAccess(bus)
    chunk_bytes = max(4096, min(READ_CHUNK_BYTES, bus.max_payload_bytes - _HEADER_ROOM_BYTES))
    return Parts(
        bus=bus,
        pool=pool,
        tokens=Tokens(pool, bootstrap=settings.api_token, clock=lambda: dt.datetime.now(dt.UTC)),
        audit=Audit(pool),
        sessions=sessions_access,
        contents=ContentSource(
            sessions_access,
            slots=Limit(_MAX_STREAMS, what="downloads"),
            chunk_bytes=chunk_bytes,
        ),
        live=LiveEvents(bus),
        unlock_slots=Limit(_MAX_UNLOCKS, what="unlocks"),
        zip_slots=Limit(_MAX_ZIPS, what="zips"),
        chunk_bytes=chunk_bytes,
    )


def build_app(parts: Parts, *, hosts: Iterable[str]) -> ASGIApp:
    """Return the application with its front."""
    dependencies = {
        name: Provide(_constant(getattr(parts, name)), sync_to_thread=False)
        for name in Parts.__struct_fields__
    }
    app = Litestar(
        [handler for module in _ROUTES for handler in module.HANDLERS],
        dependencies={**dependencies, "caller": Provide(_caller, sync_to_thread=False)},
        middleware=[DefineMiddleware(Authentication, tokens=parts.tokens)],
        exception_handlers={
            ProblemError: on_problem,
            HTTPException: on_http_exception,
            RecursionError: on_recursion,
            Exception: on_exception,
        },
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=openapi_config(),
        logging_config=None,
        debug=False,
    )
    return Front(app, hosts=hosts)


def _constant(value: Any) -> Any:
    def provide() -> Any:
        return value

    return provide


def _caller(request: Request[Any, Any, Any]) -> Caller:
    caller = request.scope.get("user")
    assert isinstance(caller, Caller)
    return caller
