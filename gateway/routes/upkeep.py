"""Looking after what lies in destinations: the catalogue rebuilt, archives verified, deleted."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post

from gateway.authentication import needs
from gateway.parameters import UuidPath, passed_through, problems
from gateway.parts import GivenParts
from gateway.tokens import Caller
from shared.contracts.archiver import Accepted, DestinationId
from shared.contracts.archiver_upkeep import RebuildCatalogue


@post(
    "/api/destinations/{destination_id:str}/rebuild",
    status_code=202,
    opt=needs("admin"),
    responses=problems(409),
    tags=["archives"],
)
async def rebuild_catalogue(
    *, request: Request[Caller, Any, Any], parts: GivenParts, destination_id: UuidPath
) -> Response[Accepted]:
    """Take up the archives that lie there and are not listed, with their sources."""
    await parts.audit.record(request.user, "rebuild", f"destination {destination_id}")
    return passed_through(
        await parts.bus.request_bytes(
            RebuildCatalogue(destination_id=DestinationId(destination_id))
        )
    )


HANDLERS = (rebuild_catalogue,)
