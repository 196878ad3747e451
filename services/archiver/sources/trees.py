"""Sources that are trees of files: a folder, or a phone's backup."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.archiver.sources import backup as phone_backup
from services.archiver.sources.gathered import Around, Gathered
from services.archiver.sources.immich import ImmichTree
from services.archiver.sources.matching import takes
from services.archiver.sources.tree import TreeSource
from shared.contracts.archiver import Source
from shared.contracts.discovery import Location

#: Immich makes a dump every night, and may take its time.
_DUMP_HOURS = 26
_DUMP_GRACE = dt.timedelta(hours=2)


@asynccontextmanager
async def gather_tree(source: Source, around: Around) -> AsyncIterator[Gathered]:
    """Give the tree that *source* stands for; a backup must be the same one afterwards."""
    location = await phone_backup.locate_source(around.bus, source)
    tree = tree_of(source, location)
    if isinstance(tree, ImmichTree):
        around.begin("looking at the library")
        await asyncio.to_thread(tree.prepare)
        around.begin("reading the database dump")
        await asyncio.to_thread(tree.read_dump, around.is_stopping)
        yield Gathered(kind="immich", facts=tree.facts, tree=tree)
        await asyncio.to_thread(tree.check_dump)
        return
    yield Gathered(
        kind=source.type,
        facts={"path": source.config.path} if location is None else phone_backup.facts(location),
        tree=tree,
    )
    if location is not None:
        await phone_backup.check_same(around.bus, location)


def tree_of(source: Source, location: Location | None) -> TreeSource:
    """Return what is to be read of *source*; *location* is where its backup lies, if it is one."""
    if location is not None:
        return TreeSource(Path(location.path), first=phone_backup.FIRST)
    config = source.config
    assert config.path is not None
    wanted = takes(include=config.include, exclude=config.exclude)
    if source.preset == "immich":
        return ImmichTree(
            Path(config.path),
            takes=wanted,
            most_dump_age=dt.timedelta(hours=config.dump_hours or _DUMP_HOURS) + _DUMP_GRACE,
            with_regenerable=config.regenerable,
        )
    return TreeSource(Path(config.path), takes=wanted)
