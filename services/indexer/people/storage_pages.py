"""Reading people: their list, one of them, and which handles somebody has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.indexer.folding import fold
from services.indexer.history.storage_rows import (
    THREAD_COLUMNS,
    Conditions,
    like_pattern,
    to_threads,
)
from services.indexer.kinds.handles import normalise_handle
from services.indexer.lineage.storage_stitched import LISTED, with_devices
from services.indexer.pages import Cut
from services.indexer.people.decisions import Decision
from services.indexer.people.storage import read_decision
from services.indexer.sql import statement
from shared.contracts.identifiers import ArtifactId, Udid
from shared.contracts.people import (
    GetPerson,
    ListPeople,
    ListPersonChanges,
    Person,
    PersonCard,
    PersonChange,
    PersonHandle,
    PersonSummary,
)
from shared.contracts.problems import bad_request, not_found
from shared.contracts.requests import Page
from shared.cursors import read_cursor, read_limit, write_cursor

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection, Row

_MOST_QUESTION_CHARACTERS = 1000
#: What one person's page shows of each; forged cards have more handles than anybody.
_MOST_HANDLES = 1000
_MOST_CARDS = 200
_MOST_THREADS = 20
_MOST_CHANGES = 50
_SUMMARY_HANDLES = 50


class PeoplePlace(msgspec.Struct, frozen=True, array_like=True):
    """A row in the order of names."""

    rank: int
    folded: str
    id: str


async def list_people(connection: Connection, request: ListPeople) -> Page[PersonSummary]:
    """Return people by name: those with cards, then those whom apps name, then bare handles."""
    limit = read_limit(request.limit)
    where = Conditions()
    if request.q and request.q.strip():
        if len(request.q) > _MOST_QUESTION_CHARACTERS:
            raise bad_request("q is too long.")
        where.add(
            "(p.folded like {q} or exists (select 1 from person_handle h"
            " where h.person_id = p.id and lower(h.handle) like {handle}))",
            q=like_pattern(fold(request.q.strip())),
            handle=like_pattern(normalise_handle(request.q.replace("\0", "")).lower()),
        )
    if request.device is not None:
        where.add(
            "(exists (select 1 from person_card c where c.person_id = p.id and c.device = {device})"
            " or exists (select 1 from person_handle h join seen_handle s on s.handle = h.handle"
            " where h.person_id = p.id and s.device = {device}))",
            device=request.device,
        )
    if request.cursor is not None:
        place = read_cursor(request.cursor, PeoplePlace)
        where.add(
            "(p.rank, p.folded, p.id) > ({rank}::int, {folded}::text, {id}::uuid)",
            rank=place.rank,
            folded=place.folded,
            id=UUID(place.id),
        )
    text = statement("people", "listed").format(where=where, limit=limit + 1)
    rows = await connection.fetch(text, *where.parameters)
    page = rows[:limit]
    last = page[-1] if len(rows) > limit else None
    return Page(
        items=[_summary(row) for row in page],
        next_cursor=last and write_cursor(PeoplePlace(last["rank"], last["folded"], last["id"])),
    )


def _summary(row: Row) -> PersonSummary:
    return PersonSummary(
        id=row["id"],
        name=row["name"],
        is_me=row["is_me"],
        handles=row["handles"] or [],
        handle_count=row["handle_count"] or 0,
        card_count=row["card_count"],
    )


async def get_person(connection: Connection, request: GetPerson, *, most_bytes: int) -> Person:
    """Return everything about one person; 404 when there is none."""
    person_id = await find_person(connection, request.person_id)
    row = await connection.fetchrow(statement("people", "one"), person_id)
    assert row is not None, "a handle's person exists"
    handles = await owned_handles(connection, person_id)
    origins = await connection.fetch(statement("people", "origins"), person_id, _MOST_HANDLES)
    cards = await connection.fetch(
        statement("people", "own cards"), person_id, handles, _MOST_CARDS
    )
    listed = LISTED if request.lineage else "thread t"
    figures = await connection.fetchrow(
        statement("people", "figures").format(threads=listed), handles
    )
    assert figures is not None, "figures of nothing are noughts"
    threads = await connection.fetch(
        f"select {THREAD_COLUMNS} from {listed} where t.participants && $1"  # noqa: S608 -- constants
        f" order by t.sort_at desc, t.id desc limit {_MOST_THREADS}",
        handles,
    )
    shown = await to_threads(connection, threads)
    if request.lineage:
        shown = await with_devices(connection, shown)
    return Person(
        id=row["id"],
        name=row["name"],
        given_name=row["given_name"],
        is_me=row["is_me"],
        handles=handles[:_SUMMARY_HANDLES],
        handle_count=len(handles),
        card_count=len(cards),
        origins=[
            PersonHandle(
                handle=one["handle"],
                origin=one["origin"],
                devices=[Udid(device) for device in one["devices"]],
                kinds=one["kinds"],
            )
            for one in origins
        ],
        cards=[
            PersonCard(
                artifact_id=ArtifactId(one["artifact_id"]),
                device=Udid(one["device"]),
                name=one["name"],
                is_me=one["is_me"],
            )
            for one in cards
        ],
        # Groups of a thousand members may not fit into one reply.
        threads=shown[: Cut(shown, most_bytes=most_bytes // 2).count],
        thread_count=figures["thread_count"],
        first_at=figures["first_at"],
        last_at=figures["last_at"],
        changes=[
            change
            for change in await fetch_changes(connection)
            if row["id"] in (change.person_id, change.other_id)
        ][:_MOST_CHANGES],
    )


async def find_person(connection: Connection, text: str) -> UUID:
    """Return the id of whom *text* means, an id or a handle; 404 when there is nobody."""
    try:
        known = await connection.fetchval("select id from person where id = $1", UUID(text))
    except ValueError:
        handle = normalise_handle(text.replace("\0", ""))
        known = await connection.fetchval(statement("people", "owner"), handle)
    if known is None:
        raise not_found("person")
    found: UUID = known
    return found


async def owned_handles(connection: Connection, person_id: UUID) -> list[str]:
    """Return all handles of a person, in order."""
    rows = await connection.fetch(statement("people", "owned"), person_id)
    return [row["handle"] for row in rows]


async def handles_of(connection: Connection, text: str) -> list[str]:
    """Return the handles of whom *text* means, an id or a handle.

    A handle that nobody is known by stands for itself; an id that nobody has is a 404.
    """
    handle = normalise_handle(text.replace("\0", ""))
    try:
        person_id = UUID(text)
    except ValueError:
        known = await connection.fetchval(statement("people", "owner"), handle)
        return [handle] if known is None else await owned_handles(connection, known)
    handles = await owned_handles(connection, person_id)
    if not handles:
        raise not_found("person")
    return handles


async def owned_devices(connection: Connection, handles: list[str]) -> list[str]:
    """Return the devices whose own card ("me") is one of whom *handles* belong to."""
    rows = await connection.fetch(statement("people", "owned devices"), handles)
    return [row["device"] for row in rows]


class ChangePlace(msgspec.Struct, frozen=True, array_like=True):
    """How many changes came on the pages before."""

    skipped: int


async def list_changes(connection: Connection, request: ListPersonChanges) -> Page[PersonChange]:
    """Return what was decided by hand, newest first."""
    limit = read_limit(request.limit)
    skipped = 0
    if request.cursor is not None:
        skipped = max(read_cursor(request.cursor, ChangePlace).skipped, 0)
    changes = await fetch_changes(connection)
    end = skipped + limit
    return Page(
        items=changes[skipped:end],
        next_cursor=write_cursor(ChangePlace(end)) if len(changes) > end else None,
    )


async def fetch_changes(connection: Connection) -> list[PersonChange]:
    """Return every change, newest first: people make few."""
    rows = await connection.fetch("select * from person_change order by number desc")
    later: set[str] = set()
    found = []
    for row in rows:
        stands = row["undone_at"] is None
        decision: Decision = read_decision(row["decision"])
        found.append(_change(row, can_be_undone=stands and later.isdisjoint(decision.handles)))
        if stands:
            later |= decision.handles
    return found


def _change(row: Any, *, can_be_undone: bool) -> PersonChange:
    return PersonChange(
        id=str(row["id"]),
        kind=row["decision"]["type"],
        at=row["at"],
        person_id=str(row["person_id"]),
        other_id=None if row["other_id"] is None else str(row["other_id"]),
        undone_at=row["undone_at"],
        can_be_undone=can_be_undone,
    )
