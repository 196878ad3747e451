"""Keeping persons: what runs saw is noted here, and persons are put together from it.

Whatever persons follow from is changed with ``mark_stale`` first, in the same transaction; then
``refresh_people`` puts them together anew, which may be repeated and catches up after a crash.
Both take the one row of ``people_state``, so they wait for each other and never for anything else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4

import msgspec

from services.indexer.folding import fold
from services.indexer.people.algebra import Person, find_persons, keep_ids, known_name
from services.indexer.people.cards import Card
from services.indexer.people.decisions import ByHand, Decision, carry_out
from services.indexer.sql import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.indexer.history.storage_rows import Connection, Row


async def mark_stale(connection: Connection) -> None:
    """Say that persons have to be put together anew, and keep others from it until then."""
    await connection.execute("update people_state set is_stale = true")


async def refresh_people(connection: Connection) -> bool:
    """Put persons together anew if anything has changed; return whether it had."""
    if not await connection.fetchval("select is_stale from people_state"):
        return False
    async with connection.transaction():
        if not await connection.fetchval("select is_stale from people_state for update"):
            return False
        await rebuild_people(connection)
    return True


async def rebuild_people(connection: Connection) -> None:
    """Put persons together anew, in the caller's transaction."""
    await connection.execute("update people_state set is_stale = false")
    known = await _read(connection)
    # Tens of thousands of handles take longer than others should wait.
    written = await asyncio.to_thread(_put_together, known)
    await _write(connection, known, written)


class _Known(NamedTuple):
    """Everything that persons follow from, and what was written of them before."""

    cards: list[Card]
    seen: list[str]
    by_hand: ByHand
    newest_first: dict[str, int]
    said: dict[str, str]
    persons: dict[UUID, tuple[Any, ...]]
    ages: dict[UUID, int]
    handles: dict[str, tuple[UUID, str]]
    person_cards: dict[tuple[str, str], tuple[UUID, bool]]


class _Written(NamedTuple):
    """What the three tables hold afterwards, without the ages of persons."""

    persons: dict[UUID, tuple[Any, ...]]
    handles: dict[str, tuple[UUID, str]]
    person_cards: dict[tuple[str, str], tuple[UUID, bool]]


async def _read(connection: Connection) -> _Known:
    rows = {
        name: await connection.fetch(query)
        for name, query in (
            ("cards", "select * from contact_card"),
            ("seen", "select distinct handle from seen_handle"),
            (
                "decisions",
                "select decision from person_change where undone_at is null order by number",
            ),
            (
                "devices",
                "select device from revision group by device order by max(taken_at) desc, device",
            ),
            ("said", statement("people", "said")),
            ("persons", "select * from person"),
            ("handles", "select * from person_handle"),
            ("person_cards", "select * from person_card"),
        )
    }
    return await asyncio.to_thread(_known, rows)


def _known(rows: Mapping[str, Sequence[Row]]) -> _Known:
    return _Known(
        cards=[_card(row) for row in rows["cards"]],
        seen=[row["handle"] for row in rows["seen"]],
        by_hand=carry_out(read_decision(row["decision"]) for row in rows["decisions"]),
        newest_first={row["device"]: place for place, row in enumerate(rows["devices"])},
        said={row["handle"]: row["name"] for row in reversed(rows["said"])},
        persons={row["id"]: tuple(row[name] for name in _PERSON) for row in rows["persons"]},
        ages={row["id"]: row["number"] for row in rows["persons"]},
        handles={row["handle"]: (row["person_id"], row["origin"]) for row in rows["handles"]},
        person_cards={
            (row["device"], row["key"]): (row["person_id"], row["is_me"])
            for row in rows["person_cards"]
        },
    )


def read_decision(stored: Any) -> Decision:
    """Return a decision as it lies in the table."""
    return msgspec.convert(stored, Decision)  # type: ignore[no-any-return]


def _card(row: Row) -> Card:
    return Card(
        device=row["device"],
        key=row["key"],
        name=row["name"],
        folded=fold(row["name"]),
        handles=tuple(row["handles"]),
        unified_with=tuple(row["unified_with"]),
        is_me=row["is_me"],
        is_preferred=row["is_preferred"],
    )


_PERSON = ("given_name", "known_name", "name", "folded", "rank", "is_me")


def _put_together(known: _Known) -> _Written:
    persons = find_persons(known.cards, known.seen, known.by_hand)
    before = {handle: person_id for handle, (person_id, _) in known.handles.items()}
    ids = keep_ids(persons, before, known.ages)
    written = _Written({}, {}, {})
    for person, kept in zip(persons, ids, strict=True):
        person_id = kept or uuid4()
        written.persons[person_id] = _described(person, known)
        for handle, origin in person.handles.items():
            written.handles[handle] = (person_id, origin)
        for card in person.cards:
            written.person_cards[card.place] = (person_id, card.is_me)
    return written


def _described(person: Person, known: _Known) -> tuple[Any, ...]:
    called = known_name(
        person,
        newest_first=known.newest_first,
        leading=known.by_hand.leading,
        said=known.said,
    )
    # A private identity says less than a number.
    handle = min(person.handles, key=lambda handle: (handle.endswith("@lid"), handle))
    name = person.given_name or called or handle
    rank = 0 if person.cards or person.given_name else 1 if called else 2
    return (person.given_name, called, name, fold(name), rank, person.is_me)


async def _write(connection: Connection, known: _Known, written: _Written) -> None:
    """Write what is different, and nothing else: most of it is as it was."""
    persons = [(key, *row) for key, row in written.persons.items() if known.persons.get(key) != row]
    if persons:
        await connection.execute(statement("people", "write persons"), *_columns(persons))
    handles = [(key, *row) for key, row in written.handles.items() if known.handles.get(key) != row]
    if handles:
        await connection.execute(statement("people", "write handles"), *_columns(handles))
    cards = [
        (*key, *row)
        for key, row in written.person_cards.items()
        if known.person_cards.get(key) != row
    ]
    if cards:
        await connection.execute(statement("people", "write cards"), *_columns(cards))
    await connection.execute(
        "delete from person_handle where handle = any($1::text[])",
        list(known.handles.keys() - written.handles.keys()),
    )
    gone = list(known.person_cards.keys() - written.person_cards.keys())
    await connection.execute(
        "delete from person_card c using unnest($1::text[], $2::text[]) g (device, key)"
        " where c.device = g.device and c.key = g.key",
        [device for device, _ in gone],
        [key for _, key in gone],
    )
    await connection.execute(
        "delete from person where id = any($1::uuid[])",
        list(known.persons.keys() - written.persons.keys()),
    )


def _columns(rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
