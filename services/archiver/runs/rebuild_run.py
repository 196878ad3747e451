"""The catalogue is made again from what lies in a destination."""

from __future__ import annotations

from typing import Any

from services.archiver.runs.upkeep_work import UpkeepWork


async def rebuild(work: UpkeepWork) -> dict[str, Any]:
    """Take up every archive that the catalogue does not know, and what they need.

    The caller is the only one who writes there.
    """
    async with work.place.reached() as transport:
        taken = await work.take_up(transport)
    return {**taken.report(), "wrong": taken.left_out_count + taken.damaged_count}
