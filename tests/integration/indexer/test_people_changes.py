"""Persons changed by hand: merged, split and named, over every run, and undone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from people import (
    MAIL,
    MOBILE,
    ROOM,
    STRANGER,
    WORK,
    Card,
    found,
    index_cards,
    people,
    person,
    two_phones,
)

from services.indexer.browsing.storage_artifacts import list_artifacts
from services.indexer.people.storage import refresh_people
from services.indexer.people.storage_changes import (
    merge_people,
    rename_person,
    split_person,
    undo_change,
)
from services.indexer.people.storage_pages import list_changes
from services.indexer.people.storage_seen import read_cards, reread_seen
from shared.contracts.indexer import (
    ArtifactPage,
    ListArtifacts,
)
from shared.contracts.people import (
    ListPersonChanges,
    MergePeople,
    RenamePerson,
    SplitPerson,
    UndoPersonChange,
)
from shared.contracts.problems import ProblemError


async def test_a_merge_outlives_re_indexing_and_can_be_undone(connection: Any) -> None:
    await two_phones(connection)
    anna, stranger = await person(connection, MAIL), await person(connection, STRANGER)
    change = await merge_people(connection, MergePeople(person_id=anna.id, other_id=stranger.id))
    assert change.can_be_undone
    merged = await person(connection, STRANGER)
    assert (merged.id, merged.name) == (anna.id, "Anna")
    assert {one.handle: one.origin for one in merged.origins}[STRANGER] == "manual"
    assert [one.id for one in merged.changes] == [change.id]
    assert await found(connection, person=anna.id) == {
        f"m {handle}" for handle in (MOBILE, WORK, STRANGER)
    }
    with pytest.raises(ProblemError) as raised:
        await person(connection, stranger.id)
    assert raised.value.problem.status == 404

    await index_cards(connection, "d1", ("Anna", Card([MAIL])), moment=2)
    assert (await person(connection, STRANGER)).id == anna.id
    await index_cards(connection, "d1", ("Anna", Card([MOBILE, MAIL])), moment=3)

    undone = await undo_change(connection, UndoPersonChange(change_id=change.id))
    assert undone.undone_at is not None
    assert not undone.can_be_undone
    assert (await person(connection, STRANGER)).id == stranger.id
    assert (await person(connection, MAIL)).handles == anna.handles
    assert await undo_change(connection, UndoPersonChange(change_id=change.id)) == undone


async def test_a_split_parts_what_a_card_joins(connection: Any) -> None:
    await two_phones(connection)
    anna = await person(connection, MAIL)
    change = await split_person(
        connection, SplitPerson(person_id=anna.id, handles=[MOBILE, "+49 (30) 1234567"])
    )
    assert (await person(connection, MAIL)).id == anna.id
    other = await person(connection, MOBILE)
    assert other.id == change.other_id
    assert other.handles == [MOBILE, WORK]
    async with connection.transaction():
        await reread_seen(connection, "d1")
        await read_cards(connection, "d1")
    await refresh_people(connection)
    assert (await person(connection, WORK)).id == change.other_id
    await undo_change(connection, UndoPersonChange(change_id=change.id))
    assert (await person(connection, MOBILE)).handles == anna.handles


async def test_a_given_name_is_shown_everywhere_and_undone_in_order(connection: Any) -> None:
    await two_phones(connection)
    anna = await person(connection, MAIL)
    first = await rename_person(connection, RenamePerson(person_id=anna.id, name=" Anna B. "))
    second = await rename_person(connection, RenamePerson(person_id=anna.id, name="Mum"))
    assert (await person(connection, WORK)).given_name == "Mum"
    body = await list_artifacts(connection, ListArtifacts(device="d2"), most_bytes=ROOM)
    names = {
        one.sender.name for one in msgspec.json.decode(body, type=ArtifactPage).items if one.sender
    }
    assert names == {"Mum"}
    assert await found(connection, "from:mum") == {f"m {MOBILE}", f"m {WORK}"}
    with pytest.raises(ProblemError) as raised:
        await undo_change(connection, UndoPersonChange(change_id=first.id))
    assert raised.value.problem.status == 409
    await undo_change(connection, UndoPersonChange(change_id=second.id))
    assert (await person(connection, WORK)).name == "Anna B."
    await rename_person(connection, RenamePerson(person_id=anna.id, name=None))
    assert (await person(connection, WORK)).name == "Anna"
    changes = (await list_changes(connection, ListPersonChanges())).items
    assert [(one.kind, one.can_be_undone) for one in changes] == [
        ("rename", True),
        ("rename", False),
        ("rename", False),
    ]


async def test_what_cannot_be_meant_is_refused_and_changes_nothing(connection: Any) -> None:
    await two_phones(connection)
    anna = (await person(connection, MAIL)).id
    before = await people(connection)
    wrong = [
        (merge_people, MergePeople(person_id=anna, other_id=anna), 400),
        (merge_people, MergePeople(person_id=anna, other_id="nobody"), 404),
        (split_person, SplitPerson(person_id=anna, handles=[STRANGER]), 400),
        (split_person, SplitPerson(person_id=anna, handles=[MOBILE, WORK, MAIL]), 400),
        (rename_person, RenamePerson(person_id=anna, name="  "), 400),
        (rename_person, RenamePerson(person_id=anna, name="a\x1bb"), 400),
        (undo_change, UndoPersonChange(change_id="x"), 404),
        (undo_change, UndoPersonChange(change_id=anna), 404),
    ]
    for change, request, status in wrong:
        with pytest.raises(ProblemError) as raised:
            await change(connection, request)
        assert raised.value.problem.status == status
    assert await people(connection) == before
