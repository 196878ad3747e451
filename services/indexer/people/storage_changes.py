"""Who is who by hand: merges, splits, names, and taking them back.

A decision is written down over handles, and persons are put together anew in the same transaction.
The handles are given to their person before, so that ids go where people expect them: whoever is
merged into, or split from, keeps the own one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec

from services.indexer.kinds.handles import normalise_handle
from services.indexer.people.decisions import Decision, Merge, Rename, Split
from services.indexer.people.storage import mark_stale, rebuild_people, refresh_people
from services.indexer.people.storage_pages import fetch_changes, find_person, owned_handles
from shared.contracts.people import (
    MergePeople,
    PersonChange,
    RenamePerson,
    SplitPerson,
    UndoPersonChange,
)
from shared.contracts.problems import bad_request, not_found, problem

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection


async def merge_people(connection: Connection, request: MergePeople) -> PersonChange:
    """Make one person of two; the first keeps id and name."""
    async with connection.transaction():
        await _take(connection)
        person = await find_person(connection, request.person_id)
        other = await find_person(connection, request.other_id)
        if person == other:
            raise bad_request("That is the same person already.", parameter="with")
        kept = await owned_handles(connection, person)
        joined = await owned_handles(connection, other)
        change = await _decide(
            connection,
            Merge(kept=kept, joined=joined),
            person,
            other,
            {person: kept, other: joined},
        )
        await _give(connection, joined, person)
        return await _carried_out(connection, change)


async def split_person(connection: Connection, request: SplitPerson) -> PersonChange:
    """Make another person of some of a person's handles."""
    async with connection.transaction():
        await _take(connection)
        person = await find_person(connection, request.person_id)
        owned = await owned_handles(connection, person)
        left = sorted({normalise_handle(handle.replace("\0", "")) for handle in request.handles})
        if not left or not set(left) <= set(owned):
            raise bad_request("Not all of these handles are this person's.", parameter="handles")
        stayed = [handle for handle in owned if handle not in left]
        if not stayed:
            raise bad_request("Some handle has to stay with the person.", parameter="handles")
        other = uuid4()
        change = await _decide(
            connection, Split(stayed=stayed, left=left), person, other, {person: owned}
        )
        await _make(connection, other, None)
        await _give(connection, left, other)
        return await _carried_out(connection, change)


async def rename_person(connection: Connection, request: RenamePerson) -> PersonChange:
    """Give a person a name, or take the given one away."""
    name = None if request.name is None else request.name.strip()
    if name is not None and not (name and name.isprintable()):
        raise bad_request("A name has at least one character, all printable.", parameter="name")
    async with connection.transaction():
        await _take(connection)
        person = await find_person(connection, request.person_id)
        owned = await owned_handles(connection, person)
        change = await _decide(
            connection, Rename(owned=owned, name=name), person, None, {person: owned}
        )
        return await _carried_out(connection, change)


async def undo_change(connection: Connection, request: UndoPersonChange) -> PersonChange:
    """Take a change back, with the ids that there were before. Idempotent."""
    try:
        change_id = UUID(request.change_id)
    except ValueError:
        raise not_found("change") from None
    async with connection.transaction():
        await _take(connection)
        known = await _find(connection, change_id)
        if known.undone_at is not None:
            return known
        if not known.can_be_undone:
            raise problem(
                "conflict",
                "A later change builds on this one.",
                409,
                "Undo what was done later to the same numbers and addresses first.",
            )
        await connection.execute(
            "update person_change set undone_at = clock_timestamp() where id = $1", change_id
        )
        before = await connection.fetchval(
            "select before from person_change where id = $1", change_id
        )
        for one in before:
            person = UUID(one["id"])
            await _make(connection, person, one["number"])
            await _give(connection, one["handles"], person)
        return await _carried_out(connection, change_id)


async def _take(connection: Connection) -> None:
    """Keep others from putting persons together until this change is done."""
    await connection.fetchval("select is_stale from people_state for update")
    await refresh_people(connection)


async def _decide(
    connection: Connection,
    decision: Decision,
    person: UUID,
    other: UUID | None,
    before: dict[UUID, list[str]],
) -> UUID:
    ages = dict(
        await connection.fetch(
            "select id, number from person where id = any($1::uuid[])", list(before)
        )
    )
    stood: list[dict[str, Any]] = [
        {"id": str(one), "number": ages[one], "handles": handles} for one, handles in before.items()
    ]
    change: UUID = await connection.fetchval(
        "insert into person_change (id, person_id, other_id, decision, before)"
        " values ($1, $2, $3, $4, $5) returning id",
        uuid4(),
        person,
        other,
        msgspec.to_builtins(decision),
        stood,
    )
    return change


async def _make(connection: Connection, person: UUID, number: int | None) -> None:
    """Make sure that there is a person; what it is called follows."""
    await connection.execute(
        "insert into person (id, number, name, folded, rank, is_me) values"
        " ($1, coalesce($2, nextval(pg_get_serial_sequence('person', 'number'))), '', '', 2, false)"
        " on conflict (id) do nothing",
        person,
        number,
    )


async def _give(connection: Connection, handles: list[str], person: UUID) -> None:
    await connection.execute(
        "update person_handle set person_id = $2 where handle = any($1::text[])", handles, person
    )


async def _carried_out(connection: Connection, change_id: UUID) -> PersonChange:
    await mark_stale(connection)
    await rebuild_people(connection)
    return await _find(connection, change_id)


async def _find(connection: Connection, change_id: UUID) -> PersonChange:
    wanted = str(change_id)
    found = next((one for one in await fetch_changes(connection) if one.id == wanted), None)
    if found is None:
        raise not_found("change")
    return found
