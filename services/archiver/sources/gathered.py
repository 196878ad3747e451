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
from services.archiver.sources.tree import TreeSource
from shared.bus import Bus


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Something in an archive that people look for by name: a table, a workflow, a credential."""

    kind: str
    #: What the source calls it; one of a kind has it.
    key: str
    name: str
    #: For people; never what it holds.
    facts: dict[str, Any] = {}
    #: The member of the bundle that holds it and nothing else, if there is one.
    member: str | None = None


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


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to gather with."""

    bus: Bus
    #: Ours alone, for what is about to be sent; removed when the run is over.
    folder: Path
    #: Says what is done now.
    begin: Callable[[str], None]
    #: Whether somebody wants the job to stop. Asked by whatever takes long.
    is_stopping: Callable[[], bool]
