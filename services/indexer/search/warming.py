"""Questions that nobody asked, so that whoever comes first does not wait.

A connection learns the descriptions of all tables once, and plans each form of a statement once: at
millions of artifacts that takes longer than ten searches.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from services.indexer.search.storage import search
from services.indexer.sql import statement
from shared.contracts.indexer import Search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.indexer.history.storage_rows import Connection

#: Found in no artifact, so that only looking for it takes time.
_NOWHERE = "keepsakewarmingup"


async def warm_up(connection: Connection, *, most_bytes: int, labels: Mapping[str, str]) -> None:
    """Ask the forms that people ask most: one word, two, a phrase, and one that is nowhere."""
    questions = [_NOWHERE]
    seen: Counter[str] = Counter()
    for row in await connection.fetch(statement("search", "newest words")):
        seen.update(word for word in row["words"] if word.isalpha())
    words = [word for word, _ in seen.most_common(2)]
    if words:
        questions += [words[0], " ".join(words), f'"{" ".join(words)}"']
    for question in questions:
        await search(connection, Search(q=question), most_bytes=most_bytes, labels=labels)
