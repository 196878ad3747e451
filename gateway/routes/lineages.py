"""Lineages: which device follows which. Offered after runs, decided by people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.params import JSONBody, QueryParameter

from gateway.authentication import needs
from gateway.parameters import (
    PROBLEMS,
    UDID_PATTERN,
    Cursor,
    Limit,
    UdidQuery,
    UuidPath,
    passed_through,
    problems,
)
from gateway.parts import GivenParts
from gateway.tokens import Caller
from shared.contracts.identifiers import Udid
from shared.contracts.lineage import (
    ConfirmLineage,
    DeclineLineage,
    LineageLink,
    ListLineages,
    UndoLineage,
)
from shared.contracts.requests import DEFAULT_LIMIT, Page


class Earlier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the two devices came first; null for what was offered, where that can be told."""

    earlier: Annotated[str, msgspec.Meta(pattern=UDID_PATTERN)] | None = None


@get("/api/lineages", opt=needs("read"), responses=PROBLEMS, tags=["devices"])
async def list_lineages(
    *,
    parts: GivenParts,
    wanted: Annotated[
        Literal["offered", "confirmed", "declined"] | None, QueryParameter(name="state")
    ] = None,
    device: UdidQuery = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[LineageLink]]:
    """List which devices follow each other: what is offered first, then what was decided last."""
    return passed_through(
        await parts.bus.request_bytes(
            ListLineages(
                state=wanted,
                device=Udid(device.upper()) if device else None,
                limit=limit,
                cursor=cursor,
            )
        )
    )


@post(
    "/api/lineages/{link_id:str}/confirm",
    status_code=202,
    opt=needs("write"),
    responses=problems(409),
    tags=["devices"],
)
async def confirm_lineage(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    link_id: UuidPath,
    data: JSONBody[Earlier | None] = None,
) -> LineageLink:
    """Make one history of the two devices; each keeps its own as well.

    The decision stands at once; lists and searches follow when the job `job_id` is completed. Until
    then things may be seen twice.
    409 where a device would come to be older than itself, or after a decline that stands.
    """
    earlier = Udid(data.earlier.upper()) if data and data.earlier else None
    return await _decide(
        request, parts, "confirm", ConfirmLineage(link_id=link_id, earlier=earlier)
    )


@post(
    "/api/lineages/{link_id:str}/decline",
    status_code=200,
    opt=needs("write"),
    responses=problems(409),
    tags=["devices"],
)
async def decline_lineage(
    *, request: Request[Caller, Any, Any], parts: GivenParts, link_id: UuidPath
) -> LineageLink:
    """Say that the two devices do not follow each other; they are not offered again."""
    return await _decide(request, parts, "decline", DeclineLineage(link_id=link_id))


@post(
    "/api/lineages/{link_id:str}/undo",
    status_code=202,
    opt=needs("write"),
    responses=PROBLEMS,
    tags=["devices"],
)
async def undo_lineage(
    *, request: Request[Caller, Any, Any], parts: GivenParts, link_id: UuidPath
) -> LineageLink:
    """Take a decision back: it is an offer again, and each device has its own history alone.

    Of a lineage that was confirmed that is so when the job `job_id` is completed.
    """
    return await _decide(request, parts, "undo", UndoLineage(link_id=link_id))


async def _decide(
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    action: str,
    decision: ConfirmLineage | DeclineLineage | UndoLineage,
) -> LineageLink:
    """Note who decides, and pass it on."""
    await parts.audit.record(request.user, action, f"lineage {decision.link_id}")
    return await parts.bus.request(decision)


HANDLERS = (list_lineages, confirm_lineage, decline_lineage, undo_lineage)
