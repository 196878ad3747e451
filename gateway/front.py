"""What surrounds the application: host names, address length, safe headers, one line per request.

It is plain ASGI around everything, so that also answers made by the framework itself (404, 405)
pass through it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gateway import metrics
from gateway.problems import MEDIA_TYPE, encode_problem
from shared.contracts.problems import Problem, unavailable

#: Longest path with its query. Cursors and search texts fit.
MAX_ADDRESS_BYTES = 8192

_PROBED = frozenset({"/health/live", "/health/ready"})

_SAFE_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # Answers hold people's lives; no cache on disk may keep them.
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_SAFE_NAMES = frozenset(name for name, _ in _SAFE_HEADERS)
#: What the framework would answer with a page of its own.
_SCHEMA_PATHS = frozenset({"/schema", "/schema/", "/schema/openapi.json"})
#: Our own page has its style inside, and no script.
_PAGE_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
)


class Front:
    """The outermost application; wraps the Litestar one."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts if host)
        # Bound once: structlog's lazy logger assembles itself anew for every line, written or not.
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("gateway").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, hand on, and write the access line."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = with_safe_headers(message["headers"], scope["path"])
            await send(message)

        refusal = self._refusal(scope)
        try:
            if refusal is not None:
                await _answer(refusal, observed_send)
            else:
                await self._app(scope, receive, observed_send)
        except asyncio.CancelledError:
            # The server stops and ends what is late. Without an answer it would say a bare 500.
            if not status:
                await _answer(unavailable("gateway").problem, observed_send)
            raise
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _refusal(self, scope: Any) -> Problem | None:
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_ADDRESS_BYTES:
            return Problem(
                type="/problems/address-too-long", title="The address is too long.", status=414
            )
        if scope["path"].startswith("/schema") and scope["path"] not in _SCHEMA_PATHS:
            return Problem(
                type="/problems/not-found", title="There is nothing at this address.", status=404
            )
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        if not is_host_served(host.decode("latin-1"), self._hosts):
            return Problem(
                type="/problems/wrong-host",
                title="This host name is not served here.",
                status=421,
                detail="Add the name to KEEPSAKE_HTTP__ALLOWED_HOSTS if it is yours.",
            )
        return None

    def _note(self, scope: Any, status: int, seconds: float) -> None:
        # The template, not the address: an unknown address may hold anything, even a token.
        template = scope.get("path_template")
        caller = scope.get("user")
        # Probes ask every few seconds; what they are told is in the metrics as well.
        log = self._log.debug if template in _PROBED and status < 400 else self._log.info
        log(
            "request",
            method=scope["method"],
            route=template,
            status=status,
            seconds=round(seconds, 4),
            token_id=getattr(caller, "token_id", None),
        )
        metrics.observe_request(scope["method"], template, status, seconds)


@lru_cache(maxsize=256)
def is_host_served(header: str, names: frozenset[str]) -> bool:
    """Whether a Host header may be ours.

    A web page that rebinds its own name to this machine sends that name, so names must be known.
    Addresses cannot be rebound.
    """
    host = header.strip().lower()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") <= 1:
        host = host.partition(":")[0]
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost") or host in names:
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def with_safe_headers(
    headers: Iterable[tuple[bytes, bytes]], path: str
) -> list[tuple[bytes, bytes]]:
    """Return *headers* and what disarms an answer, where they do not say it themselves."""
    given = list(headers)
    if path == "/schema":
        given.append(_PAGE_POLICY)
    present = {name.lower() for name, _ in given}
    if present.isdisjoint(_SAFE_NAMES):
        return [*given, *_SAFE_HEADERS]
    return [*given, *((name, value) for name, value in _SAFE_HEADERS if name not in present)]


async def _answer(problem: Problem, send: Any) -> None:
    body, headers = encode_problem(problem)
    headers |= {"content-type": MEDIA_TYPE, "content-length": str(len(body))}
    await send(
        {
            "type": "http.response.start",
            "status": problem.status,
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
