"""What archiving a database would read: asked, not read."""

from __future__ import annotations

import asyncio

from services.archiver.format.bundle import describe
from services.archiver.sources.databases.access import connected
from services.archiver.sources.databases.gathering import access_of, find_program, types_of
from services.archiver.sources.databases.measuring import (
    check_rights,
    database_bytes,
    fetch_tables,
    server_major,
)
from services.archiver.sources.means import Means
from services.archiver.sources.n8n.tables import find_n8n
from services.archiver.sources.named_files import read_named_files
from services.archiver.sources.system import OWN_SCHEMAS, own_access
from shared.contracts.archiver import Source
from shared.contracts.archiver_dry_runs import DryRun


async def plan_database(source: Source, means: Means) -> DryRun:
    """Tell what an archive of a database would read. Raises ``SourceError``."""
    config = source.config
    files = await asyncio.to_thread(
        lambda: read_named_files((*config.config_files, *config.ssl_files), folder="config")
    )
    table_count, size_bytes = 0, 0
    schemas = OWN_SCHEMAS if source.type == "system" else None
    if source.type == "system":
        access = own_access(means)
    elif types_of(source) - {"n8n_config"}:
        access = await access_of(source, means)
    else:
        access = None
    if access is not None:
        async with connected(access) as connection:
            await check_rights(connection, schemas)
            tables = await fetch_tables(connection, schemas)
            if source.preset == "n8n":
                find_n8n(tables)
            table_count, size_bytes = len(tables), await database_bytes(connection)
            major = await server_major(connection)
        await find_program(major, means, container=config.container)
    return DryRun(
        file_count=len(files),
        directory_count=0,
        symlink_count=0,
        table_count=table_count,
        size_bytes=size_bytes + sum(describe(file).size_bytes for file in files),
        skipped_count=0,
        skipped=[],
    )
