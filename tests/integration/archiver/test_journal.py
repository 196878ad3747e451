"""The journal in Postgres, as threads use it."""

from __future__ import annotations

import asyncio
import hashlib
import io
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.archiver.format.packs import PackedBlob
from services.archiver.sources.tree import Found
from services.archiver.storage.journal import PostgresJournal
from services.archiver.storage.trees import merge_tree
from services.archiver.store.journal import StoredObject
from services.archiver.store.seen import Seen, write_seen
from tests.stack import Stack

COUNT = 3000
ASKED = 1000
#: A prepared statement gets a plan for good when it was used so often.
_USES = 8


def name(of: str) -> str:
    return hashlib.sha256(of.encode()).hexdigest()


def file(number: int) -> Found:
    return Found(
        path=b"%d" % number, type="file", mode=0o600, mtime_ns=number, ctime_ns=number,
        inode=number, size_bytes=1,
    )  # fmt: skip


def long_file(number: int) -> Found:
    """A file whose path is as long as in a backup: lengths of keys decide between indexes."""
    path = name(f"path {number}").encode()
    return msgspec.structs.replace(file(number), path=path[:2] + b"/" + path)


async def scans(pool: asyncpg.Pool[Any], table: str) -> tuple[int, int]:
    row = await pool.fetchrow(
        "select seq_scan, idx_scan from pg_stat_user_tables"
        " where schemaname = 'archiver' and relname = $1",
        table,
    )
    assert row is not None
    return row["seq_scan"], row["idx_scan"]


async def make_series(pool: asyncpg.Pool[Any]) -> tuple[PostgresJournal, list[UUID]]:
    """Return the journal of a source and a destination; statistics are never made of its rows."""
    for table in ("blob", "known_file", "tree_entry"):
        await pool.execute(f"alter table {table} set (autovacuum_enabled = off)")
    ids = [uuid4(), uuid4()]
    await pool.execute(
        "insert into source (id, name, type, config) values ($1, 's', 'directory', '{}')", ids[0]
    )
    await pool.execute(
        "insert into destination (id, name, type, config, store_id)"
        " values ($1, 'd', 'local', '{}', $1)",
        ids[1],
    )
    journal = PostgresJournal(
        pool, asyncio.get_running_loop(), source_id=ids[0], destination_id=ids[1]
    )
    return journal, ids


async def test_tables_that_fill_faster_than_they_are_analysed_are_never_read_through(
    stack: Stack,
) -> None:
    async with stack.service("archiver") as runtime:
        pool = runtime.pool
        journal, _ = await make_series(pool)
        blobs = [name(f"blob {number}") for number in range(COUNT)]
        files = [file(number) for number in range(COUNT)]

        def fill_and_ask() -> None:
            for _ in range(_USES):
                assert journal.places(blobs[:ASKED]) == {}
                assert journal.unchanged(files[:ASKED]) == {}
            packed = [
                PackedBlob(sha256=blob, offset=512, size_bytes=number + 1)
                for number, blob in enumerate(blobs)
            ]
            pack = StoredObject(name=name("pack"), is_pack=True, size_bytes=9, blobs=packed)
            journal.record(pack)
            journal.remember([(one, blobs[:2]) for one in files])
            places = journal.places([*blobs[:ASKED], name("another")])
            assert {place.size_bytes for place in places.values()} == set(range(1, ASKED + 1))
            known = journal.unchanged([*files[:ASKED], file(COUNT + 1)])
            assert set(known) == {one.path for one in files[:ASKED]}

        before = {table: await scans(pool, table) for table in ("blob", "known_file")}
        await asyncio.to_thread(fill_and_ask)
        async with asyncio.timeout(90):
            for table, (sequential, _) in before.items():
                # What a connection counted is told now and then, when it is used.
                while (now := await scans(pool, table))[1] < ASKED * (_USES + 1):  # noqa: ASYNC110 -- the server counts
                    await asyncio.sleep(0.1)
                assert now[0] == sequential


async def test_what_the_catalogue_says_of_files_is_found_by_their_paths_alone(
    stack: Stack,
) -> None:
    """Of two indexes that begin with the source, the other one would read a tree for each file."""
    async with stack.service("archiver") as runtime:
        pool = runtime.pool
        journal, ids = await make_series(pool)
        files = [long_file(number) for number in range(COUNT)]
        blobs = [name(f"blob {number}") for number in range(COUNT)]
        packed = [PackedBlob(sha256=blob, offset=512, size_bytes=1) for blob in blobs]
        pack = StoredObject(name=name("pack"), is_pack=True, size_bytes=9, blobs=packed)

        def fill() -> None:
            journal.record(pack)
            journal.remember([(one, [blob]) for one, blob in zip(files, blobs, strict=True)])

        await asyncio.to_thread(fill)
        seen = io.BytesIO()
        for one, blob in zip(files, blobs, strict=True):
            write_seen(seen, Seen(one, (blob,), 1))
        seen.seek(0)
        async with pool.acquire() as connection, connection.transaction():
            await merge_tree(connection, seen, source_id=ids[0], destination_id=ids[1], number=1)
        before = await index_scans(pool)
        known = await asyncio.to_thread(journal.unchanged, files[:ASKED])
        rows = {row["path"]: row["id"] for row in await pool.fetch("select * from tree_entry")}
        assert {path: file.row for path, file in known.items()} == {
            one.path: rows[one.path] for one in files[:ASKED]
        }
        others = [msgspec.structs.replace(one, mode=0o644) for one in files[:ASKED]]
        again = await asyncio.to_thread(journal.unchanged, others)
        assert [file.row for file in again.values()] == [None] * ASKED
        async with asyncio.timeout(90):
            while (now := await index_scans(pool))["tree_entry_now"] < 2 * ASKED:  # noqa: ASYNC110 -- the server counts
                await asyncio.sleep(0.1)
        assert now["tree_entry_path"] == before["tree_entry_path"]


async def index_scans(pool: asyncpg.Pool[Any]) -> dict[str, int]:
    rows = await pool.fetch(
        "select indexrelname, idx_scan from pg_stat_user_indexes"
        " where schemaname = 'archiver' and relname = 'tree_entry'"
    )
    return {row["indexrelname"]: row["idx_scan"] for row in rows}
