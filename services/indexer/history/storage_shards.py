"""The tables behind ``artifact``: how a first run in large numbers gets its rows there quickly.

Writing a million rows into live indexes takes ten times as long as building the indexes afterwards.
So rows that nobody can see yet go into bare tables of their own, a piece of the stream each; while
one is being indexed the next one is filled. All are attached at once, in the transaction that puts
the kind on its timeline, and no reader waits for any of it. What a run that died leaves behind is
a row in state ``loading`` and its table, which table_upkeep removes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from services.indexer.errors import WorkerError
from services.indexer.history.storage_timeline import Moment
from services.indexer.parsing.frames import DIVIDED, JOINED, LATTER_ROWS, ROWS
from services.indexer.sql import statement
from services.indexer.staging import ARTIFACT_COLUMNS, COPY_HEADER, COPY_TRAILER

if TYPE_CHECKING:
    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]
    Connect = Callable[[], Awaitable[asyncpg.Connection[Any]]]

#: A stream up to here is merged row by row; what is longer gets tables.
SMALL_BYTES = 8 << 20
#: How much of the stream one table takes: some 130,000 messages. Searches look at the newest tables
#: first, and one of this size is searched within milliseconds.
SHARD_BYTES = 64 << 20
#: One is filled while the other is indexed.
_CONNECTIONS = 2
#: How far one half of a stream may run ahead of the other.
_QUEUED_PIECES = 8

_COLUMNS = [name for name, _ in ARTIFACT_COLUMNS]
#: Sorting and index building happen in memory at this size; parallel workers would only take the
#: processor from the parser.
_BUILD_SETTINGS = (
    "set local maintenance_work_mem = '64MB';"
    " set local max_parallel_maintenance_workers = 0;"
    # Nothing here is planned by the frequency of words; a small sample is enough.
    " set local default_statistics_target = 10"
)
#: Whoever writes rows of a device holds it; the parameter is ``indexer:<device>``.
DEVICE_LOCK = "select pg_try_advisory_lock(hashtextextended($1, 1))"
_DROP_LOCK_TIMEOUT = "300ms"


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One table. Device, kind and times are unknown of the one that takes everything."""

    number: int
    device: str | None
    kind: str | None
    row_count: int
    first_at: dt.datetime | None
    last_at: dt.datetime | None
    has_substring: bool
    #: Whether its words are listed, see storage_words.
    has_words: bool
    #: Whether words are found within a time by index, see storage_dated.
    has_dated: bool = False
    #: Whether it is known by index which word follows which.
    has_paired: bool = False


