"""What of a store nobody needs any more. Pure code; marks come from archives, never from counters.

Two phases: an object that no archive refers to is marked, and is deleted when it is still not
referred to after the grace. An object that was stored again or is referred to again in between
loses its mark. What is younger than the grace is never touched: an archive that is being made
stores its objects before anything refers to them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping

import msgspec

GRACE = dt.timedelta(hours=24)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An object of the store."""

    name: str
    size_bytes: int
    stored_at: dt.datetime
    marked_at: dt.datetime | None = None
    blobs: tuple[str, ...] = ()


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done now."""

    mark: list[str]
    unmark: list[str]
    delete: list[str]
    #: What deleting gives back, exactly.
    freed_bytes: int
    #: What lies dead in packs that are kept for other blobs.
    dead_bytes: int


def sweep(
    objects: Iterable[Held],
    *,
    referred: Collection[str],
    sizes: Mapping[str, int],
    now: dt.datetime,
    grace: dt.timedelta = GRACE,
) -> Sweep:
    """Return what to mark, unmark and delete. *referred* are blobs that some archive needs.

    *sizes* are the sizes of blobs in packs, for what lies dead in them. Calling it again after
    doing what it says, at the same moment, gives nothing to do.
    """
    mark: list[str] = []
    unmark: list[str] = []
    delete: list[str] = []
    freed = dead = 0
    for held in objects:
        needed = [blob for blob in held.blobs if blob in referred]
        if needed:
            if held.marked_at is not None:
                unmark.append(held.name)
            if len(needed) < len(held.blobs):
                kept = set(needed)
                dead += sum(sizes.get(blob, 0) for blob in held.blobs if blob not in kept)
        elif held.marked_at is None:
            mark.append(held.name)
        elif held.marked_at < held.stored_at:
            # Stored again since, perhaps for an archive that is being made.
            unmark.append(held.name)
        elif now - held.marked_at >= grace and now - held.stored_at >= grace:
            delete.append(held.name)
            freed += held.size_bytes
    return Sweep(mark=mark, unmark=unmark, delete=delete, freed_bytes=freed, dead_bytes=dead)
