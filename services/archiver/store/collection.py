"""What of a store nobody needs any more. Marks come from archives, never from counters.

Two phases: an object that no archive refers to is marked, and is deleted when it is still not
referred to after the grace. An object that was stored again or is referred to again in between
loses its mark. What is younger than the grace is never touched.

Nobody else may write to the store between what ``sweep`` is told and the end of ``carry_out``: an
archive that is being made takes for granted what the journal says is present. A run that was
interrupted asks the journal again, so it may stand still meanwhile.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from services.archiver.errors import CancelledByPersonError
from services.archiver.format.names import object_path, pack_path, parse_object_path
from services.archiver.store.transport import StoredName, Transport

GRACE = dt.timedelta(hours=24)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An object that the journal knows."""

    name: str
    is_pack: bool
    size_bytes: int
    stored_at: dt.datetime
    marked_at: dt.datetime | None = None
    blobs: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where it lies."""
        return pack_path(self.name) if self.is_pack else object_path(self.name)


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done now."""

    #: Names that are marked from now on, and names that lose their mark.
    mark: list[str]
    unmark: list[str]
    delete: list[Held]
    #: Paths that the journal does not know, to be deleted, and all others with when they were seen.
    delete_strays: list[str]
    strays_since: dict[str, dt.datetime]
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
    listed: Iterable[StoredName] = (),
    named: Collection[str] = (),
    strays_since: Mapping[str, dt.datetime] = {},
) -> Sweep:
    """Return what to do. *referred* are blobs that some archive needs.

    That is every archive whose bundle lies in the destination, also where the catalogue does not
    know it. *sizes* are the sizes of blobs in packs, for what lies dead in them. Calling it again
    after doing what it says, at the same moment, gives nothing to do.

    *listed* is what lies in the destination. What of it the journal does not know was in flight
    when something ended, was struck out as damaged, or was to be deleted; it goes after the grace
    as well, unless its name is among those *named* by the trees of archives: a pack that is damaged
    in one place may be the only one to hold the rest. *strays_since* is what the last sweep said.
    """
    mark: list[str] = []
    unmark: list[str] = []
    delete: list[Held] = []
    known: set[str] = set()
    freed = dead = 0
    for held in objects:
        known.add(held.path)
        needed = {blob for blob in held.blobs if blob in referred}
        if needed:
            if held.marked_at is not None:
                unmark.append(held.name)
            dead += sum(sizes.get(blob, 0) for blob in held.blobs if blob not in needed)
        elif held.marked_at is None or held.marked_at < held.stored_at:
            # Never seen unneeded, or stored again since: the grace begins now.
            mark.append(held.name)
        elif now - held.marked_at >= grace and now - held.stored_at >= grace:
            delete.append(held)
            freed += held.size_bytes
    strays: dict[str, dt.datetime] = {}
    old: list[str] = []
    for found in listed:
        parsed = parse_object_path(found.path)
        if parsed is None or found.path in known or parsed[0] in named:
            continue
        since = strays_since.get(found.path, now)
        if now - since >= grace and found.path in strays_since:
            old.append(found.path)
            freed += found.size_bytes
        else:
            strays[found.path] = since
    return Sweep(
        mark=mark, unmark=unmark, delete=delete, delete_strays=old, strays_since=strays,
        freed_bytes=freed, dead_bytes=dead,
    )  # fmt: skip


def would_free(
    objects: Iterable[Held], *, referred: Collection[str], remaining: Collection[str]
) -> int:
    """Return how many bytes go when only *remaining* of the *referred* blobs are needed.

    It is what deleting archives gives back after the grace, beside their bundles.
    """
    return sum(
        held.size_bytes
        for held in objects
        if any(blob in referred for blob in held.blobs)
        and not any(blob in remaining for blob in held.blobs)
    )


class Ledger(Protocol):
    """Where marks are kept: the journal of the store. Blocking."""

    def set_marks(
        self, *, mark: Sequence[str], unmark: Sequence[str], strays: Mapping[str, dt.datetime]
    ) -> None:
        """Mark objects as of now, take marks away, and keep *strays* in place of the last ones."""

    def forget(self, name: str) -> None:
        """Strike out an object; returns when that is safe. One that is not known is no error."""


def carry_out(
    plan: Sweep,
    *,
    transport: Transport,
    ledger: Ledger,
    on_deleted: Callable[[int], None] = lambda _bytes: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Do what *plan* says; *on_deleted* hears how many bytes each object had.

    Raises ``TransportError`` and ``CancelledByPersonError``; may be killed, and done again.

    An object is forgotten before it is deleted. The other way round, an end between the two would
    leave the journal with what is not there, and the next archive would rely on it.
    """
    ledger.set_marks(mark=plan.mark, unmark=plan.unmark, strays=plan.strays_since)
    for held in plan.delete:
        _go_on(is_cancelled)
        ledger.forget(held.name)
        transport.delete(held.path)
        on_deleted(held.size_bytes)
    for path in plan.delete_strays:
        _go_on(is_cancelled)
        transport.delete(path)


def _go_on(is_cancelled: Callable[[], bool]) -> None:
    if is_cancelled():
        raise CancelledByPersonError("The job was asked to stop.")
