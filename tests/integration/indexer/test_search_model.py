"""Searching, against a naive look at every text: the same hits, in order, once each."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import asyncpg
import msgspec
import pytest
from staged import artifact, day, index_staged, load_staged

from services.indexer.folding import fold
from services.indexer.history.storage_dated import (
    build_dated_index,
    build_paired_index,
    find_without_dated,
    find_without_paired,
)
from services.indexer.history.storage_shards import Shard
from services.indexer.history.storage_words import find_without_words, list_words
from services.indexer.search.dated import Marked, marks_between, pairs_of
from services.indexer.search.storage import search
from services.indexer.staging import StagedArtifact, StagedAttachment, thread_number
from shared.contracts.indexer import Search, SearchPage

_WORDS = [
    *("river", "rivers", "riverbank", "Café", "cafeteria", "Größe", "grosse", "naïve", "naives"),
    *("привет", "приветы", "the", "to", "a", "lemon", "Lemonade"),
]
_UNSPACED = ["東京駅", "東京に行く", "京都", "สวัสดี"]
_BEGINNINGS = ["riv", "caf", "lem", "gro", "NAÏ", "прив", "t", "東京", "京"]
_PARTS = ["iver", "emon", "afe", "京", "東京", "ave", "สวั"]
_COUNT_LIMIT = 40
_NO_TIME = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
_FILE = StagedAttachment(
    name=None, media_type="image/png", size_bytes=None, domain=None, relative_path=None,
    file_id=None, present=False,
)  # fmt: skip
_FILM = msgspec.structs.replace(_FILE, media_type="video/quicktime")
_PAIRED = Shard(
    number=1, device="a", kind="message", row_count=9, first_at=day(0), last_at=day(1),
    has_substring=True, has_words=True, has_dated=True, has_paired=True,
)  # fmt: skip
_KINDS = {"message": "Messages", "contact": "Contacts"}


class Known(NamedTuple):
    """One artifact as the naive search sees it."""

    one: StagedArtifact
    device: str
    kind: str
    row_id: int
    at: dt.datetime

    @property
    def folded(self) -> str:
        return fold(self.one.text or "")

    @property
    def words(self) -> list[str]:
        return self.folded.split()


class Asked(NamedTuple):
    """A part of a question, and what it means: as words, and where no words fit."""

    typed: str
    strict: Callable[[Known], bool]
    loose: Callable[[Known], bool]


def _inside(text: str) -> Callable[[Known], bool]:
    return lambda known: fold(text) in known.folded


def _word(text: str, *, is_last: bool) -> Asked:
    if any(fold(text) in fold(one) for one in _UNSPACED):
        return Asked(text, _inside(text), _inside(text))
    if is_last:
        return Asked(text, _beginning(text).strict, _inside(text))
    return Asked(text, lambda known: fold(text) in known.words, _inside(text))


def _beginning(text: str) -> Asked:
    if any(fold(text) in fold(one) for one in _UNSPACED):
        return Asked(f"{text}*", _inside(text), _inside(text))

    def begins(known: Known) -> bool:
        return any(word.startswith(fold(text)) for word in known.words)

    return Asked(f"{text}*", begins, _inside(text))


def _phrase(texts: Sequence[str]) -> Asked:
    folded = [fold(text) for text in texts]
    inside = _inside(" ".join(texts))

    def in_order(known: Known) -> bool:
        words = known.words
        return any(words[n : n + len(folded)] == folded for n in range(len(words)))

    def together(known: Known) -> bool:
        # What has spaces around it is a word of its own, also at the ends.
        plain = [fold(text) for text in texts if text not in _UNSPACED]
        return inside(known) and all(word in known.words for word in plain)

    is_plain = not set(texts) & set(_UNSPACED)
    return Asked(f'"{" ".join(texts)}"', in_order if is_plain else together, inside)


def _without(text: str) -> Asked:
    def is_missing(known: Known) -> bool:
        return fold(text) not in known.words

    return Asked(f"-{text}", is_missing, is_missing)


def _question(dice: random.Random) -> list[Asked]:
    asked: list[Asked] = []
    count = dice.choice([1, 1, 1, 2, 2, 3])
    for n in range(count):
        how = dice.choice(["word", "word", "beginning", "phrase", "part", "without"])
        if how == "beginning":
            asked.append(_beginning(dice.choice(_BEGINNINGS)))
        elif how == "phrase":
            asked.append(_phrase(dice.choices(_WORDS + _UNSPACED, k=dice.randint(1, 3))))
        elif how == "part":
            part = dice.choice(_PARTS)
            asked.append(Asked(f"*{part}", _inside(part), _inside(part)))
        elif how == "without" and asked:
            asked.append(_without(dice.choice(_WORDS)))
        else:
            asked.append(_word(dice.choice(_WORDS + _UNSPACED), is_last=n == count - 1))
    return asked


def _fields(dice: random.Random) -> tuple[dict[str, Any], Callable[[Known], bool]]:
    """Return what a search is narrowed down to, and what that means."""
    since, until = sorted(day(0) + dt.timedelta(hours=dice.randint(0, 200)) for _ in range(2))
    thread = f"t{dice.randint(0, 3)}"
    thread_id = thread_number(thread, device="a", kind="message")
    person = f"+49151{dice.randint(0, 3)}"
    since_day, until_day = day(2), day(6)
    typed_days = f"after:{since_day:%Y-%m-%d} before:{until_day:%Y-%m-%d}"
    choices: list[tuple[dict[str, Any], Callable[[Known], bool]]] = [
        ({"typed": f"from:{person}"}, lambda known: known.one.sender_handle == person),
        ({"typed": f"with:{person}"}, lambda known: known.one.sender_handle == person),
        ({"typed": "kind:contacts"}, lambda known: known.kind == "contact"),
        (
            {"typed": "kind:contact kind:message has:link"},
            lambda known: known.one.has_link,
        ),
        (
            {"typed": "has:photo"},
            lambda known: any(one.media_type == "image/png" for one in known.one.attachments),
        ),
        ({"typed": typed_days}, lambda known: since_day <= known.at < until_day),
        ({}, lambda _known: True),
        ({"device": "b"}, lambda known: known.device == "b"),
        ({"kind": "contact"}, lambda known: known.kind == "contact"),
        (
            {"thread": str(thread_id)},
            lambda known: (
                (known.device, known.kind, known.one.thread_key) == ("a", "message", thread)
            ),
        ),
        ({"person": person}, lambda known: known.one.sender_handle == person),
        ({"has": "link"}, lambda known: known.one.has_link),
        ({"has": "attachment"}, lambda known: bool(known.one.attachments)),
        ({"since": since}, lambda known: known.at >= since),
        ({"until": until}, lambda known: known.at < until),
        ({"since": since, "until": until}, lambda known: since <= known.at < until),
    ]
    return dice.choice(choices)


def _artifacts(dice: random.Random, name: str, count: int) -> list[StagedArtifact]:
    start = int(day(0).timestamp())
    return [
        artifact(
            number,
            f"{name}{number}",
            " ".join(dice.choices(_WORDS + _UNSPACED, k=dice.randint(1, 7))),
            # Several at one moment, and some of no known time.
            occurred_at_us=None if number % 41 == 0 else (start + number // 3 * 7_000) * 1_000_000,
            thread_key=f"t{dice.randint(0, 3)}" if number % 5 else None,
            sender_handle=f"+49151{dice.randint(0, 3)}" if number % 2 else None,
            has_link=number % 7 == 0,
            attachments=[_FILE if number % 12 else _FILM] if number % 6 == 0 else [],
        )
        for number in range(count)
    ]


async def _ask(connection: Any, **fields: Any) -> SearchPage:
    body = await search(connection, Search(**fields), most_bytes=1 << 20, labels=_KINDS)
    return msgspec.json.decode(body, type=SearchPage)


async def _known(
    connection: Any, content: dict[tuple[str, str], list[StagedArtifact]]
) -> list[Known]:
    rows = await connection.fetch("select id, device, kind, key, sort_at from artifact")
    places = {(row["device"], row["kind"], row["key"]): row for row in rows}
    return [
        Known(one, device, kind, places[device, kind, one.key]["id"],
              places[device, kind, one.key]["sort_at"])
        for (device, kind), artifacts in content.items()
        for one in artifacts
    ]  # fmt: skip


def _positions(known: list[Known]) -> dict[int, int]:
    """Return how many of its conversation come before each."""
    before: Counter[tuple[str, str, str]] = Counter()
    positions: dict[int, int] = {}
    for one in sorted(known, key=lambda one: (one.at, one.row_id)):
        if one.one.thread_key is not None:
            thread = (one.device, one.kind, one.one.thread_key)
            positions[one.row_id] = before[thread]
            before[thread] += 1
    return positions


@pytest.fixture
async def known(connection: Any, connect: Any, monkeypatch: pytest.MonkeyPatch) -> list[Known]:
    """A few phones in many tables, looked through in pieces that are as small as the tables."""
    monkeypatch.setattr("services.indexer.search.storage.COUNT_LIMIT", _COUNT_LIMIT)
    monkeypatch.setattr("services.indexer.search.windows.FIRST_ROWS", 12)
    monkeypatch.setattr("services.indexer.search.windows._MOST_GROWTH", 3)
    dice = random.Random(5)
    content = {
        ("a", "message"): _artifacts(dice, "a", 260),
        ("b", "message"): _artifacts(dice, "b", 120),
        ("b", "contact"): _artifacts(dice, "c", 60),
    }
    for (device, kind), artifacts in content.items():
        if kind == "message":
            await load_staged(
                connection, connect, device=device, kind=kind, moment=1, artifacts=artifacts,
                shard_bytes=20_000,
            )  # fmt: skip
        else:
            await index_staged(connection, device=device, kind=kind, moment=1, artifacts=artifacts)
    await connection.execute("analyze artifact")
    assert await connection.fetchval("select count(*) from artifact_shard") > 3
    return await _known(connection, content)


async def _list_all_words(connection: Any) -> None:
    while (number := await find_without_words(connection)) is not None:
        await list_words(connection, number)


async def _build_all_dated(connection: Any) -> None:
    while (number := await find_without_dated(connection)) is not None:
        await build_dated_index(connection, number)


async def _build_all_paired(connection: Any) -> None:
    while (number := await find_without_paired(connection)) is not None:
        await build_paired_index(connection, number)


async def _keep_up(connection: Any, seed: int) -> None:
    if seed != 3:
        await _list_all_words(connection)
    if seed >= 2:
        await _build_all_dated(connection)
    if seed >= 4:
        await _build_all_paired(connection)


@pytest.mark.parametrize("seed", range(6))
async def test_every_search_finds_what_a_look_at_every_text_finds(
    connection: Any, known: list[Known], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both ways through a conversation: reading it, and by the index.
    monkeypatch.setattr("services.indexer.search.scope.FEW_ROWS", seed % 2 * 4_000 - 1)
    # And both ways of counting what comes before a hit: in all tables, and in some.
    monkeypatch.setattr("services.indexer.search.hits.FEW_TABLES", seed // 2 * 1_000)
    # Pieces of the history are read, or looked up by an index; beginnings asked for as they are, or
    # as the words that begin so, of which some beginnings have more than others.
    monkeypatch.setattr("services.indexer.search.windows.READ_ROWS", seed % 2 * 100 + 12)
    monkeypatch.setattr("services.indexer.history.storage_words.MOST_WORDS", 2 + seed % 3)
    await _keep_up(connection, seed)
    # Words within a time are looked for by their own index wherever there is one, or never.
    monkeypatch.setattr("services.indexer.search.windows._DATED_COST", 0)
    asked_for: list[str] = []
    connection.add_query_logger(lambda query: asked_for.append(query.query))
    positions = _positions(known)
    dice = random.Random(seed)
    nothing = 0
    for _ in range(30):
        asked = _question(dice)
        fields, is_meant = _fields(dice)
        sort = dice.choice(["newest", "oldest", "relevance"])
        typed = fields.pop("typed", None)
        if typed is not None and dice.random() < 0.5:
            asked = []
        said = [one.typed for one in asked]
        if typed is not None:
            # Before the last word, which may be the beginning of one.
            said.insert(dice.randint(0, max(0, len(said) - 1)), typed)
        q = " ".join(said)
        within = [one for one in known if is_meant(one)]
        hits = [one for one in within if all(part.strict(one) for part in asked)]
        hits = hits or [one for one in within if all(part.loose(one) for part in asked)]
        hits.sort(key=lambda one: (one.at, one.row_id), reverse=sort != "oldest")
        nothing += not hits

        seen: list[int] = []
        cursor = None
        pages = 0
        while pages == 0 or cursor is not None:
            page = await _ask(
                connection, q=q, sort=sort, cursor=cursor, limit=dice.randint(3, 30), **fields
            )
            pages += 1
            assert page.total == min(len(hits), _COUNT_LIMIT), (q, fields)
            assert page.total_is_exact == (len(hits) < _COUNT_LIMIT)
            seen += [int(hit.artifact.id) for hit in page.items]
            for hit in page.items:
                assert hit.thread_position == positions.get(int(hit.artifact.id))
            cursor = page.next_cursor
        expected = [one.row_id for one in hits]
        if sort == "relevance":
            seen, expected = sorted(seen), sorted(expected)
        assert seen == expected, (q, fields, sort)

        # What is counted are the first of all hits in the order of time that was asked for: ranked
        # are the newest, and the oldest come first when they are to.
        counted = hits[:_COUNT_LIMIT]
        years = Counter(str(one.at.year) for one in counted if one.at != _NO_TIME)
        for facet, counts in {
            "kind": Counter(one.kind for one in counted),
            "device": Counter(one.device for one in counted),
            "year": years,
        }.items():
            assert {one.value: one.count for one in page.facets[facet]} == counts, (q, fields)
    assert nothing < 15
    assert any("dated_words" in query for query in asked_for) == (seed >= 2)
    assert any("paired_words" in query for query in asked_for) == (seed >= 4)


async def test_marks_of_a_time_are_those_of_every_row_in_it(
    connection: Any, known: list[Known]
) -> None:
    await _build_all_dated(connection)
    dice = random.Random(2)
    edges = [dt.datetime(3, 1, 1, tzinfo=dt.UTC), dt.datetime(1969, 12, 31, 23, tzinfo=dt.UTC)]
    moments = [
        *edges,
        *(day(0) + dt.timedelta(days=dice.uniform(-20_000, 20_000)) for _ in range(300)),
    ]
    for moment in moments:
        since = moment - dt.timedelta(days=dice.choice([0, 1e-9, 2, 30, 700]))
        until = moment + dt.timedelta(days=dice.choice([1e-9, 0.1, 3, 50]))
        marks = marks_between(since, until)
        assert marks is not None
        assert await connection.fetchval(
            "select dated_words('', $1, false, false) @@ $2::text::tsquery", moment, marks
        ), (moment, since, until)
    assert marks_between(day(-4_000), day(0)) is None


async def test_marks_tell_files_and_links_from_words(connection: Any) -> None:
    for attachment in (True, False):
        for link in (True, False):
            found = await connection.fetchrow(
                "select v @@ $3::text::tsquery, v @@ $4::text::tsquery, v @@ 'a & l & d1 & m1'"
                " from dated_words(to_tsvector('simple', 'a l d1 m1'), now(), $1, $2) v",
                attachment, link, "'\x01a'", "'\x01a' & '\x01l'",
            )  # fmt: skip
            assert tuple(found) == (attachment, attachment and link, True)


async def test_every_pair_of_words_in_a_text_has_its_mark(connection: Any) -> None:
    dice = random.Random(3)
    texts = [
        *(" ".join(dice.choices(_WORDS, k=dice.randint(0, 12))) for _ in range(40)),
        "one", "it's e-mail-like, is it? https://example.org/a/b?c=1 it", "a" * 3_000 + " b c",
    ]  # fmt: skip
    for text in texts:
        question = await connection.fetchval("select phraseto_tsquery('simple', $1)::text", text)
        pairs = pairs_of(question)
        assert len(pairs) == max(0, question.count(" <-> "))
        marks = await connection.fetchval(
            "select array(select pair_mark(f, l) from unnest($1::text[], $2::text[]) p (f, l))",
            [former for former, _ in pairs], [latter for _, latter in pairs],
        )  # fmt: skip
        asked = Marked(question, [_PAIRED], pairs=marks, has_attachment=False, has_link=False).of(
            day(0), day(1), [1], is_anytime=False
        )
        assert asked is not None
        assert asked.name == ("paired" if pairs else "dated")
        if pairs:
            for one in asked.queries:
                assert await connection.fetchval(
                    "select paired_words(to_tsvector('simple', $1), $2) @@ $3::text::tsquery",
                    text, day(0), one,
                ), text  # fmt: skip


async def test_words_far_behind_in_a_text_may_follow_any_other(connection: Any) -> None:
    text = " ".join(f"w{number % 50}" for number in range(16_380)) + " quiet later river"
    for phrase in ("quiet later", "later river", "w1 w2"):
        pairs = pairs_of(
            await connection.fetchval("select phraseto_tsquery('simple', $1)::text", phrase)
        )
        mark = await connection.fetchval("select pair_mark($1, $2)", *pairs[0])
        asked = Marked(phrase, [_PAIRED], pairs=[mark], has_attachment=False, has_link=False).of(
            None, None, [1], is_anytime=True
        )
        assert asked is not None
        assert await connection.fetchval(
            "select paired_words(to_tsvector('simple', $1), now()) @@ $2::text::tsquery",
            text, asked.queries[0],
        )  # fmt: skip


@pytest.mark.parametrize("what", ["dated", "paired"])
async def test_an_index_that_was_given_up_half_way_is_built_anew(
    connection: Any, connect: Any, known: list[Known], what: str
) -> None:
    find, build = {
        "dated": (find_without_dated, build_dated_index),
        "paired": (find_without_paired, build_paired_index),
    }[what]
    first = await find(connection)
    assert first is not None
    builder = await connect()
    try:
        # A builder that ends half-way leaves an index that is not valid.
        await builder.execute("set statement_timeout = 300")
        async with connection.transaction():
            await connection.execute("update artifact set is_me = is_me")
            with pytest.raises(asyncpg.QueryCanceledError):
                await build(builder, first)
    finally:
        await builder.close()
    is_valid = "select indisvalid from pg_index where indexrelid = to_regclass($1)"
    assert await connection.fetchval(is_valid, f"artifact_{first}_{what}") is False
    assert await find(connection) == first
    for _ in range(2):
        await build(connection, first)
    assert await connection.fetchval(is_valid, f"artifact_{first}_{what}") is True
    assert await find(connection) != first


@pytest.mark.parametrize("sort", ["newest", "oldest"])
async def test_pages_meet_while_artifacts_are_added(
    connection: Any, known: list[Known], sort: str
) -> None:
    dice = random.Random(9)
    begun = [
        one.row_id
        for one in sorted(known, key=lambda one: (one.at, one.row_id), reverse=sort == "newest")
        if any(word.startswith("t") for word in one.words)
    ]
    assert len(begun) > 2 * _COUNT_LIMIT
    seen: list[int] = []
    cursor = None
    number = 0
    while number == 0 or cursor is not None:
        page = await _ask(connection, q="t*", sort=sort, cursor=cursor, limit=11)
        seen += [int(hit.artifact.id) for hit in page.items]
        cursor = page.next_cursor
        number += 1
        await index_staged(
            connection, device=f"later{number}", moment=1,
            artifacts=_artifacts(dice, f"x{number}-", 9),
        )  # fmt: skip
        if number == 2:
            await _list_all_words(connection)
        if number == 4:
            await _build_all_dated(connection)
            await _build_all_paired(connection)
    own = set(begun)
    assert [row_id for row_id in seen if row_id in own] == begun
    assert len(seen) == len(set(seen)) > len(begun)
