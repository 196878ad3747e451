"""Searching on a real Postgres, in every script, with everything that can be typed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from staged import artifact, day, index_staged

from services.indexer.search.storage import search
from services.indexer.staging import StagedAttachment, StagedThread
from shared.contracts.indexer import Search, SearchPage
from shared.contracts.problems import ProblemError

TEXTS = {
    "cafe": "Wir treffen uns im Café Größenwahn",
    "yellow": "the yellow submarine is leaving",
    "dont": "I don't know what you mean",
    "mail": "write to anna.smith@example.org today",
    "cjk": "今日は東京に行きます",
    "thai": "สวัสดีครับผม",
    "emoji": "happy birthday 🎂🎉 dear",
    "phrase": "green eggs and ham",
    "unphrase": "ham and green eggs",
    "percent": "100% sure_thing \\ done",
    "cyrillic": "Привет, как дела?",
}

QUESTIONS: list[tuple[str, set[str]]] = [
    ("cafe", {"cafe"}),
    ("CAFÉ", {"cafe"}),
    ("grossenwahn", {"cafe"}),
    ("groß", {"cafe"}),
    ("sub", {"yellow"}),
    ("yel* leaving", {"yellow"}),
    ("ellow", {"yellow"}),
    ("*marin*", {"yellow"}),
    ("don't", {"dont"}),
    ("anna.smith@example.org", {"mail"}),
    ("smith", {"mail"}),
    ("example.org", {"mail"}),
    ("東京", {"cjk"}),
    ("京", {"cjk"}),
    ("東京に行", {"cjk"}),
    ("สวัสดี", {"thai"}),
    ("🎂", {"emoji"}),
    ("birthday 🎉", {"emoji"}),
    ("green eggs", {"phrase", "unphrase"}),
    ('"eggs and ham"', {"phrase"}),
    ('eggs -"and ham"', {"unphrase"}),
    ("green -nothing", {"phrase", "unphrase"}),
    ("привет", {"cyrillic"}),
    ("ДЕЛА", {"cyrillic"}),
    ("100%", {"percent"}),
    ("%", {"percent"}),
    ("\\", {"percent"}),
    ("sure_thing", {"percent"}),
    ("nowhere", set()),
    ("green nowhere", set()),
]

#: What people, programs and attackers type.
HOSTILE = [
    "'",
    '"',
    '""',
    "' or 1=1 --",
    "a & b | !c",
    "<-> foo",
    "foo:*:*",
    "(((",
    ")",
    "\\'",
    "''''",
    "a" * 1000,
    "*",
    "**",
    "***",
    "-",
    "--",
    "- -",
    "-foo",
    '-"',
    "%s {0} {x}",
    "$1",
    ";",
    "🎂" * 100,
    "\u0301",
    "\ufeff",
    "\x00",
    "a\x00b",
    "_",
    "___",
    "東" * 300,
    "a " * 400,
    '"a b' * 30,
    "http://a.b/c?d=e&f=g",
    "/etc/passwd",
    "1.5e10",
    "-5",
    "a-b-c",
    "@",
    "#tag",
    "…",
    " ",
    "\u200f\u202e",
    "co\u00adop",
    "ﬁ",
    "İ",
]


@pytest.fixture
async def indexed(connection: Any) -> Any:
    await index_staged(
        connection,
        device="d",
        moment=1,
        artifacts=[
            artifact(n, key, text, thread_key="t") for n, (key, text) in enumerate(TEXTS.items())
        ],
        threads=[
            StagedThread(
                key="t",
                title="Family",
                is_group=True,
                participants=["+4915112345678"],
                services=[],
                raw_keys=[],
            )
        ],
    )
    return connection


async def ask(connection: Any, q: str, **fields: Any) -> SearchPage:
    body = await search(
        connection, Search(q=q, **fields), most_bytes=1 << 20, labels={"message": "Messages"}
    )
    return msgspec.json.decode(body, type=SearchPage)


async def test_what_is_asked_is_found(indexed: Any) -> None:
    for q, keys in QUESTIONS:
        page = await ask(indexed, q)
        assert {hit.artifact.key for hit in page.items} == keys, q
        assert page.total == len(keys)
        for hit in page.items:
            assert any(part.is_match for part in hit.snippet), q
            assert hit.thread_title == "Family"
            assert hit.thread_position == list(TEXTS).index(hit.artifact.key)


async def test_hostile_questions_get_results_or_a_clear_refusal(indexed: Any) -> None:
    for q in HOSTILE:
        for fields in ({}, {"sort": "newest"}, {"person": q, "removed": "include"}):
            try:
                page = await ask(indexed, q, **fields)
            except ProblemError as error:
                assert error.problem.status == 400, q  # noqa: PT017 -- either outcome is right
            else:
                assert page.total >= len(page.items)


async def test_a_question_that_is_too_long_is_refused(indexed: Any) -> None:
    with pytest.raises(ProblemError) as raised:
        await ask(indexed, "a" * 10_000)
    assert raised.value.problem.status == 400


async def many(connection: Any, count: int) -> None:
    await index_staged(
        connection,
        device="d",
        moment=1,
        artifacts=[
            artifact(
                n,
                f"m{n}",
                "needle " * (n % 3 + 1) + f"number {n}",
                sender_handle=f"+4915{n % 4}",
                has_link=n % 2 == 0,
                attachments=[
                    StagedAttachment(
                        name=None,
                        media_type=None,
                        size_bytes=None,
                        domain=None,
                        relative_path=None,
                        file_id=None,
                        present=False,
                    )
                ]
                if n % 5 == 0
                else [],
            )
            for n in range(count)
        ],
    )


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
@pytest.mark.parametrize("count", [250, 1300])
async def test_cursors_walk_all_hits_once_in_every_order(
    connection: Any, sort: str, count: int
) -> None:
    await many(connection, count)
    seen: list[str] = []
    cursor = None
    for _ in range(40):
        page = await ask(connection, "needle", sort=sort, limit=90, cursor=cursor)
        seen += [hit.artifact.key for hit in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == count
    assert page.total == min(count, 1001)
    assert page.total_is_exact == (count == 250)
    if sort == "newest":
        assert seen == [f"m{n}" for n in reversed(range(count))]
    if sort == "oldest":
        assert seen == [f"m{n}" for n in range(count)]


async def test_facets_count_kinds_devices_and_years(connection: Any) -> None:
    await many(connection, 20)
    await index_staged(
        connection,
        device="e",
        moment=2,
        kind="contact",
        artifacts=[artifact(1, "c", title="Needle", occurred_at_us=1_600_000_000_000_000)],
    )
    page = await ask(connection, "needle")
    assert [(f.value, f.count, f.label) for f in page.facets["kind"]] == [
        ("message", 20, "Messages"),
        ("contact", 1, None),
    ]
    assert [(f.value, f.count) for f in page.facets["device"]] == [("d", 20), ("e", 1)]
    assert [(f.value, f.count) for f in page.facets["year"]] == [("2024", 20), ("2020", 1)]


async def test_filters_narrow_a_search(connection: Any) -> None:
    await many(connection, 20)

    async def total(**fields: Any) -> int:
        return (await ask(connection, "needle", **fields)).total

    assert await total(person="+49151") == 5
    assert await total(has="link") == 10
    assert await total(has="attachment") == 4
    assert await total(device="other") == 0
    assert await total(since=day(0) + dt.timedelta(seconds=15)) == 5
    assert await total(until=day(0) + dt.timedelta(seconds=15)) == 15
    assert await total(thread="99") == 0


async def test_only_kinds_that_there_are_can_be_asked_for(connection: Any) -> None:
    await many(connection, 2)
    await index_staged(
        connection, device="d", moment=1, kind="mood", artifacts=[artifact(1, "m", "a needle")]
    )
    # Of a kind whose parser is installed no longer, what it made is still there.
    assert (await ask(connection, "needle", kind="mood")).total == 1
    with pytest.raises(ProblemError) as raised:
        await ask(connection, "needle", kind="contact")
    assert raised.value.problem.status == 400
    assert raised.value.problem.detail == "kind must be one of: message."


async def test_removed_artifacts_are_found_when_asked_for(connection: Any) -> None:
    await many(connection, 3)
    await index_staged(connection, device="d", moment=2, artifacts=[])
    assert (await ask(connection, "needle")).total == 0
    assert (await ask(connection, "needle", removed="include")).total == 3
    assert (await ask(connection, "needle", removed="only")).total == 3


async def test_without_trigrams_parts_are_found_among_recent_artifacts(indexed: Any) -> None:
    await indexed.execute("drop index if exists artifact_0_substring")
    await indexed.execute("update artifact_shard set has_substring = false")
    page = await ask(indexed, "*marin*")
    assert [hit.artifact.key for hit in page.items] == ["yellow"]
    assert page.total_is_exact


async def test_a_search_that_takes_too_long_is_told_so(
    indexed: Any, connect: Callable[[], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await ask(indexed, "*ellow*")).total == 1
    monkeypatch.setattr("services.indexer.search.storage.STATEMENT_TIMEOUT_MS", 200)
    other = await connect()
    try:
        # Who holds the tables decides how long it takes: no figure of this machine does.
        async with other.transaction():
            await other.execute("lock table artifact in access exclusive mode")
            with pytest.raises(ProblemError) as raised:
                await ask(indexed, "*ellow*")
    finally:
        await other.close()
    assert raised.value.problem.status == 503
    assert (await ask(indexed, "*ellow*")).total == 1


async def test_filters_are_typed_among_the_words(connection: Any) -> None:
    await many(connection, 20)
    await index_staged(
        connection,
        device="d",
        moment=2,
        kind="note",
        artifacts=[artifact(1, "n", "a needle in the hay", thread_key="t")],
        threads=[
            StagedThread(
                key="t", title="Täglich & mehr", is_group=False, participants=[], services=[],
                raw_keys=[],
            )
        ],
    )  # fmt: skip
    await connection.execute(
        "insert into address_book values ('d', '+49152', 'Änne Müller', 'anne muller', 'c')"
    )

    async def total(q: str, **fields: Any) -> int:
        return (await ask(connection, q, **fields)).total

    assert await total("needle from:änne") == 5
    assert await total('needle from:"anne mull"') == 5
    assert await total("needle from:+49152 -4") == 5
    assert await total("from:nobody needle") == 0
    assert await total("from:änne from:+49151") == 10
    assert await total("from:me") == 0
    assert await total("is:gone") == 0
    assert await total('in:"taglich & m"') == 1
    assert await total("has:attachment has:link") == 2
    assert await total("needle", kind="message") == 20
    with pytest.raises(ProblemError) as raised:
        await ask(connection, "needle form:anne")
    assert raised.value.problem.status == 400
    assert "There is no filter form:" in (raised.value.problem.detail or "")
    with pytest.raises(ProblemError) as raised:
        await ask(connection, "in:nowhere needle")
    assert raised.value.problem.status == 400
    assert "in: no conversation, album or folder" in (raised.value.problem.detail or "")
    for q, fields in (("kind:message", {"kind": "message"}), ("from:a", {"person": "b"}),
                      ("needle device:nobodys", {}),
                      ("after:2020", {"since": day(0)}), ("from:a with:b", {})):  # fmt: skip
        with pytest.raises(ProblemError):
            await ask(connection, q, **fields)
