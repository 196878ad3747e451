"""Links between devices: offers, and what people decided about them.

Deciding holds everybody else off until marks and stitched threads fit, in one transaction: who
reads sees the one or the other. Decisions are over UDIDs, so they outlive what is indexed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.indexer.lineage.algebra import Link, closes_circle, follows, lineages
from services.indexer.lineage.evidence import Evidence, Offer, in_words
from services.indexer.lineage.storage import find_change, hold_lineages, mark_kind, stitch_kind
from services.indexer.sql import statement
from shared.contracts.identifiers import Udid
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


async def confirm_lineage(connection: Connection, request: ConfirmLineage) -> LineageLink:
    """Make one history of two devices."""
    async with connection.transaction():
        await hold_lineages(connection)
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
            if earlier == link.earlier:
                return link
            raise _conflict("It was confirmed the other way round.", "Undo that first.")
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
        await arrange(connection)
        return await _find(connection, link.id)


async def decline_lineage(connection: Connection, request: DeclineLineage) -> LineageLink:
    """Say that two devices do not follow each other."""
    async with connection.transaction():
        await hold_lineages(connection)
        link = await _find(connection, request.link_id)
        if link.state == "confirmed":
            raise _conflict("It was confirmed.", "Undo that first.")
        await _decide(connection, link, "declined")
        return await _find(connection, link.id)


async def undo_lineage(connection: Connection, request: UndoLineage) -> LineageLink:
    """Make an offer again of what was decided."""
    async with connection.transaction():
        await hold_lineages(connection)
        link = await _find(connection, request.link_id)
        await _decide(connection, link, "offered")
        if link.state == "confirmed":
            await arrange(connection)
        return await _find(connection, link.id)


async def _decide(connection: Connection, link: LineageLink, state: LinkState) -> None:
    if link.state != state:
        await connection.execute(
            "update lineage_link set state = $2,"
            " decided_at = case when $2 <> 'offered' then clock_timestamp() end where id = $1",
            UUID(link.id),
            state,
        )


async def confirmed_links(connection: Connection) -> list[Link]:
    """Return what people confirmed."""
    rows = await connection.fetch(
        "select earlier, later from lineage_link where state = 'confirmed'"
    )
    return [Link(row["earlier"], row["later"]) for row in rows]


async def arrange(connection: Connection) -> None:
    """Bring lineages, marks and stitched threads to what is confirmed; the caller holds them."""
    rows = await connection.fetch("select lineage, device from lineage_device order by place")
    before: dict[str, list[str]] = {}
    for row in rows:
        before.setdefault(row["lineage"], []).append(row["device"])
    after = {devices[0]: devices for devices in lineages(await confirmed_links(connection))}
    gone = [name for name, devices in before.items() if after.get(name) != devices]
    new = [name for name, devices in after.items() if before.get(name) != devices]
    for name in gone:
        for kind in await _kinds(connection, before[name]):
            change = await find_change(connection, name, kind)
            await connection.execute(statement("lineage", "unmark"), change.timelines)
    await connection.execute("delete from stitched_thread where lineage = any($1::text[])", gone)
    await connection.execute("delete from lineage_device where lineage = any($1::text[])", gone)
    for name in new:
        await connection.executemany(
            "insert into lineage_device (device, lineage, place) values ($1, $2, $3)",
            [(device, name, place) for place, device in enumerate(after[name])],
        )
    for name in new:
        for kind in await _kinds(connection, after[name]):
            change = await find_change(connection, name, kind)
            await mark_kind(connection, change)
            await stitch_kind(connection, change)


async def _kinds(connection: Connection, devices: list[str]) -> list[str]:
    rows = await connection.fetch(statement("lineage", "kinds"), devices)
    return [row["kind"] for row in rows]


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
    return [_link(row) for row in rows]


async def _find(connection: Connection, text: str) -> LineageLink:
    try:
        link_id = UUID(text)
    except ValueError:
        raise not_found("lineage") from None
    found = await _fetch(connection, link_id=link_id)
    if not found:
        raise not_found("lineage")
    return found[0]


def _link(row: Any) -> LineageLink:
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
        devices=[Udid(device) for device in row["devices"]],
    )


def _conflict(title: str, detail: str) -> ProblemError:
    return problem("conflict", title, 409, detail)
