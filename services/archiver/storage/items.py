"""The table ``archive_item``: what has a name of its own in archives."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.archiver.sources.item import Item
from shared.contracts.archiver_items import ArchiveItem, ListArchiveItems
from shared.contracts.problems import not_found
from shared.contracts.requests import Page
from shared.cursors import read_cursor, read_limit, write_cursor

if TYPE_CHECKING:
    from services.archiver.storage import Connection

_WORD = re.compile(r"\w+")
_APART = str.maketrans("_", " ")
_MOST_WORDS = 16


class _Place(msgspec.Struct, frozen=True, array_like=True):
    n: int


async def record_items(connection: Connection, archive_id: UUID, items: Sequence[Item]) -> None:
    """Write the items of an archive down, in their order."""
    await connection.executemany(
        "insert into archive_item (archive_id, n, kind, key, name, folded, words, facts, member)"
        " values ($1, $2, $3, $4, $5, $6, to_tsvector('simple', $7), $8, $9)",
        [_to_record(archive_id, n, one) for n, one in enumerate(items)],
    )


def _to_record(archive_id: UUID, n: int, item: Item) -> tuple[object, ...]:
    folded = fold(item.name)
    words = " ".join(_words(folded))
    return (
        archive_id, n, item.kind, item.key, item.name, folded, words, item.facts, item.member,
    )  # fmt: skip


async def list_items(
    connection: Connection, request: ListArchiveItems, archive: Any
) -> Page[ArchiveItem]:
    """Return items of an archive (its row), in their order."""
    limit = read_limit(request.limit)
    after = -1 if request.cursor is None else read_cursor(request.cursor, _Place).n
    folded = None if request.q is None else fold(request.q)
    rows = await connection.fetch(
        "select n, kind, key, name, facts, member from archive_item where archive_id = $1"
        " and n > $2 and ($3::text is null or kind = $3)"
        " and ($4::text is null or strpos(folded, $4) > 0"
        " or ($5 <> '' and words @@ to_tsquery('simple', $5)))"
        " order by n limit $6",
        archive["id"],
        after,
        request.kind,
        folded,
        _query(folded or ""),
        limit + 1,
    )
    page = rows[:limit]
    sizes = _sizes(archive)
    return Page(
        items=[_to_item(row, sizes) for row in page],
        next_cursor=write_cursor(_Place(page[-1]["n"])) if len(rows) > limit else None,
    )


async def find_item(connection: Connection, archive: Any, item_id: str) -> tuple[ArchiveItem, Any]:
    """Return an item with its row, or raise that there is none.

    Where things of several kinds have one id, it is the one that can be taken out.
    """
    row = await connection.fetchrow(
        "select n, kind, key, name, facts, member from archive_item where archive_id = $1"
        " and key = $2 order by member is null, n limit 1",
        archive["id"],
        item_id,
    )
    if row is None:
        raise not_found("item")
    return _to_item(row, _sizes(archive)), row


def fold(text: str) -> str:
    """Return a name as it is searched: however it is written, and without accents."""
    parted = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in parted if not unicodedata.combining(one)).replace("\0", "")


def _query(folded: str) -> str:
    """Return what has words that begin like all of these; nothing where there is no word."""
    return " & ".join(f"'{word}':*" for word in _words(folded)[:_MOST_WORDS])


def _words(folded: str) -> list[str]:
    return _WORD.findall(folded.translate(_APART))


def _sizes(archive: Any) -> dict[str, int]:
    return {one["path"]: one["size_bytes"] for one in archive["manifest"]["members"]}


def _to_item(row: Any, sizes: dict[str, int]) -> ArchiveItem:
    return ArchiveItem(
        id=row["key"],
        kind=row["kind"],
        name=row["name"],
        facts=row["facts"],
        size_bytes=None if row["member"] is None else sizes.get(row["member"]),
    )
