"""Links between devices: offers, and what people decided about them.

A decision is stored at once, with the job that carries it out (storage_arranging). Decisions are
over UDIDs, so they outlive what is indexed, and wait for nothing but each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec

from services.indexer.jobs.storage import UNDER_WAY, create_lineage_job, find_job
from services.indexer.lineage.algebra import Link, closes_circle, follows, lineages
from services.indexer.lineage.evidence import Evidence, Offer, in_words
from services.indexer.sql import statement
from shared.bus import publish
from shared.contracts.events import LineageRequested
from shared.contracts.identifiers import JobId, Udid
from shared.contracts.lineage import (
    ConfirmLineage,
    DeclineLineage,
    DeviceLineage,
    GetDeviceLineage,
    LineageLink,
    LinkState,
    ListLineages,
    SharedKind,
    UndoLineage,
)
from shared.contracts.problems import ProblemError, bad_request, not_found, problem
from shared.contracts.requests import Page
from shared.cursors import read_cursor, read_limit, write_cursor

if TYPE_CHECKING:
    from services.indexer.lineage.storage import Connection


class LinkPlace(msgspec.Struct, frozen=True, array_like=True):
    """How many links came on the pages before."""

    skipped: int


async def list_lineages(connection: Connection, request: ListLineages) -> Page[LineageLink]:
    """Return links, offers first, then what was decided last."""
    limit = read_limit(request.limit)
    skipped = 0
    if request.cursor is not None:
        skipped = max(read_cursor(request.cursor, LinkPlace).skipped, 0)
    links = await _fetch(connection, state=request.state, device=request.device)
    end = skipped + limit
    return Page(
        items=links[skipped:end],
        next_cursor=write_cursor(LinkPlace(end)) if len(links) > end else None,
    )


async def get_device_lineage(connection: Connection, request: GetDeviceLineage) -> DeviceLineage:
    """Return the lineage of a device, itself alone where it has none."""
    return DeviceLineage(
        devices=[Udid(one) for one in await lineage_of(connection, request.device)],
        links=await _fetch(connection, device=request.device),
    )


async def lineage_of(connection: Connection, device: str) -> list[str]:
    """Return the devices of the lineage of *device*, the oldest first."""
    rows = await connection.fetch(
        "select m.device from lineage_device d join lineage_device m on m.lineage = d.lineage"
        " where d.device = $1 order by m.place",
        device,
    )
    return [row["device"] for row in rows] or [device]


async def confirm_lineage(
    connection: Connection, request: ConfirmLineage, *, traceparent: str | None = None
) -> LineageLink:
    """Decide that two devices are one history; the job named makes it one."""
    async with connection.transaction():
        await _hold_decisions(connection)
        link = await _find(connection, request.link_id)
        if link.state == "declined":
            raise _conflict("It was declined.", "Undo that first.")
        earlier = request.earlier
        if earlier is None:
            if not link.is_directed and link.state != "confirmed":
                raise bad_request(
                    "It cannot be told which of the two came first: say it with earlier.",
                    parameter="earlier",
                )
            earlier = link.earlier
        if earlier not in (link.earlier, link.later):
            raise bad_request("earlier is neither of the two devices.", parameter="earlier")
        later = link.later if earlier == link.earlier else link.earlier
        if link.state == "confirmed":
            if earlier != link.earlier:
                raise _conflict("It was confirmed the other way round.", "Undo that first.")
            return await _carried_out(connection, link, traceparent)
        if closes_circle(await confirmed_links(connection), Link(earlier, later)):
            raise _conflict(
                "A device would come to be older than itself.",
                "What was confirmed before says that it is the other way round; undo that first.",
            )
        await connection.execute(
            "update lineage_link set state = 'confirmed', earlier = $2, later = $3,"
            " decided_at = clock_timestamp() where id = $1",
            UUID(link.id),
            earlier,
            later,
        )
        await _ask_for_job(connection, link, traceparent)
        return await _find(connection, link.id)


async def decline_lineage(connection: Connection, request: DeclineLineage) -> LineageLink:
    """Say that two devices do not follow each other."""
    async with connection.transaction():
        await _hold_decisions(connection)
        link = await _find(connection, request.link_id)
        if link.state == "confirmed":
            raise _conflict("It was confirmed.", "Undo that first.")
        await _decide(connection, link, "declined")
        return await _find(connection, link.id)


async def undo_lineage(
    connection: Connection, request: UndoLineage, *, traceparent: str | None = None
) -> LineageLink:
    """Make an offer again of what was decided; the job named makes two histories of one."""
    async with connection.transaction():
        await _hold_decisions(connection)
        link = await _find(connection, request.link_id)
        if link.state == "offered":
            return await _carried_out(connection, link, traceparent)
        await _decide(connection, link, "offered")
        if link.state == "confirmed":
            await _ask_for_job(connection, link, traceparent)
        return await _find(connection, link.id)


async def find_link(connection: Connection, link_id: str) -> LineageLink:
    """Return one link. Raises 404."""
    return await _find(connection, link_id)


async def _hold_decisions(connection: Connection) -> None:
    """Decide one after the other; merges, which take long, have no part in it."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('indexer lineage decisions', 1))"
    )


