"""The words of the tables that large first runs made, and in how many rows each stands.

An index of words gathers everything that begins with something before it can tell any of it apart:
more than twice as long as asking for the words themselves. People search while they type, so nearly
every search ends with a beginning. It need not look into tables that do not have all of its words,
and how often they stand in the others says how much of the history holds enough hits. The texts in
those tables never change; what comes in later lies in the open table, number 0, of which no words
are known. table_upkeep lists the words of a table when the rest of it is there, and until then
beginnings are asked for as they are.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from services.indexer.sql import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from services.indexer.history.storage_rows import Connection
    from services.indexer.history.storage_shards import Shard

#: More words in place of a beginning would take longer than the beginning.
MOST_WORDS = 24

#: A word or a beginning in a query as Postgres writes it. A quote or a backslash inside is doubled.
_WORD = re.compile(r"'((?:[^'\\]|''|\\\\)+)'(:\*)?")
#: Comes after all that goes on with anything else.
_LAST = "\U0010ffff"


class Expected(NamedTuple):
    """How many rows of a table have all words."""

    #: About so many, were each of the words anywhere.
    hits: float
    #: No more than these, were they all in the same rows.
    most: float


class KnownWords(NamedTuple):
    """What is known of the words of a query before anything is looked for."""

    #: For all tables but the open one, with words in place of beginnings. None where none of them
    #: has all words that have to be there.
    query: str | None
    #: By table, where all words are; in other tables they are not. None where that is not known.
    expected: dict[int, Expected] | None = None


async def look_up_words(connection: Connection, query: str, shards: Sequence[Shard]) -> KnownWords:
    """Return what is known of *query*, as Postgres writes it, in all of *shards* but the open one.

    The query itself where a table's words are not listed, or where too many begin so.
    """
    listed = [shard for shard in shards if shard.number]
    can_be_left_out = "!" in _WORD.sub("", query)
    typed = sorted(
        {
            (match[1], match[2] is not None)
            for match in _WORD.finditer(query)
            if match[2] or not can_be_left_out
        }
    )
    if not typed or not listed or not all(shard.has_words for shard in listed):
        return KnownWords(query)
    known = await _fetch_known(connection, typed, listed)
    if known is None:
        return KnownWords(query)

    def alternatives(match: re.Match[str]) -> str:
        if not match[2] or (words := known[match[1], True].words) is None:
            return match[0]
        # In none of the tables, and perhaps it must not be: it is found nowhere either, whole.
        return "( " + " | ".join(map(_quoted, words or [_unquoted(match[1])])) + " )"

    expanded = _WORD.sub(alternatives, query)
    if can_be_left_out:
        return KnownWords(expanded)
    if any(one.words is None for one in known.values()):
        return KnownWords(expanded)
    expected: dict[int, Expected] = {}
    for shard in listed:
        shares = [
            min(1.0, one.found.get(shard.number, 0) / max(1, shard.row_count))
            for one in known.values()
        ]
        if all(shares):
            rows = shard.row_count
            expected[shard.number] = Expected(rows * math.prod(shares), rows * min(shares))
    return KnownWords(expanded if expected else None, expected)


class _Listed(NamedTuple):
    #: That a beginning stands for; None for too many.
    words: list[str] | None
    #: In how many rows of a table one of them stands, by table.
    found: dict[int, int]


async def _fetch_known(
    connection: Connection, typed: list[tuple[str, bool]], shards: Sequence[Shard]
) -> dict[tuple[str, bool], _Listed] | None:
    """Return what is listed of words and of beginnings; None where words were just forgotten."""
    first = [_unquoted(text) for text, _ in typed]
    last = [f"{word}{_LAST}" if typed[n][1] else word for n, word in enumerate(first)]
    numbers = [shard.number for shard in shards]
    # A word comes once for each table that has it.
    most_rows = max(MOST_WORDS, 1) * len(numbers) + 1
    rows = await connection.fetch(statement("words", "known"), first, last, numbers, most_rows)
    known = {one: _Listed([], {}) for one in typed}
    for row in rows:
        if not row["number"]:
            if not row["is_listed"]:
                return None
            continue
        is_cut = row["looked_at"] >= most_rows or len(row["words"]) > MOST_WORDS
        known[typed[row["number"] - 1]] = _Listed(
            None if is_cut else row["words"], dict(zip(row["shards"], row["found"], strict=True))
        )
    return known


async def find_without_words(connection: Connection | asyncpg.Pool[Any]) -> int | None:
    """Return a table of which the words are not listed."""
    number: int | None = await connection.fetchval(statement("words", "find_missing"))
    return number


async def list_words(connection: Connection, number: int) -> None:
    """List the words of one table, in one transaction. Idempotent."""
    async with connection.transaction():
        await connection.execute(statement("words", "hold"), number)
        await connection.execute(statement("words", "list").format(shard=number))
        await connection.execute(
            "update artifact_shard set has_words = true where shard = $1", number
        )


async def forget_words(connection: Connection, device: str) -> None:
    """Forget the words of a device's tables, because some of its rows go. They are listed anew."""
    # First: whoever lists them holds the table's row, and all of its words are there to see then.
    await connection.execute(statement("words", "unlist"), device)
    await connection.execute(statement("words", "forget"), device)


def _unquoted(text: str) -> str:
    return text.replace("''", "'").replace("\\\\", "\\")


def _quoted(word: str) -> str:
    doubled = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
