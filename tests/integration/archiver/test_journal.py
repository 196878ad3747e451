"""The journal in Postgres, as threads use it."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services.archiver.format.packs import PackedBlob
from services.archiver.sources.tree import Found
from services.archiver.storage.journal import PostgresJournal
from services.archiver.store.journal import StoredObject
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


async def scans(pool: asyncpg.Pool[Any], table: str) -> tuple[int, int]:
    row = await pool.fetchrow(
        "select seq_scan, idx_scan from pg_stat_user_tables"
        " where schemaname = 'archiver' and relname = $1",
        table,
    )
    assert row is not None
    return row["seq_scan"], row["idx_scan"]


async def test_tables_that_fill_faster_than_they_are_analysed_are_never_read_through(
    stack: Stack,
) -> None:
    async with stack.service("archiver") as runtime:
        pool = runtime.pool
        ids: list[UUID] = [uuid4(), uuid4()]
        await pool.execute("alter table blob set (autovacuum_enabled = off)")
        await pool.execute("alter table known_file set (autovacuum_enabled = off)")
        await pool.execute(
            "insert into source (id, name, type, config) values ($1, 's', 'directory', '{}')",
            ids[0],
        )
        await pool.execute(
            "insert into destination (id, name, type, config, store_id)"
            " values ($1, 'd', 'local', '{}', $1)",
            ids[1],
        )
        journal = PostgresJournal(
            pool, asyncio.get_running_loop(), source_id=ids[0], destination_id=ids[1]
        )
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
