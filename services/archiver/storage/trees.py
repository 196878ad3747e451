"""The table ``tree_entry``: trees of all archives, written at the cost of what changed."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import UUID

import msgspec

from services.archiver.format.tree import BlobPlace, EntryType, TreeEntry
from services.archiver.storage.journal import fetch_places, join_digests, split_digests
from services.archiver.store.seen import Seen, read_seen
from shared.contracts.archiver import ArchiveFile, ListArchiveFiles
from shared.contracts.problems import bad_request
from shared.contracts.requests import Page
from shared.cursors import read_cursor, read_limit, write_cursor

if TYPE_CHECKING:
    import asyncpg

    from services.archiver.storage import Connection

_COLUMNS = (
    "path", "shown", "type", "mode", "mtime_ns", "size_bytes", "blobs", "target", "is_torn",
)  # fmt: skip
#: Null is like null; but for paths, by which the two are joined.
_SAME = "t.path = s.path and " + " and ".join(
    f"t.{column} is not distinct from s.{column}"
    for column in _COLUMNS
    if column not in ("path", "shown")
)
_ALL = ", ".join(_COLUMNS)
_CLOSE = (
    "update tree_entry t set until = $3 where source_id = $1 and destination_id = $2"  # noqa: S608 -- ours
    " and until is null and not exists (select from same where same.id = t.id)"
    f" and not exists (select from seen s where {_SAME})"
)
_OPEN = (
    f"insert into tree_entry (source_id, destination_id, since, {_ALL})"  # noqa: S608 -- ours
    f" select $1, $2, $3, {_ALL} from seen s where not exists (select from tree_entry t"
    f" where t.source_id = $1 and t.destination_id = $2 and t.until is null and {_SAME})"
)
_BATCH = 2000
_ESCAPED, _SECOND = re.compile(r"\\(.)", re.DOTALL), r"\1"
_WILDCARD = re.compile(r"(?<!\\)(?:\\\\)*[%_]")
_BEGINNING = re.compile(r"(?:[^\\%_]|\\.)*", re.DOTALL)
_CUT_SHORT = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")
_LONGEST_SHOWN = 2000


class _Place(msgspec.Struct, frozen=True, array_like=True):
    shown: str
    id: int


async def merge_tree(
    connection: Connection,
    seen: BinaryIO,
    *,
    source_id: UUID,
    destination_id: UUID,
    number: int,
    same: Sequence[int] = (),
) -> None:
    """Make what was *seen* the tree of archive *number*, the newest. Inside a transaction.

    Rows that say the *same* as the source are part of it.
    """
    series = (source_id, destination_id, number)
    await connection.execute("create temporary table same (id bigint primary key) on commit drop")
    await connection.execute("insert into same select unnest($1::bigint[])", same)
    await connection.execute("analyze same")
    still = await connection.fetchval(
        "select count(*) from same join tree_entry using (id)"
        " where source_id = $1 and destination_id = $2 and until is null",
        *series[:2],
    )
    if still != len(same):
        # Nobody else writes to the store meanwhile, so nobody can have changed them.
        raise RuntimeError("rows that an archive shares with the one before are gone")
    await connection.execute(
        "create temporary table seen (path bytea, shown text, type text, mode integer,"
        " mtime_ns bigint, size_bytes bigint, blobs bytea, target bytea, is_torn boolean)"
        " on commit drop"
    )
    entries = read_seen(seen)
    while batch := list(itertools.islice(entries, _BATCH)):
        await connection.copy_records_to_table(
            "seen", columns=_COLUMNS, records=[_to_record(one) for one in batch]
        )
    await connection.execute("create index on seen (path)")
    await connection.execute("analyze seen")
    await connection.execute(_CLOSE, *series)
    await connection.execute(_OPEN, *series)


async def list_files(
    connection: Connection, request: ListArchiveFiles, archive: Any
) -> Page[ArchiveFile]:
    """Return entries of an archive (its row) by path."""
    limit = read_limit(request.limit)
    arguments: list[object] = [archive["source_id"], archive["destination_id"], archive["number"]]

    def given(value: object) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    # Only what is asked for is said: a condition that may be none is one that no index helps with.
    where = "source_id = $1 and destination_id = $2 and since <= $3"
    where += " and (until is null or until > $3)"
    if request.path_like is not None:
        exact = _literal(request.path_like)
        if exact is None:
            where += f" and shown like {given(request.path_like)}"
            # Whatever the order of letters is, nothing comes before what it begins with.
            if beginning := _BEGINNING.match(request.path_like):
                where += f" and shown >= {given(_ESCAPED.sub(_SECOND, beginning[0]))}"
        else:
            where += f" and shown = {given(exact)}"
    if request.cursor is not None:
        place = read_cursor(request.cursor, _Place)
        where += f" and (shown, id) > ({given(place.shown)}, {given(place.id)})"
    rows = await connection.fetch(
        f"select * from tree_entry where {where} order by shown, id limit {given(limit + 1)}",  # noqa: S608 -- ours
        *arguments,
    )
    page = rows[:limit]
    cursor = None
    if len(rows) > limit:
        cursor = write_cursor(_Place(page[-1]["shown"], page[-1]["id"]))
    return Page(items=[to_file(row) for row in page], next_cursor=cursor)


def _literal(pattern: str) -> str | None:
    """Return what alone is like *pattern*; None when it has wildcards."""
    if _CUT_SHORT.search(pattern):
        raise bad_request("path_like ends with a backslash, which stands before something.")
    found = _ESCAPED.sub(_SECOND, pattern)
    return None if _WILDCARD.search(pattern) else found


async def find_entry(connection: Connection, archive_id: UUID, n: int) -> Any | None:
    """Return the row of entry *n*, if the archive holds it."""
    return await connection.fetchrow(
        "select t.* from archive a join tree_entry t on t.source_id = a.source_id"
        " and t.destination_id = a.destination_id and t.since <= a.number"
        " and (t.until is null or t.until > a.number) where a.id = $1 and t.id = $2",
        archive_id,
        n,
    )


async def fetch_entries(
    pool: asyncpg.Pool[Any], archive: Any, *, paths: list[str] | None, after: int
) -> tuple[list[TreeEntry], int]:
    """Return the next entries of an archive in the order of their rows, and the last row's id.

    *paths* are shown ones, with everything below them; None for all. Empty at the end.
    """
    rows = await pool.fetch(
        "select * from tree_entry where source_id = $1 and destination_id = $2"
        " and since <= $3 and (until is null or until > $3) and id > $4"
        " and ($5::text[] is null or shown = any($5) or exists (select from unnest($5) as p"
        " where starts_with(shown, p || '/')))"
        " order by id limit $6",
        archive["source_id"],
        archive["destination_id"],
        archive["number"],
        after,
        paths,
        _BATCH,
    )
    blobs = {blob for row in rows for blob in split_digests(row["blobs"])}
    places = await fetch_places(pool, archive["destination_id"], blobs)
    return [_to_entry(row, places) for row in rows], rows[-1]["id"] if rows else after


async def sum_entries(
    connection: Connection, archive: Any, *, paths: list[str] | None
) -> tuple[int, int]:
    """Return how many files there are, and their bytes."""
    row = await connection.fetchrow(
        "select count(*) as files, coalesce(sum(size_bytes), 0)::bigint as bytes from tree_entry"
        " where source_id = $1 and destination_id = $2 and type = 'file'"
        " and since <= $3 and (until is null or until > $3)"
        " and ($4::text[] is null or shown = any($4) or exists (select from unnest($4) as p"
        " where starts_with(shown, p || '/')))",
        archive["source_id"],
        archive["destination_id"],
        archive["number"],
        paths,
    )
    assert row is not None
    return row["files"], row["bytes"]


def _to_record(seen: Seen) -> tuple[object, ...]:
    found = seen.found
    return (
        found.path, _shown(found.path), found.type, found.mode, found.mtime_ns, seen.size_bytes,
        join_digests(seen.blobs), found.target, seen.is_torn,
    )  # fmt: skip


def _to_entry(row: Any, places: dict[str, BlobPlace]) -> TreeEntry:
    kind: EntryType = row["type"]
    return TreeEntry(
        path=row["path"],
        type=kind,
        mode=row["mode"],
        mtime_ns=row["mtime_ns"],
        size_bytes=row["size_bytes"],
        # What is not present is asked for all the same: the reader says that it is missing.
        blobs=tuple(
            places.get(blob) or BlobPlace(blob, None, 0, 0) for blob in split_digests(row["blobs"])
        ),
        target=row["target"],
        is_torn=row["is_torn"],
    )


def to_file(row: Any) -> ArchiveFile:
    """Return a row as people see it."""
    target = row["target"]
    return ArchiveFile(
        n=row["id"],
        path=row["shown"],
        type=row["type"],
        size_bytes=row["size_bytes"],
        modified_at=_moment(row["mtime_ns"]),
        mode=row["mode"],
        target=None if target is None else _shown(target),
        torn=row["is_torn"],
    )


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "replace").replace("\0", "\ufffd")[:_LONGEST_SHOWN]


def _moment(ns: int) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(ns / 1e9, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return None
