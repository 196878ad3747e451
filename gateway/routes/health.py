"""Whether Keepsake lives, and whether every part of it answers. Open to everybody."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec
from litestar import Response, get
from litestar.openapi import ResponseSpec

from gateway.authentication import PUBLIC
from gateway.parameters import PROBLEMS
from gateway.parts import GivenParts
from shared.bus import Bus
from shared.contracts.health import DependencyHealth, GetHealth, ServiceHealth, health_subject
from shared.contracts.problems import ProblemError

SERVICES = ("discovery", "unlock", "indexer", "archiver")
_ASK_SECONDS = 2.0

#: Open routes know no callers.
_REFUSED = {status: PROBLEMS[status] for status in (400, 408, 414, 421, 431, 503)}


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["live"] = "live"


class ServiceReadiness(msgspec.Struct, frozen=True, kw_only=True):
    """How one service is."""

    state: Literal["ready", "degraded", "unavailable"]
    dependencies: dict[str, DependencyHealth] = {}


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """``ready`` when every dependency and every service is."""

    status: Literal["ready", "degraded"]
    dependencies: dict[str, DependencyHealth]
    services: dict[str, ServiceReadiness]


@get("/health/live", opt=PUBLIC, responses=_REFUSED, tags=["health"])
async def live() -> Live:
    """Answer as long as the gateway runs."""
    return Live()


@get(
    "/health/ready",
    opt=PUBLIC,
    responses=_REFUSED
    | {
        503: ResponseSpec(
            data_container=Readiness,
            description="A dependency or a service is not ready",
            generate_examples=False,
        )
    },
    tags=["health"],
)
async def ready(
    *,
    parts: GivenParts,
) -> Response[Readiness]:
    """Name each dependency and service; 503 while one of them is not ready."""
    ours, told = await asyncio.gather(
        parts.describe_health(), asyncio.gather(*(_ask(parts.bus, one) for one in SERVICES))
    )
    dependencies = ours.dependencies
    services = dict(zip(SERVICES, told, strict=True))
    states = [ours.state] + [one.state for one in told]
    is_ready = all(state == "ready" for state in states)
    readiness = Readiness(
        status="ready" if is_ready else "degraded", dependencies=dependencies, services=services
    )
    return Response(readiness, status_code=200 if is_ready else 503)


async def _ask(bus: Bus, service: str) -> ServiceReadiness:
    try:
        health: ServiceHealth = await bus.request(
            GetHealth(), subject=health_subject(service), timeout_seconds=_ASK_SECONDS
        )
    except ProblemError:
        return ServiceReadiness(state="unavailable")
    return ServiceReadiness(state=health.state, dependencies=health.dependencies)


HANDLERS = (live, ready)
