"""What rclone answers to questions about a remote."""

from __future__ import annotations

import msgspec


class Features(msgspec.Struct, rename="pascal"):
    """What a back end can do."""

    partial_uploads: bool = False
    bucket_based: bool = False
    move: bool = False


class About(msgspec.Struct):
    """The answer of ``operations/fsinfo``."""

    features: Features = msgspec.field(name="Features")
    #: Of the times of files, in nanoseconds.
    precision: int = msgspec.field(name="Precision", default=1)


class Item(msgspec.Struct, rename="pascal"):
    """A file or folder."""

    path: str
    size: int
    is_dir: bool


class Listing(msgspec.Struct):
    """The answer of ``operations/list``."""

    items: list[Item] | None = msgspec.field(default=None, name="list")


class Stat(msgspec.Struct):
    """The answer of ``operations/stat``; without an item there is nothing."""

    item: Item | None = None
