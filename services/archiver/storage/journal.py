"""The journal of one store, in Postgres, for the threads that read and store."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from services.archiver.format.tree import BlobPlace
from services.archiver.sources.tree import Found
from services.archiver.store.journal import KnownFile, StoredObject

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")

_DIGEST_BYTES = 32
_BY_INDEX = "set local enable_seqscan = off; set local plan_cache_mode = force_custom_plan"


#: Nearly all files have one blob, whose place comes along. The row of the catalogue is asked for as
#: the first one in the order of paths: of the two indexes that begin with the source, only one has
#: that order, and without statistics the other one was taken, which reads a whole tree each time.
_UNCHANGED = """
select wanted.n, k.blobs, b.object, b."offset", b.size_bytes, t.id
from unnest($3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::integer[])
    with ordinality as wanted (path, size_bytes, mtime_ns, ctime_ns, inode, mode, n)
cross join lateral (
    select blobs from known_file
    where source_id = $1 and destination_id = $2 and path = wanted.path
    and size_bytes = wanted.size_bytes and mtime_ns = wanted.mtime_ns
    and ctime_ns = wanted.ctime_ns and inode = wanted.inode::numeric
    offset 0
) k
left join lateral (
    select object, "offset", size_bytes from blob
    where destination_id = $2 and sha256 = k.blobs
    offset 0
) b on true
left join lateral (
    select id, type, mode, mtime_ns, size_bytes, blobs, target, is_torn from tree_entry
    where source_id = $1 and destination_id = $2 and until is null
    and path >= wanted.path and path <= wanted.path
    order by path limit 1
) t on t.type = 'file' and t.mode = wanted.mode and t.mtime_ns = wanted.mtime_ns
    and t.size_bytes = wanted.size_bytes and t.blobs = k.blobs and t.target is null
    and not t.is_torn
"""


class PostgresJournal:
    """Implements ``Journal``. Its methods are called from threads, never from the event loop."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        loop: asyncio.AbstractEventLoop,
        *,
        destination_id: UUID,
        source_id: UUID,
    ) -> None:
        """Keep what is known of a destination, and of the files of a source."""
        self._pool = pool
        self._loop = loop
        self._destination_id = destination_id
        self._source_id = source_id

    def places(self, blobs: Iterable[str]) -> dict[str, BlobPlace]:
        """Return where those of the *blobs* lie that are present."""
        return self._wait(fetch_places(self._pool, self._destination_id, blobs))

    def record(self, stored: StoredObject) -> None:
        """Write down an object that was stored."""
        self._wait(self._record(stored))

    def unchanged(self, entries: Sequence[Found]) -> Mapping[bytes, KnownFile]:
        """Return those files that are as they were, and present."""
        return self._wait(self._unchanged(entries))

    def remember(self, read: Sequence[tuple[Found, Sequence[str]]]) -> None:
        """Write down what files that were read consist of."""
        self._wait(self._remember(read))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _record(self, stored: StoredObject) -> None:
        name = bytes.fromhex(stored.name)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "insert into stored_object (destination_id, name, is_pack, size_bytes)"
                " values ($1, $2, $3, $4) on conflict (destination_id, name) do update"
                # Stored again: whoever wanted to remove it has to think again.
                " set stored_at = clock_timestamp(), size_bytes = excluded.size_bytes",
                self._destination_id,
                name,
                stored.is_pack,
                stored.size_bytes,
            )
            await connection.execute(
                "delete from struck_object where destination_id = $1 and name = $2",
                self._destination_id,
                name,
            )
            await connection.execute(
                'insert into blob (destination_id, sha256, object, "offset", size_bytes)'
                " select $1, s, $2, o, z from unnest($3::bytea[], $4::bigint[], $5::integer[])"
                " as given (s, o, z) on conflict (destination_id, sha256) do update"
                ' set object = excluded.object, "offset" = excluded."offset"',
                self._destination_id,
                name,
                [bytes.fromhex(blob.sha256) for blob in stored.blobs],
                [blob.offset for blob in stored.blobs],
                [blob.size_bytes for blob in stored.blobs],
            )

    async def _unchanged(self, entries: Sequence[Found]) -> dict[bytes, KnownFile]:
        rows = await fetch_by_index(
            self._pool,
            _UNCHANGED,
            self._source_id,
            self._destination_id,
            [entry.path for entry in entries],
            [entry.size_bytes for entry in entries],
            [entry.mtime_ns for entry in entries],
            [entry.ctime_ns for entry in entries],
            [str(entry.inode) for entry in entries],
            [entry.mode for entry in entries],
        )
        large = [row for row in rows if len(row["blobs"]) > _DIGEST_BYTES]
        several = await fetch_places(
            self._pool,
            self._destination_id,
            {blob for row in large for blob in split_digests(row["blobs"])},
        )
        known: dict[bytes, KnownFile] = {}
        for row in rows:
            blobs = row["blobs"]
            if len(blobs) == _DIGEST_BYTES:
                if row["object"] is None:
                    continue
                places: tuple[BlobPlace, ...] = (_to_place(blobs, row),)
            else:
                found = [several.get(blob) for blob in split_digests(blobs)]
                places = tuple(place for place in found if place is not None)
                if len(places) < len(found):
                    continue
            known[entries[row["n"] - 1].path] = KnownFile(places, row["id"])
        return known

    async def _remember(self, read: Sequence[tuple[Found, Sequence[str]]]) -> None:
        await self._pool.execute(
            "insert into known_file (source_id, destination_id, path, size_bytes, mtime_ns,"
            " ctime_ns, inode, blobs) select $1, $2, p, z, m, c, i::numeric, b"
            " from unnest($3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],"
            " $8::bytea[]) as given (p, z, m, c, i, b)"
            " on conflict (source_id, destination_id, path) do update set"
            " size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,"
            " ctime_ns = excluded.ctime_ns, inode = excluded.inode, blobs = excluded.blobs",
            self._source_id,
            self._destination_id,
            [found.path for found, _ in read],
            [found.size_bytes for found, _ in read],
            [found.mtime_ns for found, _ in read],
            [found.ctime_ns for found, _ in read],
            [str(found.inode) for found, _ in read],
            [join_digests(blobs) for _, blobs in read],
        )


