"""What a source gives: the part that all sorts of sources have in common.

A source gives a tree of files, which goes into the store piece by piece, or members, which go into
the bundle as they are, or both. What it says of itself goes into the manifest; what has a name of
its own in it, into the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from services.archiver.format.bundle import BundleFile
from services.archiver.sources.item import Item
from services.archiver.sources.means import Means
from services.archiver.sources.tree import TreeSource
from shared.bus import Bus


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into one archive. It is read while whatever gathered it is kept open."""

    #: The archive's kind, of which its name tells: ``device_backup``, ``postgres_full``.
    kind: str
    facts: dict[str, Any] = {}
    tree: TreeSource | None = None
    #: Beside the tree, in the order in which they stand in the bundle.
    members: Sequence[BundleFile] = ()
    #: Goes into the manifest as it is.
    contents: dict[str, Any] = {}
    items: Sequence[Item] = ()
    #: Goes into the report of the job.
    report: dict[str, Any] = {}


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to gather with."""

    bus: Bus
    #: Ours alone, for what is about to be sent; removed when the run is over.
    folder: Path
    #: Says what is done now.
    begin: Callable[[str], None]
    #: Whether somebody wants the job to stop. Asked by whatever takes long.
    is_stopping: Callable[[], bool]
    #: Says how many bytes were read, of how many if that is known.
    tell: Callable[[int, int | None], None]
    means: Means
