"""The pieces of time of a search: they meet, leave nothing out, and are about as long as needed."""

from __future__ import annotations

import datetime as dt
import itertools
import random

import pytest

from services.indexer.history.storage_shards import Shard
from services.indexer.history.storage_words import Expected
from services.indexer.search import windows as search_windows
from services.indexer.search.windows import Way, Window, Windows

_START = dt.datetime(2016, 1, 1, tzinfo=dt.UTC)


def _shard(number: int, rows: int, first: float, last: float) -> Shard:
    return Shard(
        number=number, device="d", kind="message", row_count=rows, has_substring=True,
        has_words=True, first_at=_START + dt.timedelta(days=first),
        last_at=_START + dt.timedelta(days=last),
    )  # fmt: skip


def _shards(dice: random.Random) -> list[Shard]:
    found = []
    for number in range(dice.randint(0, 9)):
        first = dice.uniform(0, 3000)
        length = dice.choice([0.0, 0.01, 30.0, 900.0])
        found.append(_shard(number, dice.choice([0, 3, 5_000, 120_000]), first, first + length))
    return found


def _walk(windows: Windows, dice: random.Random, *, limit: int) -> list[Window]:
    seen = []
    for window in windows:
        seen.append(window)
        windows.found = min(limit, windows.found + dice.choice([0, 0, 1, limit // 3]))
        if windows.found >= limit:
            break
        assert len(seen) < 200
    return seen


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("way", ["desc", "asc"])
def test_pieces_meet_and_name_every_table_that_may_hold_something(way: Way, seed: int) -> None:
    dice = random.Random(seed)
    shards = _shards(dice)
    since, until = (
        _START + dt.timedelta(days=dice.uniform(0, 4000)) if dice.random() < 0.3 else None
        for _ in range(2)
    )
    if since is not None and until is not None:
        since, until = sorted([since, until])
    windows = Windows(
        shards, way=way, limit=10_000, since=since, until=until, is_rough=seed % 2 == 0,
        is_dear=seed % 4 == 0,
        own_rows=seed * 1_000 if seed % 3 == 0 else None,
        expected=_guesses(dice, shards) if seed % 5 else None,
    )  # fmt: skip
    # Nothing is found, so that everything is looked through.
    pieces = list(windows)

    assert len(pieces) < 200
    ends = [(piece.since, piece.until) for piece in pieces]
    if way == "desc":
        ends.reverse()
        pieces.reverse()
    assert ends[0][0] == since
    assert ends[-1][1] == until
    for (_, end), (start, _) in itertools.pairwise(ends):
        assert end == start
        assert end is not None
    for piece in pieces:
        named = set(piece.shards)
        for shard in shards:
            if shard.number == 0 or _overlaps(shard, piece):
                assert shard.number in named


def _guesses(dice: random.Random, shards: list[Shard]) -> dict[int, Expected]:
    """Return what may be told of hits, however wrong it is."""
    return {
        shard.number: Expected(shard.row_count * few, shard.row_count * max(few, dice.random()))
        for shard in shards
        if shard.number and (few := dice.choice([0.000_01, 0.02, 1.0]))
    }


def _overlaps(shard: Shard, piece: Window) -> bool:
    assert shard.first_at is not None
    assert shard.last_at is not None
    return (piece.since is None or shard.last_at >= piece.since) and (
        piece.until is None or shard.first_at < piece.until
    )


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("way", ["desc", "asc"])
def test_pieces_end_when_enough_is_found(way: Way, seed: int) -> None:
    dice = random.Random(seed)
    windows = Windows(_shards(dice), way=way, limit=90, since=None, until=None)
    pieces = _walk(windows, dice, limit=90)
    assert windows.found == 90 or None in (pieces[-1].since, pieces[-1].until)


@pytest.mark.parametrize("way", ["desc", "asc"])
def test_a_piece_holds_about_as_many_artifacts_as_it_should(way: Way) -> None:
    # Two phones side by side, one twice as busy; before them a third alone.
    shards = [_shard(1, 50_000, 0, 500), _shard(2, 60_000, 500, 800), _shard(3, 30_000, 500, 800)]
    first, second = _first_two(shards, way, found=250)
    days = (search_windows.FIRST_ROWS / 300) if way == "desc" else search_windows.FIRST_ROWS / 100
    assert _days(first, way) == pytest.approx(days, rel=0.01)
    assert first.how == "read"
    # So many are hits that some thousands more are read rather than looked up.
    assert second.how == "read"
    assert set(first.shards) == ({2, 3} if way == "desc" else {1})


@pytest.mark.parametrize("way", ["desc", "asc"])
def test_where_hits_are_told_the_first_piece_has_enough_of_them(way: Way) -> None:
    # The former table has ten times as many of them; the open one has as many as others.
    shards = [_shard(0, 0, 0, 1000), _shard(1, 500_000, 0, 500), _shard(2, 500_000, 500, 1000)]
    expected = {1: Expected(50_000, 50_000), 2: Expected(5_000, 5_000)}
    windows = Windows(shards, way=way, limit=900, since=None, until=None, expected=expected)
    first = next(iter(windows))
    # 900 and three times their root, at 10 or at 100 a day.
    length = 99 if way == "desc" else 9.9
    begin = first.since if way == "desc" else first.until
    assert begin is not None
    days = (begin - _START) / dt.timedelta(days=1)
    assert days == pytest.approx(1000 - length if way == "desc" else length, rel=0.01)


@pytest.mark.parametrize(("found", "days"), [(2, 44), (40, 2.5)])
def test_how_often_words_come_together_is_believed_when_it_was_seen(
    found: int, days: float
) -> None:
    # One of 400 is a hit if words are anywhere, one of 20 if they always come together.
    shards = [_shard(1, 10_000_000, 0, 1000)]
    windows = Windows(
        shards, way="desc", limit=1000, since=None, until=None,
        expected={1: Expected(25_000, 500_000)},
    )  # fmt: skip
    pieces = iter(windows)
    first = next(pieces)
    assert _days(first, "desc") == pytest.approx(search_windows.FIRST_ROWS / 10_000, rel=0.01)
    windows.found = found
    second = next(pieces)
    assert first.since is not None
    assert second.since is not None
    assert (first.since - second.since) / dt.timedelta(days=1) == pytest.approx(days, rel=0.1)


def test_what_is_told_to_be_rare_is_looked_up_at_once() -> None:
    shards = [_shard(1, 500_000, 0, 500), _shard(2, 500_000, 500, 1000)]
    expected = {1: Expected(3, 3), 2: Expected(2, 2)}
    windows = Windows(shards, way="desc", limit=900, since=None, until=None, expected=expected)
    (only,) = list(windows)
    assert (only.how, only.since, only.until, only.shards) == ("indexed", None, None, [1, 2])


def test_what_is_rare_is_looked_up_and_beside_many_hits_by_time_too() -> None:
    shards = [_shard(1, 500_000, 0, 500), _shard(2, 500_000, 500, 1000)]
    _, frequent = _first_two(shards, "desc", found=40)
    assert (frequent.how, frequent.shards) == ("within", [2])
    _, unknown = _first_two(shards, "desc", found=0)
    assert unknown.how == "indexed"


@pytest.mark.parametrize("way", ["desc", "asc"])
def test_tables_that_are_looked_up_are_taken_as_a_whole(way: Way) -> None:
    # Two phones side by side, whose tables do not end at the same time.
    shards = [
        _shard(1, 600_000, 0, 400), _shard(2, 600_000, 401, 1000),
        _shard(3, 600_000, 0, 300), _shard(4, 600_000, 301, 1000),
    ]  # fmt: skip
    first, second = _first_two(shards, way, found=0)
    assert first.how == "read"
    assert second.how == "indexed"
    # What lies in none of the others is in there, and nothing of another table.
    if way == "desc":
        assert set(second.shards) == {2, 4}
        assert second.since == _START + dt.timedelta(days=400, microseconds=1)
        assert second.until == first.since
    else:
        assert set(second.shards) == {1, 3}
        assert second.until == _START + dt.timedelta(days=301)
        assert second.since == first.until


def test_when_all_tables_are_looked_up_it_is_the_last_time() -> None:
    shards = [_shard(1, 600_000, 0, 1000), _shard(2, 600_000, 0, 1000)]
    pieces = list(Windows(shards, way="desc", limit=1000, since=None, until=None))
    assert [(piece.how, piece.since is None) for piece in pieces] == [
        ("read", False), ("indexed", True),
    ]  # fmt: skip


def test_of_what_is_dear_to_look_at_less_is_looked_at_next() -> None:
    shards = [_shard(1, 5_000_000, 0, 1000)]
    days = []
    for is_dear in (False, True):
        windows = Windows(
            shards, way="desc", limit=1000, since=None, until=None, is_rough=True, is_dear=is_dear
        )
        pieces = iter(windows)
        first = next(pieces)
        windows.found = 5
        second = next(pieces)
        assert first.since is not None
        assert second.since is not None
        days.append((first.since - second.since) / dt.timedelta(days=1))
    assert days[1] == pytest.approx(days[0] / 3, rel=0.01)


def test_in_a_conversation_pieces_are_longer() -> None:
    shards = [_shard(1, 1_000_000, 0, 1000)]
    windows = iter(Windows(shards, way="desc", limit=1000, since=None, until=None, own_rows=10_000))
    first = next(windows)
    assert first.how == "narrow"
    assert _days(first, "desc") == pytest.approx(search_windows.FIRST_ROWS / 10, rel=0.01)


def _first_two(shards: list[Shard], way: Way, *, found: int) -> tuple[Window, Window]:
    windows = Windows(shards, way=way, limit=1000, since=None, until=None)
    pieces = iter(windows)
    first = next(pieces)
    windows.found = found
    return first, next(pieces)


def _days(window: Window, way: Way) -> float:
    """How long a piece at the beginning of a search is, whose tables end after 800 or 1000 days."""
    if way == "asc":
        assert window.until is not None
        return (window.until - _START) / dt.timedelta(days=1)
    assert window.since is not None
    until = 800 if window.since < _START + dt.timedelta(days=800) else 1000
    return until - (window.since - _START) / dt.timedelta(days=1)
