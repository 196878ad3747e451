"""What can be changed of a destination: its name, and how much is asked of the line to it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, patch
from litestar.params import JSONBody

from gateway.authentication import needs
from gateway.parameters import UuidPath, passed_through, problems
from gateway.parts import GivenParts
from gateway.routes.sources import Name
from gateway.tokens import Caller
from shared.contracts.archiver import Destination, DestinationId, DestinationLimits
from shared.contracts.archiver_limits import UpdateDestination

_MOST_BYTES = 1 << 40


class LimitsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All limits: one that is left out, or null, is lifted."""

    #: Each way, of what rclone reaches.
    bytes_per_second: Annotated[int, msgspec.Meta(ge=1024, le=_MOST_BYTES)] | None = None
    #: Archives are begun in these only, by the machine's clock: `22:00-06:00`.
    hours: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$")] | None = (
        None
    )


class DestinationChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed; where it lies cannot be."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    limits: LimitsBody | msgspec.UnsetType = msgspec.UNSET


@patch(
    "/api/destinations/{destination_id:str}",
    opt=needs("admin"),
    responses=problems(409),
    tags=["archives"],
)
async def update_destination(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    destination_id: UuidPath,
    data: JSONBody[DestinationChange],
) -> Response[Destination]:
    """Change a destination's name or limits; what is under way keeps to a new rate at once."""
    await parts.audit.record(request.user, "change", f"destination {destination_id}")
    limits: DestinationLimits | msgspec.UnsetType = msgspec.UNSET
    if isinstance(data.limits, LimitsBody):
        limits = DestinationLimits(
            bytes_per_second=data.limits.bytes_per_second, hours=data.limits.hours
        )
    return passed_through(
        await parts.bus.request_bytes(
            UpdateDestination(
                destination_id=DestinationId(destination_id), name=data.name, limits=limits
            )
        )
    )


HANDLERS = (update_destination,)