class Pieces:
    """A stream of whole rows that is read in portions."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        """Read from *pieces*."""
        self._pieces = pieces
        self._ahead: list[bytes] = []
        self._is_over = False

    async def look_ahead(self, size_bytes: int) -> bool:
        """Return whether there is more than *size_bytes*; nothing of it is lost."""
        have = sum(map(len, self._ahead))
        while have <= size_bytes and not self._is_over:
            piece = await anext(self._pieces, None)
            if piece is None:
                self._is_over = True
            else:
                self._ahead.append(piece)
                have += len(piece)
        return have > size_bytes

    async def portion(self, size_bytes: int | None = None) -> AsyncIterator[bytes]:
        """Yield a whole COPY stream of about that size, or of all there is."""
        yield COPY_HEADER
        sent = 0
        while size_bytes is None or sent < size_bytes:
            piece = self._ahead.pop(0) if self._ahead else await anext(self._pieces, None)
            if piece is None:
                self._is_over = True
                break
            sent += len(piece)
            yield piece
        yield COPY_TRAILER


class Halves:
    """A stream of rows whose two halves come in between each other, and what follows them."""

    def __init__(self, parts: AsyncIterator[tuple[bytes, bytes]]) -> None:
        """Read from *parts*, see ``Parsing.parts``."""
        self._parts = parts
        self._former, self._latter, self._rest = (
            asyncio.Queue[bytes | None](_QUEUED_PIECES) for _ in range(3)
        )
        #: Set when the latter half has its place in the order of rows.
        self.latter_is_copied = asyncio.Event()

    async def read(self) -> None:
        """Read everything, while others take ``former`` and ``latter``."""
        queues = {ROWS: self._former, LATTER_ROWS: self._latter}
        async for kind, body in self._parts:
            if kind == JOINED:
                await self._end(queues)
                queues = {ROWS: self._rest}
            elif kind in queues:
                await queues[kind].put(body)
            elif kind != DIVIDED:
                raise WorkerError("The parser said something that cannot be understood.")
        # One that failed has perhaps not come to the rest.
        await self._end(queues)
        if self._rest not in queues.values():
            await self._rest.put(None)

    async def _end(self, queues: Mapping[bytes, asyncio.Queue[bytes | None]]) -> None:
        for queue in queues.values():
            await queue.put(None)

    async def former(self) -> AsyncIterator[bytes]:
        """Yield the former half and, when the latter one is stored, what follows both."""
        while (piece := await self._former.get()) is not None:
            yield piece
        await self.latter_is_copied.wait()
        while (piece := await self._rest.get()) is not None:
            yield piece

    async def latter(self) -> AsyncIterator[bytes]:
        """Yield the latter half."""
        while (piece := await self._latter.get()) is not None:
            yield piece


class ShardLoader:
    """Loads the first rows of one kind of one device, whose lock the caller holds."""

    def __init__(
        self, connect: Connect, *, at: Moment, kind: str, shard_bytes: int = SHARD_BYTES
    ) -> None:
        self._connect = connect
        self._at = at
        self._kind = kind
        self._shard_bytes = shard_bytes
        #: Building indexes takes memory.
        self._building = asyncio.Semaphore(_CONNECTIONS)

    async def load_halves(self, halves: Halves) -> list[int]:
        """Load two streams at once, each in its order, see ``load``."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(halves.read(), name="read of two halves")
                former = group.create_task(self.load(Pieces(halves.former())), name="former half")
                latter = group.create_task(
                    self.load(Pieces(halves.latter()), is_copied=halves.latter_is_copied),
                    name="latter half",
                )
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return former.result() + latter.result()

    async def load(self, pieces: Pieces, *, is_copied: asyncio.Event | None = None) -> list[int]:
        """Return the numbers of complete tables that hold everything, not attached yet.

        *is_copied* is set when all rows have their numbers, before the last index is there. What
        was loaded stays when this fails or is cancelled: call ``drop_abandoned`` then.
        """
        numbers: list[int] = []
        free: asyncio.Queue[asyncpg.Connection[Any]] = asyncio.Queue()
        async with AsyncExitStack() as opened:
            try:
                async with asyncio.TaskGroup() as building:
                    while await pieces.look_ahead(0):
                        if free.empty() and len(numbers) < _CONNECTIONS:
                            free.put_nowait(await opened.enter_async_context(self._connection()))
                        connection = await free.get()
                        transaction = connection.transaction()
                        await transaction.start()
                        number = await self._make(connection)
                        status = await connection.copy_to_table(
                            table_name(number),
                            source=pieces.portion(self._shard_bytes),
                            columns=_COLUMNS,
                            format="binary",
                            # Of a table that nobody else sees, rows need no second look later.
                            freeze=True,
                        )
                        numbers.append(number)

                        async def finish(
                            number: int = number,
                            row_count: int = int(status.rpartition(" ")[2]),
                            connection: asyncpg.Connection[Any] = connection,
                            transaction: Any = transaction,
                        ) -> None:
                            async with self._building:
                                await self._build(connection, number, row_count)
                            await transaction.commit()
                            free.put_nowait(connection)

                        building.create_task(finish(), name=f"build {table_name(number)}")
                    if is_copied is not None:
                        is_copied.set()
            except ExceptionGroup as group:
                raise group.exceptions[0] from None
        return numbers

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        connection = await self._connect()
        try:
            yield connection
        except BaseException:
            # In the middle of a COPY or an index: the server rolls back by itself.
            connection.terminate()
            raise
        await connection.close()

    async def _make(self, connection: asyncpg.Connection[Any]) -> int:
        number: int = await connection.fetchval("select nextval('artifact_shard_number')")
        await connection.execute(
            "insert into artifact_shard (shard, state, device, kind)"
            " values ($1, 'loading', $2, $3)",
            number,
            self._at.device,
            self._kind,
        )
        await connection.execute(_text("make", number))
        defaults = await connection.fetchval(
            _text("set_defaults", number), number, self._at.device, self._kind, self._at.taken_at
        )
        await connection.execute(defaults)
        await self._index(connection, number, before_rows=True)
        return number

    async def _build(
        self, connection: asyncpg.Connection[Any], number: int, row_count: int
    ) -> None:
        await connection.execute(_BUILD_SETTINGS)
        await self._index(connection, number, before_rows=False)
        await connection.execute(f"analyze {table_name(number)}")
        await connection.execute(_text("describe", number), row_count)

    async def _index(
        self, connection: asyncpg.Connection[Any], number: int, *, before_rows: bool
    ) -> None:
        for row in await connection.fetch(_text("index_statements", number)):
            if row["comes_first"] == before_rows:
                await connection.execute(row["statement"])


