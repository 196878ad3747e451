"""Times of which no backup tells, from what runs wrote down about their revisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from services.indexer.history import gaps
from services.indexer.history.gaps import Coverage, covered_since, find_gaps
from services.indexer.lineage.storage_view import devices_meant
from shared.contracts.gaps import DeviceGaps, Gap, KindGaps, ListGaps
from shared.contracts.identifiers import Udid

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection

_REVISIONS = """
select kind, taken_at, oldest_at, (report ->> 'keeps_days')::integer as keeps_days
from kind_index
where device = any($1) and state = 'indexed' and ($2::text is null or kind = $2)
  -- One that nobody has looked into yet does not say how far it reaches back.
  and rules > 0
order by kind, taken_at
"""


async def list_gaps(
    connection: Connection,
    request: ListGaps,
    *,
    most_bytes: int,  # noqa: ARG001 -- as all answers are made; gaps are fewer than revisions
) -> bytes:
    """Return the gaps of a device, kind by kind."""
    devices = await devices_meant(connection, request.device, lineage=request.lineage)
    assert devices is not None
    coverages = await _coverages(connection, devices, request.kind)
    found: defaultdict[str, list[Gap]] = defaultdict(list)
    for gap in find_gaps(coverages, with_survivors=request.survivors):
        found[gap.kind].append(_shown(gap))
    by_kind: defaultdict[str, list[Coverage]] = defaultdict(list)
    for coverage in coverages:
        by_kind[coverage.kind].append(coverage)
    return msgspec.json.encode(
        DeviceGaps(
            devices=[Udid(device) for device in devices],
            kinds=[_of_kind(kind, spans, found[kind]) for kind, spans in by_kind.items()],
        )
    )


async def gaps_of_kind(connection: Connection, devices: Sequence[str], kind: str) -> list[Gap]:
    """Return the times of which no backup of some devices tells anything of a kind."""
    return [_shown(gap) for gap in find_gaps(await _coverages(connection, devices, kind))]


async def _coverages(
    connection: Connection, devices: Sequence[str], kind: str | None
) -> list[Coverage]:
    rows = await connection.fetch(_REVISIONS, list(devices), kind)
    return [
        Coverage(
            row["kind"],
            covered_since(
                row["kind"],
                row["taken_at"],
                oldest_at=row["oldest_at"],
                keeps_days=row["keeps_days"],
            ),
            row["taken_at"],
        )
        for row in rows
    ]


def _shown(gap: gaps.Gap) -> Gap:
    return Gap(from_at=gap.since, to_at=gap.until, holds=gap.holds)


def _of_kind(kind: str, spans: list[Coverage], found: list[Gap]) -> KindGaps:
    begins = [span.since for span in spans]
    return KindGaps(
        kind=kind,
        covered_from=None if None in begins else min(one for one in begins if one is not None),
        covered_to=max(span.taken_at for span in spans),
        gaps=found,
    )
