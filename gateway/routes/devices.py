"""Devices, their indexed revisions, and what changed between two of them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response, get
from litestar.params import QueryParameter

from gateway.authentication import needs
from gateway.parameters import PROBLEMS, Cursor, Limit, Reveal, UdidPath, passed_through, problems
from gateway.parts import GivenParts
from gateway.tokens import Caller
from shared.contracts.discovery import Device, GetDevice, ListDevices
from shared.contracts.identifiers import Udid
from shared.contracts.indexer import (
    DiffRevisions,
    ListRevisions,
    RevisionDiff,
    RevisionSummary,
)
from shared.contracts.lineage import GetDeviceLineage
from shared.contracts.problems import ProblemError
from shared.contracts.requests import DEFAULT_LIMIT, Page

_log = structlog.get_logger("gateway")

_LINEAGE_SECONDS = 5.0


@get("/api/devices", opt=needs("read"), responses=PROBLEMS, tags=["devices"])
async def list_devices(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    reveal: Reveal = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[Device]]:
    """List devices, the one with the newest backup first."""
    await parts.audit.reveal(request.user, "devices", wanted=reveal)
    return passed_through(
        await parts.bus.request_bytes(ListDevices(reveal=reveal, limit=limit, cursor=cursor))
    )


@get("/api/devices/{udid:str}", opt=needs("read"), responses=PROBLEMS, tags=["devices"])
async def get_device(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    udid: UdidPath,
    reveal: Reveal = False,
) -> Response[Device]:
    """Show one device, with the devices that it follows and that follow it."""
    await parts.audit.reveal(request.user, f"device {udid}", wanted=reveal)
    device = await parts.bus.request(GetDevice(udid=_udid(udid), reveal=reveal))
    try:
        lineage = await parts.bus.request(
            GetDeviceLineage(device=device.udid), timeout_seconds=_LINEAGE_SECONDS
        )
    except ProblemError as error:
        _log.warning("lineage_unknown", problem=error.problem.type)
        return Response(device, headers={"keepsake-degraded": "indexer"})
    return Response(msgspec.structs.replace(device, lineage=lineage))


@get(
    "/api/devices/{udid:str}/revisions",
    opt=needs("read"),
    responses=PROBLEMS,
    tags=["devices"],
)
async def list_revisions(
    *,
    parts: GivenParts,
    udid: UdidPath,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[RevisionSummary]]:
    """List indexed revisions with counts and changes per kind, newest first."""
    return passed_through(
        await parts.bus.request_bytes(ListRevisions(device=_udid(udid), limit=limit, cursor=cursor))
    )


@get(
    "/api/devices/{udid:str}/diff",
    opt=needs("read"),
    responses=problems(409),
    tags=["devices"],
)
async def diff_revisions(
    *,
    parts: GivenParts,
    udid: UdidPath,
    from_revision: Annotated[str, QueryParameter(name="from", max_length=200)],
    to_revision: Annotated[str, QueryParameter(name="to", max_length=200)],
    kind: Annotated[str, QueryParameter(pattern=r"^[a-z_]{1,40}$")],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[RevisionDiff]:
    """Show what was added, removed and changed between two revisions, of one kind."""
    return passed_through(
        await parts.bus.request_bytes(
            DiffRevisions(
                device=_udid(udid),
                from_revision=from_revision,
                to_revision=to_revision,
                kind=kind,
                limit=limit,
                cursor=cursor,
            )
        )
    )


def _udid(text: str) -> Udid:
    return Udid(text.upper())


HANDLERS = (list_devices, get_device, list_revisions, diff_revisions)
