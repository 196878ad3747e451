"""A Postgres database as a source: dump and measures of one snapshot, and files that belong to it.

A transaction is held open that reads nothing but one state of the database, whatever others write
meanwhile; ``pg_dump`` is told to read the same one. So what the manifest says is what the dump has.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from services.archiver.errors import SourceError, SourceMissingError
from services.archiver.format.bundle import BundleFile
from services.archiver.sources.databases.access import Access, connected, read_dsn
from services.archiver.sources.databases.containers import find_in_container
from services.archiver.sources.databases.dumping import Dumped, Wish, check_room, dump
from services.archiver.sources.databases.measuring import (
    Measured,
    TableName,
    check_rights,
    database_bytes,
    fetch_tables,
    measure,
    server_major,
)
from services.archiver.sources.databases.programs import Program, find_pg_dump
from services.archiver.sources.gathered import Around, Gathered
from services.archiver.sources.item import Item
from services.archiver.sources.means import Means
from services.archiver.sources.n8n.gathering import N8nRead, read_n8n
from services.archiver.sources.n8n.tables import find_n8n, tables_of_runs
from services.archiver.sources.named_files import read_named_files
from shared.contracts.archiver import DatabaseType, Source

if TYPE_CHECKING:
    from services.archiver.sources.databases.access import Connection

TABLES_MEMBER = "metadata/tables.json"
N8N_KIND = "n8n_backup"
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
#: The manifest is bounded; all of them are in the member.
_MOST_TABLES_TOLD = 20_000
_DUMPS: frozenset[DatabaseType] = frozenset({"postgres_full", "postgres_n8n"})


class Read(msgspec.Struct, kw_only=True):
    """What was read of a database while its snapshot was held."""

    measured: Measured | None = None
    dumped: Dumped | None = None
    program: Program | None = None
    n8n: N8nRead | None = None


def types_of(source: Source) -> frozenset[DatabaseType]:
    """Return what an archive of *source* holds."""
    if source.config.types:
        return frozenset(source.config.types)
    if source.preset == "n8n":
        return frozenset({"postgres_full", "n8n_config", "flows"})
    return frozenset({"postgres_full"})


async def access_of(source: Source, means: Means) -> Access:
    """Return how the database is reached. Raises ``SourceError``."""
    reference = source.config.dsn_ref
    if reference is None:
        # A source that was taken up from a destination: archives hold no references.
        raise SourceMissingError("The source does not say where its database's address is kept.")
    return read_dsn(await means.fetch(reference, "the database's address"))


@asynccontextmanager
async def gather_database(source: Source, around: Around) -> AsyncIterator[Gathered]:
    """Give dump, measures and files of a database. Raises ``SourceError`` and others of ours."""
    config, types = source.config, types_of(source)
    has_files = source.preset != "n8n" or "n8n_config" in types
    files = (
        await asyncio.to_thread(
            lambda: (
                *read_named_files(config.config_files, folder="config"),
                *read_named_files(config.ssl_files, folder="ssl"),
            )
        )
        if has_files
        else ()
    )
    read = Read()
    if source.preset != "n8n" or types - {"n8n_config"}:
        read = await read_database(
            await access_of(source, around.means),
            around,
            dumps=bool(types & _DUMPS),
            n8n=source if source.preset == "n8n" else None,
            # A full dump holds what the other one does.
            without_runs="postgres_full" not in types,
            files=files,
            container=config.container,
        )
    yield put_together(
        read,
        kind=N8N_KIND if source.preset == "n8n" else "postgres_full",
        types=sorted(types),
        files=files,
    )


async def read_database(
    access: Access,
    around: Around,
    *,
    dumps: bool,
    n8n: Source | None = None,
    without_runs: bool = False,
    files: Sequence[BundleFile] = (),
    schemas: Sequence[str] | None = None,
    container: str | None = None,
) -> Read:
    """Read what is wanted of a database, all of it as of one moment."""
    around.begin("reading the database")
    read = Read()
    async with (
        connected(access) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        snapshot = await connection.fetchval("select pg_export_snapshot()")
        without: frozenset[TableName] = frozenset()
        if n8n is not None:
            tables = find_n8n(await fetch_tables(connection))
            if dumps and without_runs:
                without = await tables_of_runs(connection, tables)
            read.n8n = await read_n8n(connection, tables, n8n, around, files)
        if dumps:
            await _dump_and_measure(
                connection,
                around,
                read,
                access=access,
                snapshot=snapshot,
                without=without,
                schemas=schemas,
                container=container,
            )
    return read


async def find_program(major: int, means: Means, *, container: str | None) -> Program:
    """Return the ``pg_dump`` for a server of that version. Raises ``SourceError``."""
    if container is not None:
        return await asyncio.to_thread(find_in_container, container)
    return await asyncio.to_thread(find_pg_dump, major, given=means.programs)


async def _dump_and_measure(
    connection: Connection,
    around: Around,
    read: Read,
    *,
    access: Access,
    snapshot: str,
    without: frozenset[TableName],
    schemas: Sequence[str] | None,
    container: str | None,
) -> None:
    """Have the dump written while rows are counted. If one fails, the other one ends."""
    # Before the dump: whoever may not read a table is told which.
    await check_rights(connection, schemas)
    size_bytes = await database_bytes(connection)
    await asyncio.to_thread(check_room, around.folder, size_bytes)
    major = await server_major(connection)
    read.program = await find_program(major, around.means, container=container)
    wish = Wish(
        program=read.program,
        access=access,
        server_major=major,
        snapshot=snapshot,
        schemas=schemas,
        without_rows=[name.quoted for name in sorted(without)],
        member=f"databases/{plain_name(access.database)}.dump",
        session=f"keepsake {uuid4().hex}",
    )
    around.begin("dumping the database")
    gives_up = threading.Event()
    dumping = asyncio.create_task(
        asyncio.to_thread(
            dump,
            wish,
            around.folder,
            is_stopping=lambda: gives_up.is_set() or around.is_stopping(),
            tell=lambda done: around.tell(done, None),
        ),
        name="pg_dump",
    )
    measuring = asyncio.create_task(
        measure(connection, without_rows=without, schemas=schemas), name="measuring"
    )
    try:
        # The dump hears that the job is to stop; whichever fails, the other is not waited for.
        await asyncio.wait((dumping, measuring), return_when=asyncio.FIRST_EXCEPTION)
        if dumping.done():
            dumping.result()
        read.measured, read.dumped = await measuring, await dumping
    finally:
        gives_up.set()
        measuring.cancel()
        await asyncio.gather(dumping, measuring, return_exceptions=True)
        if container is not None and read.dumped is None:
            await _end_session(access, wish.session)


async def _end_session(access: Access, session: str) -> None:
    """End a program in a container, which lives on when whoever started it there is gone."""
    with contextlib.suppress(SourceError):
        async with connected(access) as connection:
            await connection.fetch(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = $1 and usename = current_user",
                session,
            )


def put_together(
    read: Read, *, kind: str, types: list[DatabaseType], files: Sequence[BundleFile]
) -> Gathered:
    """Return what goes into the archive: small members first, so that they are found quickly."""
    contents: dict[str, Any] = {"types": types}
    facts: dict[str, Any] = {"types": types}
    report: dict[str, Any] = {}
    members: list[BundleFile] = []
    items: list[Item] = []
    if read.n8n is not None:
        contents["n8n"] = read.n8n.contents
        report |= read.n8n.report
        members += read.n8n.members
        items += read.n8n.items
    if read.measured is not None and read.dumped is not None and read.program is not None:
        measured = read.measured
        contents |= contents_of(measured, read.dumped, read.program)
        facts |= {
            name: contents["database"][name]
            for name in ("name", "server_version", "pg_dump_version", "archive_version")
        }
        report["tables"] = len(measured.tables)
        report["rows"] = sum(table.rows for table in measured.tables)
        members.append(BundleFile(path=TABLES_MEMBER, content=_json(measured.tables)))
        items += table_items(measured)
    members += files
    if read.dumped is not None:
        members.append(read.dumped.file)
    return Gathered(
        kind=kind, facts=facts, members=members, contents=contents, items=items, report=report
    )


def contents_of(measured: Measured, dumped: Dumped, program: Program) -> dict[str, Any]:
    """Return what the manifest says of a database and its tables."""
    return {
        "database": {
            "name": measured.database,
            "member": dumped.file.path,
            "server_version": measured.server_version,
            "server_version_num": measured.server_version_num,
            "pg_dump_version": program.version,
            # pg_restore has to be of the version of pg_dump at least.
            "archive_version": dumped.archive_version,
            "encoding": measured.encoding,
            "collation": measured.collation,
            "size_bytes": measured.size_bytes,
            "extensions": measured.extensions,
            "roles": measured.roles,
            "relations": measured.relations,
            "large_object_count": measured.large_object_count,
            "invalid_indexes": measured.invalid_indexes,
            "sequences": msgspec.to_builtins(measured.sequences),
        },
        "table_count": len(measured.tables),
        "tables": [
            {
                "schema": table.schema,
                "name": table.name,
                "rows": table.rows,
                "checksum": table.checksum,
                "is_without_rows": table.is_without_rows,
            }
            for table in measured.tables[:_MOST_TABLES_TOLD]
        ],
    }


def table_items(measured: Measured) -> list[Item]:
    """Return what the catalogue knows of tables."""
    return [
        Item(
            kind="table",
            key=f"{table.schema}.{table.name}",
            name=table.title,
            facts={
                "schema": table.schema,
                "rows": table.rows,
                "checksum": table.checksum,
                "is_without_rows": table.is_without_rows,
                "columns": msgspec.to_builtins(table.columns),
            },
        )
        for table in measured.tables
    ]


def plain_name(database: str) -> str:
    """Return what the dump of a database is called."""
    if _PLAIN.fullmatch(database):
        return database
    return "sha256-" + hashlib.sha256(database.encode()).hexdigest()[:32]


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
