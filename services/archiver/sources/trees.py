"""The tree that a source stands for."""

from __future__ import annotations

from pathlib import Path

from services.archiver.sources import backup as phone_backup
from services.archiver.sources.matching import takes
from services.archiver.sources.tree import TreeSource
from shared.contracts.archiver import Source
from shared.contracts.discovery import Location


def tree_of(source: Source, location: Location | None) -> TreeSource:
    """Return what is to be read of *source*; *location* is where its backup lies, if it is one."""
    if location is not None:
        return TreeSource(Path(location.path), first=phone_backup.FIRST)
    config = source.config
    assert config.path is not None
    return TreeSource(
        Path(config.path), takes=takes(include=config.include, exclude=config.exclude)
    )
