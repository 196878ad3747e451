"""From a source to what it gives, by its type."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from services.archiver.sources.databases.gathering import gather_database
from services.archiver.sources.gathered import Around, Gathered
from services.archiver.sources.system import gather_system
from services.archiver.sources.trees import gather_tree
from shared.contracts.archiver import Source, SourceType

Gather = Callable[[Source, Around], AbstractAsyncContextManager[Gathered]]

_GATHER: dict[SourceType, Gather] = {
    "device_backup": gather_tree,
    "directory": gather_tree,
    "postgres": gather_database,
    "system": gather_system,
}


def gathered(source: Source, around: Around) -> AbstractAsyncContextManager[Gathered]:
    """Open what is to be archived of *source*.

    Leaving it raises ``SourceChangedError`` when what was read is not of one piece: then there is
    no archive. Raises ``SourceError`` and ``ProblemError`` when it is entered.
    """
    return _GATHER[source.type](source, around)