async def _decide(connection: Connection, link: LineageLink, state: LinkState) -> None:
    if link.state != state:
        await connection.execute(
            "update lineage_link set state = $2,"
            " decided_at = case when $2 <> 'offered' then clock_timestamp() end where id = $1",
            UUID(link.id),
            state,
        )


async def _carried_out(
    connection: Connection, link: LineageLink, traceparent: str | None
) -> LineageLink:
    """Return a link that was decided so before; asks again for a job that came to nothing."""
    job = None if link.job_id is None else await find_job(connection, link.job_id)
    if job is None or job.state in ("completed", *UNDER_WAY):
        return link
    await _ask_for_job(connection, link, traceparent)
    return await _find(connection, link.id)


async def _ask_for_job(connection: Connection, link: LineageLink, traceparent: str | None) -> None:
    job_id = JobId(str(uuid4()))
    await create_lineage_job(connection, job_id=job_id, link_id=link.id)
    await publish(
        connection, LineageRequested(job_id=job_id), service="indexer", traceparent=traceparent
    )


async def confirmed_links(connection: Connection) -> list[Link]:
    """Return what people confirmed."""
    rows = await connection.fetch(
        "select earlier, later from lineage_link where state = 'confirmed'"
    )
    return [Link(row["earlier"], row["later"]) for row in rows]


async def record_offer(connection: Connection, offer: Offer, *, link_id: UUID) -> None:
    """Offer two devices, or say anew why; what was decided of them stands.

    Nothing is offered that follows from what is confirmed.
    """
    links = await confirmed_links(connection)
    if follows(links, offer.earlier, offer.later) or follows(links, offer.later, offer.earlier):
        return
    await connection.execute(
        statement("lineage", "offer"),
        link_id,
        offer.earlier,
        offer.later,
        offer.is_directed,
        msgspec.to_builtins(offer.evidence),
    )


async def withdraw_offer(connection: Connection, one: str, other: str) -> None:
    """Offer two devices no longer."""
    await connection.execute(
        "delete from lineage_link where state = 'offered'"
        " and least(earlier, later) = least($1::text, $2)"
        " and greatest(earlier, later) = greatest($1::text, $2)",
        one,
        other,
    )


async def _fetch(
    connection: Connection,
    *,
    state: LinkState | None = None,
    device: str | None = None,
    link_id: UUID | None = None,
) -> list[LineageLink]:
    rows = await connection.fetch(statement("lineage", "links"), state, device, link_id)
    together = {
        device: devices
        for devices in lineages(await confirmed_links(connection))
        for device in devices
    }
    return [_link(row, together) for row in rows]


async def _find(connection: Connection, text: str) -> LineageLink:
    try:
        link_id = UUID(text)
    except ValueError:
        raise not_found("lineage") from None
    found = await _fetch(connection, link_id=link_id)
    if not found:
        raise not_found("lineage")
    return found[0]


def _link(row: Any, together: Mapping[str, list[str]]) -> LineageLink:
    devices = together[row["earlier"]] if row["state"] == "confirmed" else []
    evidence = msgspec.convert(row["evidence"], Evidence)
    return LineageLink(
        id=str(row["id"]),
        state=row["state"],
        earlier=Udid(row["earlier"]),
        later=Udid(row["later"]),
        is_directed=row["is_directed"],
        reason=in_words(evidence),
        shares=[
            SharedKind(kind=share.kind, looked_at=share.looked_at, found=share.found)
            for share in evidence.shares
        ],
        offered_at=row["offered_at"],
        decided_at=row["decided_at"],
        devices=[Udid(device) for device in devices],
        job_id=None if row["job_id"] is None else JobId(str(row["job_id"])),
    )


def _conflict(title: str, detail: str) -> ProblemError:
    return problem("conflict", title, 409, detail)
