"""The words of the tables that large first runs made, by which a beginning becomes a few words.

An index of words gathers everything that begins so before it can tell any of it apart: more than
twice as long as asking for the words themselves. People search while they type, so nearly every
search ends with a beginning. The texts in those tables never change; what comes in later lies in
the open table, number 0, of which no words are known. table_upkeep lists the words of a table when
the rest of it is there, and until then beginnings are asked for as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from services.indexer.sql import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from services.indexer.history.storage_rows import Connection
    from services.indexer.history.storage_shards import Shard

#: More words in place of a beginning would take longer than the beginning.
MOST_WORDS = 24

#: A beginning in a query as Postgres writes it. A quote or a backslash inside is doubled.
_BEGINNING = re.compile(r"'((?:[^'\\]|''|\\\\)+)':\*")


async def expand_beginnings(
    connection: Connection, query: str, shards: Sequence[Shard]
) -> str | None:
    """Return *query* for all of *shards* but the open one, with words in place of beginnings.

    The query itself where a table's words are not listed, or where too many begin so; None where
    no word begins so that has to be there, and nothing can be found.
    """
    beginnings = sorted(set(_BEGINNING.findall(query)))
    if not beginnings or not all(shard.has_words for shard in shards if shard.number):
        return query
    typed = [_unquoted(beginning) for beginning in beginnings]
    numbers = [shard.number for shard in shards if shard.number]
    # A word comes once for each table that has it.
    most_rows = MOST_WORDS * len(numbers) + 1
    rows = await connection.fetch(statement("words", "beginning"), typed, numbers, most_rows)
    words: dict[str, list[str]] = {}
    for row in rows:
        is_cut = row["looked_at"] >= most_rows or len(row["words"]) > MOST_WORDS
        if is_cut or not row["is_listed"]:
            return query
        words[row["beginning"]] = row["words"]
    if not all(words.values()) and "!" not in query:
        return None

    def alternatives(match: re.Match[str]) -> str:
        beginning = _unquoted(match[1])
        # In none of the tables, and perhaps it must not be: it is found nowhere either, whole.
        own = words[beginning] or [beginning]
        return "( " + " | ".join(map(_quoted, own)) + " )"

    return _BEGINNING.sub(alternatives, query)


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
