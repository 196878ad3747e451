"""What backups tell of a device beside things: what changed between two, and what none tells."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get
from litestar.params import FromQuery, QueryParameter

from gateway.authentication import needs
from gateway.parameters import (
    PROBLEMS,
    KindQuery,
    Lineage,
    UdidPath,
    passed_through,
)
from gateway.parts import GivenParts
from shared.contracts.comparison import CompareRevisions, RevisionComparison
from shared.contracts.gaps import DeviceGaps, ListGaps
from shared.contracts.identifiers import Udid


@get(
    "/api/devices/{udid:str}/diff/summary",
    opt=needs("read"),
    responses=PROBLEMS,
    tags=["devices"],
)
async def compare_revisions(
    *,
    parts: GivenParts,
    udid: UdidPath,
    from_revision: Annotated[str, QueryParameter(name="from", max_length=200)],
    to_revision: Annotated[str, QueryParameter(name="to", max_length=200)],
) -> Response[RevisionComparison]:
    """Count what was added, removed (and why) and changed between two revisions, of every kind."""
    return passed_through(
        await parts.bus.request_bytes(
            CompareRevisions(
                device=Udid(udid.upper()), from_revision=from_revision, to_revision=to_revision
            )
        )
    )


@get("/api/devices/{udid:str}/gaps", opt=needs("read"), responses=PROBLEMS, tags=["devices"])
async def list_gaps(
    *,
    parts: GivenParts,
    udid: UdidPath,
    kind: KindQuery = None,
    survivors: FromQuery[bool] = False,
    lineage: Lineage = False,
) -> Response[DeviceGaps]:
    """List times of which no backup tells; with those of which only what survived is known."""
    return passed_through(
        await parts.bus.request_bytes(
            ListGaps(device=Udid(udid.upper()), kind=kind, survivors=survivors, lineage=lineage)
        )
    )


HANDLERS = (compare_revisions, list_gaps)
