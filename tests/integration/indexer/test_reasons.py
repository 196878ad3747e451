"""Why things went, as the tables tell it, whatever the order in which revisions were found."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from staged import artifact, day, index_staged

from services.indexer.browsing.storage_artifacts import list_artifacts, list_versions
from services.indexer.history.reasons import RULES
from services.indexer.history.storage_merge import forget_moment
from services.indexer.history.storage_reasons import look_into_rest
from services.indexer.history.storage_timeline import Moment
from services.indexer.kinds.backup_files import NOT_IN_BACKUP
from services.indexer.kinds.web_visit.payload import WebVisitPayload
from services.indexer.staging import StagedArtifact, StagedAttachment
from shared.contracts.identifiers import ArtifactId, Udid
from shared.contracts.indexer import Artifact, ArtifactPage, ListArtifacts, ListVersions
from shared.contracts.requests import Page

ROOM = 1 << 20
DEVICE = Udid("D")


class Thing(msgspec.Struct, omit_defaults=True):
    """A payload with what bears on an end, as several kinds have it."""

    is_trashed: bool = False
    trashed_at: dt.datetime | None = None
    deletion: str | None = None
    account: str | None = None
    service: str | None = None
    deleted_at: dt.datetime | None = None


def thing(n: int, key: str, *, at: int | None = None, **fields: Any) -> StagedArtifact:
    """Something of day *at*."""
    known = {name: fields.pop(name) for name in Thing.__struct_fields__ if name in fields}
    when = {} if at is None else {"occurred_at_us": int(day(at).timestamp()) * 1_000_000}
    return artifact(n, key, key, payload=Thing(**known), **when, **fields)


async def listed(connection: Any, **asked: Any) -> list[Artifact]:
    asked.setdefault("removed", "only")
    body = await list_artifacts(connection, ListArtifacts(device=DEVICE, **asked), most_bytes=ROOM)
    return msgspec.json.decode(body, type=ArtifactPage).items


async def reasons(connection: Any, **asked: Any) -> dict[str, tuple[str, bool] | None]:
    return {
        one.key: one.removal and (one.removal.reason, one.removal.is_certain)
        for one in await listed(connection, **asked)
    }


async def index(
    connection: Any, moment: int, kind: str, things: Sequence[StagedArtifact], **more: Any
) -> None:
    await index_staged(
        connection, device=DEVICE, moment=moment, artifacts=things, kind=kind, **more
    )


async def test_what_expired_is_told_from_what_was_deleted(connection: Any) -> None:
    stays = [thing(0, "oldest", at=-400), thing(1, "newest", at=60)]
    await index(connection, 61, "photo", [
        *stays,
        thing(2, "expired", at=3, is_trashed=True, trashed_at=day(40)),
        thing(3, "emptied", at=4, is_trashed=True, trashed_at=day(60)),
        thing(4, "deleted", at=5),
        thing(5, "changed", at=6),
    ])  # fmt: skip
    await index(connection, 75, "photo", [*stays, thing(5, "changed", at=7)])
    assert await reasons(connection) == {
        "expired": ("expired", True),
        "emptied": ("deleted", True),
        "deleted": ("deleted", True),
    }
    for reason, keys in {
        "expired": {"expired"}, "deleted": {"emptied", "deleted"}, "unknown": set(),
        "left_with_app": set(), "offloaded": set(),
    }.items():  # fmt: skip
        assert set(await reasons(connection, reason=reason)) == keys
        assert set(await reasons(connection, reason=reason, removed="exclude")) == keys
    assert (await listed(connection, removed="exclude"))[0].removal is None


async def test_a_file_that_left_for_icloud_is_found_while_its_photo_is_there(
    connection: Any,
) -> None:
    def photo(key: str, *, present: bool) -> StagedArtifact:
        file = StagedAttachment(
            name="IMG.HEIC", media_type="image/heic", size_bytes=1, domain="CameraRollDomain",
            relative_path=f"Media/DCIM/{key}.HEIC", file_id="0" * 40, present=present,
            reason=None if present else NOT_IN_BACKUP,
        )  # fmt: skip
        return thing(0, key, at=1, attachments=(file,))

    await index(connection, 1, "photo", [photo("a", present=True), photo("b", present=False)])
    await index(connection, 2, "photo", [photo("a", present=False), photo("b", present=True)])
    found = await listed(connection, removed="exclude", reason="offloaded")
    assert [one.key for one in found] == ["a"]
    assert found[0].removal is None
    assert await listed(connection, removed="only") == []
    versions = msgspec.json.decode(
        await list_versions(
            connection, ListVersions(artifact_id=ArtifactId(found[0].id)), most_bytes=ROOM
        ),
        type=Page[Artifact],
    ).items
    assert [one.removal and one.removal.reason for one in versions] == ["offloaded", None]
    # It was fetched again.
    await index(connection, 3, "photo", [photo("a", present=True), photo("b", present=True)])
    assert await listed(connection, removed="exclude", reason="offloaded") == []


async def test_an_account_or_app_that_leaves_takes_its_things_with_it(connection: Any) -> None:
    def held(**by: str) -> list[StagedArtifact]:
        name = next(iter(by.values()))
        return [thing(n, f"{name}-{n}", at=n, **by) for n in range(3)]

    await index(connection, 20, "note", [*held(account="work"), *held(account="home")])
    await index(connection, 21, "note", held(account="home"))
    await index(connection, 20, "whatsapp", [*held(service="WhatsApp"), *held(service="Business")])
    await index(connection, 21, "whatsapp", held(service="WhatsApp"))
    assert set((await reasons(connection, kind="note")).values()) == {("left_with_account", False)}
    assert set((await reasons(connection, kind="whatsapp")).values()) == {("left_with_app", False)}


async def test_visits_are_held_against_what_is_left_of_their_browser_and_what_was_cleared(
    connection: Any,
) -> None:
    def visit(at: int, app: Any) -> StagedArtifact:
        return artifact(
            at, f"{app}-{at}", "page", payload=WebVisitPayload(type="visit", app=app),
            occurred_at_us=int(day(at).timestamp()) * 1_000_000,
        )  # fmt: skip

    cleared = artifact(
        99, "cleared", "cleared", occurred_at_us=int(day(28).timestamp()) * 1_000_000,
        payload=WebVisitPayload(
            type="cleared", app="safari", cleared_from=day(20), cleared_to=day(22)
        ),
    )  # fmt: skip
    old = [visit(1, "chrome"), visit(2, "safari"), visit(21, "safari"), visit(24, "safari")]
    stays = [visit(0, "chrome"), visit(10, "safari"), visit(27, "safari"), visit(26, "chrome")]
    await index(connection, 27, "web_visit", [*old, *stays])
    await index(connection, 29, "web_visit", [*stays, cleared])
    assert await reasons(connection) == {
        "chrome-1": ("deleted", True),  # an older one of the same browser stayed
        "safari-2": ("expired", False),
        "safari-21": ("deleted", True),
        "safari-24": ("deleted", True),
    }
    causes = await connection.fetch("select key, cause from removal")
    assert {row["key"]: row["cause"] for row in causes}["safari-21"] == "cleared"


async def test_messages_expire_by_the_setting_in_the_backup_or_as_the_data_tell(
    connection: Any,
) -> None:
    def messages(since: int, until: int) -> list[StagedArtifact]:
        return [thing(at, f"m{at}", at=at, thread_key=f"t{at % 3}") for at in range(since, until)]

    await index(connection, 60, "message", messages(0, 60))
    await index(connection, 70, "message", messages(40, 70))
    assert set((await reasons(connection)).values()) == {("expired", False)}
    await index(connection, 75, "message", messages(46, 75), keeps_days=30)
    found = await reasons(connection)
    assert {found[f"m{at}"] for at in range(40, 46)} == {("expired", True)}
    # Somebody deletes a conversation and one more.
    kept = [
        one for one in messages(46, 75) if one.thread_key != "t0" and one.key not in ("m50", "m46")
    ]
    await index(connection, 76, "message", kept, keeps_days=30)
    found = await reasons(connection, since=day(47))
    assert set(found.values()) == {("deleted", True)}
    causes = await connection.fetch("select key, cause from removal where removed_at = $1", day(76))
    by_key = {row["key"]: row["cause"] for row in causes}
    assert (by_key["m51"], by_key["m50"], by_key["m46"]) == (
        "conversation_deleted", "deleted", "kept_30_days",
    )  # fmt: skip


async def test_what_another_parser_read_leaves_a_doubt(connection: Any) -> None:
    await index(connection, 1, "note", [thing(n, f"n{n}", at=n) for n in range(5)])
    await index(
        connection, 2, "note", [thing(n, f"n{n}", at=n) for n in (0, 1, 4)], parser_version=2
    )
    assert await reasons(connection) == {"n2": ("deleted", False), "n3": ("deleted", False)}
    assert {row["doubt"] for row in await connection.fetch("select doubt from removal")} == {
        "parser"
    }


REMOVALS = """
select kind, key, removed_at, cause, doubt from removal where device = $1 order by 1, 2, 3
"""
MOMENTS = """
select kind, taken_at, rules, oldest_at from kind_index where device = $1 order by 1, 2
"""


Contents = dict[tuple[int, str], list[StagedArtifact]]


def years_of_a_phone(chance: random.Random) -> Contents:
    """Things come, are put into the trash, go, and come back."""
    contents: Contents = {}
    states: dict[str, dict[str, Any]] = {}
    for moment in range(10, 80, 10):
        for kind in ("note", "photo", "call", "message"):
            for n in range(12):
                key = f"{kind}-{n}"
                if key not in states and chance.random() < 0.6:
                    states[key] = {"at": moment - chance.randrange(9), "thread_key": f"t{n % 4}"}
                elif chance.random() < 0.2:
                    states.pop(key, None)
                elif chance.random() < 0.2 and key in states:
                    trashed = {"is_trashed": True, "deletion": "marked", "deleted_at": day(moment)}
                    states[key] |= trashed
            contents[moment, kind] = [
                thing(n, key, **fields)
                for n, (key, fields) in enumerate(states.items())
                if key.startswith(kind)
            ]
    return contents


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_of_revisions_tells_the_same_reasons(connection: Any, seed: int) -> None:
    """Also when one is read twice, and another is read and taken out again."""
    chance = random.Random(seed)
    contents = years_of_a_phone(chance)
    told = []
    for device in ("in order", "in any order"):
        order = sorted(contents)
        if device != "in order":
            chance.shuffle(order)
            order += chance.sample(order, 4)
        for moment, kind in order:
            if device != "in order" and chance.random() < 0.2:
                between = moment + 5
                await index_staged(
                    connection, device=device, moment=between, kind=kind, artifacts=[thing(0, "x")]
                )
                async with connection.transaction():
                    await forget_moment(connection, Moment(device=device, taken_at=day(between)))
            await index_staged(
                connection, device=device, moment=moment, kind=kind,
                artifacts=contents[moment, kind],
            )  # fmt: skip
        told.append(
            [
                [tuple(row) for row in await connection.fetch(statement, device)]
                for statement in (REMOVALS, MOMENTS)
            ]
        )
    assert told[0][0]
    assert set(told[0][0]) ^ set(told[1][0]) == set()
    assert told[0] == told[1]


async def test_every_end_has_exactly_one_reason_and_nothing_else_has_any(connection: Any) -> None:
    chance = random.Random(3)
    for moment in (4, 1, 3, 0, 2, 3):
        keys = [key for key in "abcdefghij" if chance.random() < 0.6]
        things = [thing(n, key, at=chance.randrange(3)) for n, key in enumerate(keys)]
        await index(connection, moment, "note", things)
    ends = await connection.fetch(
        "select a.key, a.removed_at from artifact a where a.removed_at is not null and not exists ("
        "select 1 from artifact b where b.key = a.key and b.added_at = a.removed_at) order by 1, 2"
    )
    told = await connection.fetch("select key, removed_at from removal order by 1, 2")
    assert [tuple(row) for row in told] == [tuple(row) for row in ends]
    assert len(ends) > 4


async def test_what_went_before_anybody_looked_is_looked_into_later(connection: Any) -> None:
    await index(connection, 1, "note", [thing(n, f"n{n}", at=n) for n in range(3)])
    await index(connection, 2, "note", [thing(n, f"n{n}", at=n) for n in (0, 2)])
    # As a version before this one left it.
    await connection.execute("delete from removal")
    await connection.execute("update kind_index set rules = 0")
    assert await reasons(connection) == {"n1": None}
    assert set(await reasons(connection, reason="unknown")) == {"n1"}
    await look_into_rest(connection, DEVICE)
    assert await reasons(connection) == {"n1": ("deleted", True)}
    assert await connection.fetchval("select min(rules) from kind_index") == RULES


async def test_a_reason_goes_with_its_revision(connection: Any) -> None:
    await index(connection, 1, "note", [thing(0, "a", at=0), thing(1, "b", at=1)])
    await index(connection, 2, "note", [thing(0, "a", at=0)])
    async with connection.transaction():
        await forget_moment(connection, Moment(device=DEVICE, taken_at=day(2)))
    assert await connection.fetchval("select count(*) from removal") == 0
    assert await reasons(connection) == {}


def test_payloads_of_this_file_are_those_of_the_kinds() -> None:
    """A field that is renamed there must fail here."""
    from services.indexer.kinds.message.payload import MessagePayload
    from services.indexer.kinds.note.payload import NotePayload
    from services.indexer.kinds.photo.payload import PhotoPayload
    from services.indexer.kinds.whatsapp.payload import WhatsAppPayload

    fields = {
        name
        for kind in (MessagePayload, NotePayload, PhotoPayload, WhatsAppPayload)
        for name in kind.__struct_fields__
    }
    assert set(Thing.__struct_fields__) <= fields