async def fetch_places(
    pool: asyncpg.Pool[Any], destination_id: UUID, blobs: Iterable[str]
) -> dict[str, BlobPlace]:
    """Return where blobs of a destination lie; those that are not present are left out."""
    digests = [bytes.fromhex(blob) for blob in blobs]
    if not digests:
        return {}
    rows = await fetch_by_index(
        pool,
        'select b.sha256, b.object, b."offset", b.size_bytes'
        " from unnest($2::bytea[]) as wanted (sha256) cross join lateral (select * from blob"
        " where destination_id = $1 and sha256 = wanted.sha256 offset 0) b",
        destination_id,
        digests,
    )
    places = [_to_place(row["sha256"], row) for row in rows]
    return {place.sha256: place for place in places}


def _to_place(sha256: bytes, row: Any) -> BlobPlace:
    """Return where a blob lies; what is an object of its own is called like its object."""
    pack = row["object"]
    return BlobPlace(
        sha256.hex(), None if pack == sha256 else pack.hex(), row["offset"], row["size_bytes"]
    )


async def fetch_by_index(pool: asyncpg.Pool[Any], query: str, *arguments: object) -> list[Any]:
    """Return what a query gives that looks up some rows of a large table, one by one.

    A first archive fills tables faster than statistics of them are made, and a plan that was made
    for an empty table is kept: it would read all of a table for each of a thousand rows. So a
    query says itself what comes first (``offset 0``), and indexes are always better.
    """
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_BY_INDEX)
        return await connection.fetch(query, *arguments)


def join_digests(blobs: Iterable[str]) -> bytes:
    """Return the names of blobs as they are kept in one column."""
    return bytes.fromhex("".join(blobs))


def split_digests(column: bytes) -> list[str]:
    """Return the names of blobs in a column."""
    return [
        column[start : start + _DIGEST_BYTES].hex()
        for start in range(0, len(column), _DIGEST_BYTES)
    ]
