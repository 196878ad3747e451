"""Words of the paths in ``tree_entry``: a row is found once for all archives that hold it."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.archiver.storage.trees import to_file
from shared.contracts.archiver import ArchiveId, DestinationId, SourceId
from shared.contracts.archiver_search import FindArchiveFiles, FoundFile
from shared.contracts.problems import bad_request
from shared.contracts.requests import Page
from shared.cursors import read_cursor, read_limit, write_cursor

if TYPE_CHECKING:
    from services.archiver.storage import Connection

_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 16
#: Hits are sorted before anything else is looked at, so a page costs as much as its rows. Archives
#: that are being deleted are no more.
_FIND = """
with hit as materialized (
    select id from tree_entry
    where path_words(shown) @@ to_tsquery('simple', $1) and not is_blob_path(shown)
    and ($2::uuid is null or source_id = $2) and ($3::uuid is null or destination_id = $3)
    and ($4::bigint is null or id < $4)
)
select t.*, a.archive_id, a.archived_at, a.archive_count
from (select id from hit order by id desc) h
cross join lateral (select * from tree_entry where id = h.id offset 0) t
cross join lateral (
    select (array_agg(id order by number desc))[1] as archive_id,
        max(created_at) as archived_at, count(*) as archive_count
    from archive
    where source_id = t.source_id and destination_id = t.destination_id and number >= t.since
    and (t.until is null or number < t.until) and deletion_began_at is null
    offset 0
) a
where a.archive_count > 0
order by h.id desc limit $5
"""


class _Place(msgspec.Struct, frozen=True, array_like=True):
    id: int


async def find_files(
    connection: Connection,
    request: FindArchiveFiles,
    *,
    source_id: UUID | None,
    destination_id: UUID | None,
) -> Page[FoundFile]:
    """Return what has all the words in its path, the newest first."""
    limit = read_limit(request.limit)
    place = None if request.cursor is None else read_cursor(request.cursor, _Place)
    rows = await connection.fetch(
        _FIND,
        path_query(request.words),
        source_id,
        destination_id,
        None if place is None else place.id,
        limit + 1,
    )
    page = rows[:limit]
    cursor = write_cursor(_Place(page[-1]["id"])) if len(rows) > limit else None
    return Page(items=[_to_found(row) for row in page], next_cursor=cursor)


def path_query(words: str) -> str:
    """Return *words* for ``to_tsquery('simple', …)``: all of them, or what begins like them.

    Raises that it is a bad request when there are none, or too many.
    """
    found = _WORD.findall(unicodedata.normalize("NFKC", words).lower())
    if not 0 < len(found) <= _MOST_WORDS:
        raise bad_request(f"A search has 1 to {_MOST_WORDS} words.")
    # Letters and digits only, so nothing in them is an operator.
    return " & ".join(f"'{word}':*" for word in found)


def _to_found(row: Any) -> FoundFile:
    return FoundFile(
        file=to_file(row),
        source_id=SourceId(str(row["source_id"])),
        destination_id=DestinationId(str(row["destination_id"])),
        archive_id=ArchiveId(str(row["archive_id"])),
        archived_at=row["archived_at"],
        archive_count=row["archive_count"],
    )
