"""Looking for devices that hold the same things, after a run: by samples, never by whole tables.

A few hundred keys of each kind are looked up among the other devices, and where some are found, as
many of the other device's among this one's: a phone of many years has little of what the next one
has, and the other way round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import asyncpg
import msgspec
import structlog

from services.indexer.lineage.evidence import (
    ANY_UUID,
    OWN_KEYS,
    OWN_KINDS,
    SHARED_KINDS,
    WRITTEN_KINDS,
    Offer,
    Share,
    Side,
    better,
    judge,
)
from services.indexer.lineage.storage_links import record_offer, withdraw_offer
from services.indexer.sql import statement

if TYPE_CHECKING:
    from services.indexer.lineage.storage import Connection

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Gives what the devices are, by UDID, as far as it is known: ``iPhone12,1``.
Types = Callable[[list[str]], Awaitable[Mapping[str, str | None]]]

#: So many keys of each kind are looked up.
SAMPLE = 200
#: So many rows of a table that takes everything are looked at to choose from.
_CHOICE = 4_000
#: An offer is not worth more than this.
_TIMEOUT_MS = 5_000
#: Devices that are compared from the other side as well, those with the most first.
_MOST_DEVICES = 8


class Known(NamedTuple):
    """Keys of a kind, and whether the owner wrote or did it."""

    keys: list[str]
    is_me: list[bool]


async def look_for_lineages(connection: Connection, device: str, types: Types) -> None:
    """Offer what is found of a device that was indexed; whatever goes wrong, nothing else suffers.

    Idempotent: what was found before is said anew, what was decided stands.
    """
    try:
        await _look(connection, device, types)
    except asyncpg.PostgresError as error:
        # It took too long, or a table that was being looked into has gone.
        log.warning("lineage_look_given_up", error=type(error).__name__)


async def find_unlooked(connection: Connection) -> list[str]:
    """Return the devices of which something was indexed since it was looked for others."""
    rows = await connection.fetch(statement("lineage", "unlooked"))
    return [row["device"] for row in rows]


async def _look(connection: Connection, device: str, types: Types) -> None:
    async with connection.transaction(readonly=True):
        await connection.execute(f"set local statement_timeout = {_TIMEOUT_MS}")
        await connection.execute("set local plan_cache_mode = force_custom_plan")
        until = await connection.fetchval(
            "select max(indexed_at) from kind_index where device = $1", device
        )
        found = await _compare(connection, device)
        sides = await _sides(connection, [device, *found])
    known = await types(list(sides)) if found else {}
    sides = {
        one: msgspec.structs.replace(side, product_type=known.get(one))
        for one, side in sides.items()
    }
    # What was forgotten meanwhile is not offered.
    judged = [
        judge(sides[device], sides[other], list(shares.values()))
        for other, shares in found.items()
        if device in sides and other in sides
    ]
    offers = [offer for offer in judged if offer is not None]
    async with connection.transaction():
        await _offer(connection, device, offers)
        if until is not None:
            await connection.execute(statement("lineage", "looked"), device, until)


async def _compare(connection: Connection, device: str) -> dict[str, dict[str, Share]]:
    """Return by other device and kind what they share."""
    found: defaultdict[str, dict[str, Share]] = defaultdict(dict)
    kinds = await _kinds(connection, device)
    for kind in kinds:
        sample = await sample_keys(connection, device, kind)
        for other, count in (await _find(connection, sample, device, kind, None)).items():
            found[other][kind] = Share(kind=kind, looked_at=len(sample.keys), found=count)
    others = sorted(found, key=lambda one: -sum(s.found for s in found[one].values()))
    for other in others[:_MOST_DEVICES]:
        for kind in set(kinds) & set(await _kinds(connection, other)):
            sample = await sample_keys(connection, other, kind)
            count = (await _find(connection, sample, other, kind, device)).get(device, 0)
            share = Share(kind=kind, looked_at=len(sample.keys), found=count)
            found[other][kind] = better(found[other].get(kind, share), share)
    return found


async def _offer(connection: Connection, device: str, offers: Sequence[Offer]) -> None:
    """Offer these and nothing else of the device; what was decided stands."""
    offered = await connection.fetch(
        "select earlier, later from lineage_link"
        " where state = 'offered' and $1 in (earlier, later)",
        device,
    )
    for offer in offers:
        await record_offer(connection, offer, link_id=uuid4())
    pairs = {frozenset((offer.earlier, offer.later)) for offer in offers}
    for row in offered:
        if frozenset((row["earlier"], row["later"])) not in pairs:
            await withdraw_offer(connection, row["earlier"], row["later"])


async def _kinds(connection: Connection, device: str) -> list[str]:
    rows = await connection.fetch(
        "select kind from kind_total where device = $1 and artifact_count > 0"
        " and kind = any($2::text[]) order by kind",
        device,
        [*OWN_KINDS, *SHARED_KINDS],
    )
    return [row["kind"] for row in rows]


async def sample_keys(connection: Connection, device: str, kind: str) -> Known:
    """Return some keys of a kind that a phone made up itself, of all times, the same every time."""
    is_written = kind in WRITTEN_KINDS
    pattern = OWN_KEYS.get(kind, ANY_UUID)
    rows = list(
        await connection.fetch(
            statement("lineage", "sample_open"), device, kind, is_written, _CHOICE, SAMPLE, pattern
        )
    )
    shards = await connection.fetch(
        "select shard, row_count from artifact_shard where state = 'attached' and device = $1"
        " and kind = $2 order by shard",
        device,
        kind,
    )
    for shard in shards:
        wanted = SAMPLE / len(shards)
        # Pages that are chosen hold several rows, of which some are not asked for.
        percent = min(100.0, 400.0 * wanted / max(1, shard["row_count"]))
        text = statement("lineage", "sample_table").format(
            shard=shard["shard"], percent=f"{percent:.4f}", most=int(wanted) + 1
        )
        rows += await connection.fetch(text, is_written, pattern)
    rows.sort(key=lambda row: row["place"])
    rows = rows[:SAMPLE]
    return Known([row["key"] for row in rows], [row["is_me"] for row in rows])


async def _find(
    connection: Connection, sample: Known, device: str, kind: str, other: str | None
) -> dict[str, int]:
    if not sample.keys:
        return {}
    rows = await connection.fetch(
        statement("lineage", "sampled_elsewhere"),
        *(sample.keys, sample.is_me, kind, device, other),
    )
    return {row["device"]: row["found"] for row in rows}


async def _sides(connection: Connection, devices: list[str]) -> dict[str, Side]:
    rows = await connection.fetch(
        "select device, min(taken_at) as first_at, max(taken_at) as last_at from revision"
        " where device = any($1::text[]) group by device",
        devices,
    )
    return {
        row["device"]: Side(device=row["device"], first_at=row["first_at"], last_at=row["last_at"])
        for row in rows
    }
