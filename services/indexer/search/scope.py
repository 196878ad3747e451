"""What a search has to know before it looks for anything, in one round trip.

The tables that may hold what is asked for, the words in the form of the index, and the
conversations of a person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.indexer.history.storage_rows import Conditions
from services.indexer.history.storage_shards import Shard, to_shard
from services.indexer.search.query import tsquery_text
from services.indexer.sql import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.indexer.history.storage_rows import Connection
    from services.indexer.search.asked import Asked
    from services.indexer.search.plan import Mode
    from services.indexer.search.query import Question, Term


#: Conversations with less are read, whatever is looked for in them.
FEW_ROWS = 8_000


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Where a search looks, and for what: queries in Postgres's own text, empty for nothing."""

    shards: list[Shard]
    #: How many tables there are, with those that cannot hold what is asked for.
    tables: int = 0
    #: What has to be there as words and what must not be; and what must not be there alone.
    words: str = ""
    excluded: str = ""
    person_threads: list[int] = []
    #: About how much lies in the conversations that are asked for; null when all are.
    thread_rows: int | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether all of it can be read, whatever is looked for in it."""
        return self.thread_rows is not None and self.thread_rows <= FEW_ROWS


async def fetch_scope(connection: Connection, asked: Asked, question: Question) -> Scope:
    """Return the scope of a search; without tables when nothing can match."""
    where = Conditions(
        [
            asked.devices,
            asked.kinds,
            asked.threads,
            asked.participants,
            FEW_ROWS,
        ]
    )
    by_words = [term for term in question.terms if goes_by_words(term, "words")]
    text = statement("search", "scope").format(
        words=_query(where, by_words),
        excluded=_query(where, [term for term in by_words if term.excluded]),
    )
    rows = await connection.fetch(text, *where.parameters)
    if not rows:
        return Scope(shards=[])
    needed = [row for row in rows if row["is_needed"]] or rows
    return Scope(
        shards=[to_shard(row) for row in needed],
        tables=rows[0]["tables"],
        words=rows[0]["words"],
        excluded=rows[0]["excluded"],
        person_threads=rows[0]["person_threads"] or [],
        # What somebody wrote on his own phone lies in all conversations.
        thread_rows=None if asked.own_devices else rows[0]["thread_rows"],
    )


def goes_by_words(term: Term, mode: Mode) -> bool:
    """Whether the index of words finds, or leaves out, what a term stands for."""
    if term.kind == "part" or not term.words:
        return False
    return term.excluded or mode == "words"


def _query(where: Conditions, terms: Sequence[Term]) -> str:
    pieces: list[str] = []
    for term in terms:
        if term.kind == "phrase" and term.is_plain:
            piece = f"phraseto_tsquery('simple', {where.parameter(term.folded)})"
        else:
            piece = f"to_tsquery('simple', {where.parameter(tsquery_text(term))})"
        pieces.append(f"!!({piece})" if term.excluded else piece)
    return " && ".join(pieces) if pieces else "''::tsquery"
