"""Objects that no archive needs: which they are, and since when that was seen."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec

from services.archiver.format.names import parse_object_path
from services.archiver.store.collection import Held
from services.archiver.store.transport import StoredName

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds by its journal, as ``sweep`` takes it.

    Of each object only those blobs are told that decide: all that no archive needs, and one that
    some archive does. So it is as large as what there is to collect, not as the store.
    """

    now: dt.datetime
    objects: list[Held]
    referred: set[str]
    sizes: dict[str, int]
    strays: dict[str, dt.datetime]
    #: Of what is listed and is no pack: blobs that archives need, whether they are known or not.
    named: frozenset[str]


async def fetch_stock(
    connection: asyncpg.pool.PoolConnectionProxy[Any],
    destination_id: UUID,
    listed: Iterable[StoredName],
) -> Stock:
    """Return it. Inside a transaction; nobody else writes to the destination."""
    await connection.execute("create temporary table needed (sha256 bytea) on commit drop")
    await connection.execute(
        "insert into needed select distinct substring(t.blobs from n * 32 + 1 for 32)"
        " from tree_entry t cross join lateral generate_series(0, length(t.blobs) / 32 - 1) as n"
        " where t.destination_id = $1",
        destination_id,
    )
    await connection.execute("analyze needed")
    rows = await connection.fetch(
        "select o.name, o.is_pack, o.size_bytes, o.stored_at, o.marked_at,"
        " min(encode(n.sha256, 'hex')) as kept,"
        " array_agg(encode(b.sha256, 'hex')) filter (where b.sha256 is not null"
        "  and n.sha256 is null) as dead,"
        " array_agg(b.size_bytes) filter (where b.sha256 is not null"
        "  and n.sha256 is null) as dead_sizes"
        " from stored_object o"
        " left join blob b on b.destination_id = o.destination_id and b.object = o.name"
        " left join needed n on n.sha256 = b.sha256 where o.destination_id = $1"
        " group by o.name, o.is_pack, o.size_bytes, o.stored_at, o.marked_at",
        destination_id,
    )
    parsed = (parse_object_path(found.path) for found in listed)
    named = await connection.fetch(
        "select encode(sha256, 'hex') as name from needed where sha256 = any($1)",
        [bytes.fromhex(one[0]) for one in parsed if one is not None and not one[1]],
    )
    strays = await connection.fetch(
        "select path, since from stray where destination_id = $1", destination_id
    )
    return Stock(
        now=await connection.fetchval("select clock_timestamp()"),
        objects=[
            Held(
                name=row["name"].hex(),
                is_pack=row["is_pack"],
                size_bytes=row["size_bytes"],
                stored_at=row["stored_at"],
                marked_at=row["marked_at"],
                blobs=(*(row["dead"] or ()), *(() if row["kept"] is None else (row["kept"],))),
            )
            for row in rows
        ],
        referred={row["kept"] for row in rows if row["kept"] is not None},
        sizes={
            blob: size
            for row in rows
            for blob, size in zip(row["dead"] or (), row["dead_sizes"] or (), strict=True)
        },
        strays={row["path"]: row["since"] for row in strays},
        named=frozenset(row["name"] for row in named),
    )


class PostgresLedger:
    """Implements ``Ledger``. Its methods are called from threads, never from the event loop."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        loop: asyncio.AbstractEventLoop,
        *,
        destination_id: UUID,
        now: dt.datetime,
    ) -> None:
        """Keep the marks of a destination; *now* is the moment that the plan was made for."""
        self._pool = pool
        self._loop = loop
        self._destination_id = destination_id
        self._now = now

    def set_marks(
        self, *, mark: Sequence[str], unmark: Sequence[str], strays: Mapping[str, dt.datetime]
    ) -> None:
        """Mark objects as of now, take marks away, and keep *strays* in place of the last ones."""
        self._wait(self._set_marks(mark, unmark, strays))

    def forget(self, name: str) -> None:
        """Strike out an object, with its blobs."""
        self._wait(
            self._pool.execute(
                "delete from stored_object where destination_id = $1 and name = $2",
                self._destination_id,
                bytes.fromhex(name),
            )
        )

    async def _set_marks(
        self, mark: Sequence[str], unmark: Sequence[str], strays: Mapping[str, dt.datetime]
    ) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            for names, at in ((mark, self._now), (unmark, None)):
                await connection.execute(
                    "update stored_object set marked_at = $3"
                    " where destination_id = $1 and name = any($2)",
                    self._destination_id,
                    [bytes.fromhex(name) for name in names],
                    at,
                )
            await connection.execute(
                "delete from stray where destination_id = $1", self._destination_id
            )
            await connection.executemany(
                "insert into stray (destination_id, path, since) values ($1, $2, $3)",
                [(self._destination_id, path, since) for path, since in strays.items()],
            )

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