def table_name(number: int) -> str:
    """Return the name of a shard's table."""
    return f"artifact_{number}"


def _text(name: str, number: int) -> str:
    return statement("shards", name).format(table=table_name(number), shard=number)


async def attach_shards(connection: Connection, numbers: Sequence[int]) -> None:
    """Make complete tables part of ``artifact``, in the caller's transaction."""
    for number in numbers:
        await connection.execute(_text("attach", number))
    await connection.execute(
        "update artifact_shard set state = 'attached' where shard = any($1)", list(numbers)
    )


async def drop_abandoned(connection: Connection, device: str) -> int:
    """Remove what no run of the device, whose lock the caller holds, will ever attach."""
    rows = await connection.fetch(
        "select shard from artifact_shard where device = $1 and state = 'loading'", device
    )
    for row in rows:
        async with connection.transaction():
            await connection.execute(f"drop table if exists {table_name(row['shard'])}")
            await connection.execute("delete from artifact_shard where shard = $1", row["shard"])
    return len(rows)


async def find_abandoned(connection: asyncpg.Pool[Any]) -> list[str]:
    """Return the devices of which there are tables that are not attached (yet, or ever)."""
    rows = await connection.fetch(
        "select distinct device from artifact_shard where state = 'loading' order by device"
    )
    return [row["device"] for row in rows]


async def drop_empty(connection: Connection) -> None:
    """Remove tables whose rows were all forgotten; not now if anybody is reading."""
    rows = await connection.fetch(
        "select shard from artifact_shard where state = 'attached' and shard > 0"
    )
    for row in rows:
        table = table_name(row["shard"])
        try:
            async with connection.transaction():
                # Dropping locks all of `artifact`, and whoever waits for a lock is in the way.
                await connection.execute(f"set local lock_timeout = '{_DROP_LOCK_TIMEOUT}'")
                if await connection.fetchval(f"select not exists (select 1 from {table})"):  # noqa: S608 -- a number
                    await connection.execute(f"drop table {table}")
                    await connection.execute(
                        "delete from shard_word where shard = $1", row["shard"]
                    )
                    await connection.execute(
                        "delete from artifact_shard where shard = $1", row["shard"]
                    )
        except (asyncpg.LockNotAvailableError, asyncpg.UndefinedTableError):
            continue


async def fetch_shards(
    connection: Connection, *, device: str | None = None, kind: str | None = None
) -> list[Shard]:
    """Return the tables that may hold rows of a device and kind, the newest rows' first."""
    rows = await connection.fetch(
        "select shard, device, kind, row_count, first_at, last_at, has_substring, has_words,"
        " has_dated, has_paired from artifact_shard"
        " where state = 'attached' and ($1::text is null or coalesce(device, $1) = $1)"
        " and ($2::text is null or coalesce(kind, $2) = $2)"
        " order by last_at desc nulls first, shard",
        device,
        kind,
    )
    return [to_shard(row) for row in rows]


def to_shard(row: asyncpg.Record) -> Shard:
    """Return the table that a row describes, whose count may be an estimate or unknown."""
    return Shard(
        number=row["shard"],
        device=row["device"],
        kind=row["kind"],
        row_count=max(0, int(row["row_count"] or 0)),
        first_at=row["first_at"],
        last_at=row["last_at"],
        has_substring=row["has_substring"],
        has_words=row["has_words"],
        has_dated=row["has_dated"],
        has_paired=row["has_paired"],
    )
