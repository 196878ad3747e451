"""How an export looks at devices: each as of one moment, and which of them count as one.

Every device is looked at as of its newest revision when the export began, so what an index run adds
or removes meanwhile does not change what is exported. Where lineages are asked for, what a newer
device of the lineage had by the newest of these moments is left out of the others.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from services.indexer.browsing.storage_artifacts import utc
from services.indexer.lineage.storage_view import see_once
from shared.contracts.problems import ProblemError, problem

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Conditions, Connection
    from shared.contracts.exports import ExportQuery


#: How long an export waits until lineages that were decided about fit what was decided.
_PATIENCE_SECONDS = 600.0
_POLL_SECONDS = 0.5


class Viewpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What of each device is seen."""

    #: As of when each device is looked at.
    moments: Mapping[str, dt.datetime] = {}
    #: By device the devices of its lineage, the oldest first; empty where none are asked for.
    lineages: Mapping[str, Sequence[str]] = {}

    def devices_of(self, device: str) -> Sequence[str]:
        """Return the devices that *device* is one with, the oldest first."""
        return self.lineages.get(device, (device,))

    def meant(self, device: str | None) -> list[str]:
        """Return the devices that are asked for and of which something is known."""
        devices = self.moments if device is None else self.devices_of(device)
        return [one for one in devices if one in self.moments]

    def see(self, where: Conditions, device: str, removed: str) -> None:
        """Require of an artifact ``a`` of *device* that it is seen."""
        where.see(removed, self.moments[device])
        if device in self.lineages:
            own = (self.moments[one] for one in self.lineages[device] if one in self.moments)
            see_once(where, max(own))


async def find_viewpoint(connection: Connection, query: ExportQuery) -> Viewpoint:
    """Return how *query* looks at devices from now on."""
    rows = await connection.fetch(
        "select device, max(taken_at) as at from revision group by device"
    )
    moments: dict[str, dt.datetime] = {row["device"]: row["at"] for row in rows}
    as_of = utc(query.as_of)
    if as_of is not None:
        moments = dict.fromkeys(moments, as_of)
    if not query.lineage:
        return Viewpoint(moments=moments)
    await _wait_until_arranged(connection)
    devices: defaultdict[str, list[str]] = defaultdict(list)
    for row in await connection.fetch(
        "select lineage, device from lineage_device order by lineage, place"
    ):
        devices[row["lineage"]].append(row["device"])
    return Viewpoint(
        moments=moments,
        lineages={device: own for own in devices.values() for device in own},
    )


async def _wait_until_arranged(connection: Connection) -> None:
    """Wait while a decision about lineages is carried out: until then things would come twice.

    Raises the 503 problem when that takes too long, after which the export is tried again.
    """
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while await connection.fetchval("select exists (select from lineage_left)"):  # noqa: ASYNC110 -- a table's
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise _being_arranged() from None


def _being_arranged() -> ProblemError:
    return problem(
        "service-unavailable",
        "Phones are being put together to one history.",
        503,
        "A decision about lineages is being carried out; its job says how far it is. Retry the"
        " export when that is done.",
    )
