"""Lineages of devices, as pure code: the rules that ``sql/lineage.sql`` carries out.

A lineage is a set of devices that follow each other: a phone that was restored onto the next one,
and so on. What several of them hold under one kind and key is one artifact: that of the newest
device which has it, also where that one has lost it again; the others are its versions. So looking
at a lineage is leaving out rows of older devices, and each device's own history stays as it is.
Everything here follows from the confirmed links and the rows, whatever order they came in.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from services.indexer.history.algebra import Moment, Row


class Link(NamedTuple):
    """Two devices, of which the later one has what the earlier one had."""

    earlier: str
    later: str


class Shown(NamedTuple):
    """A row, and the device whose row it is."""

    device: str
    row: Row


class Part(NamedTuple):
    """A thread of one device; ``place`` is that of the device, the newest last."""

    id: int
    place: int
    key: str
    is_group: bool
    participants: frozenset[str]


def follows(links: Collection[Link], earlier: str, later: str) -> bool:
    """Return whether *links* say, by way of others too, that *later* comes after *earlier*."""
    after: defaultdict[str, list[str]] = defaultdict(list)
    for link in links:
        after[link.earlier].append(link.later)
    known = {earlier}
    waiting = [earlier]
    while waiting:
        for device in after[waiting.pop()]:
            if device == later:
                return True
            if device not in known:
                known.add(device)
                waiting.append(device)
    return False


def closes_circle(links: Collection[Link], link: Link) -> bool:
    """Return whether *link* would make a device older than itself."""
    return link.earlier == link.later or follows(links, link.later, link.earlier)


def lineages(links: Iterable[Link]) -> list[list[str]]:
    """Return the lineages, each from its oldest device on. *links* have no circle.

    Where links leave open which of two devices is newer, their UDIDs decide.
    """
    links = set(links)
    joined = _components(links)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for device in _in_order(links):
        found[joined[device]].append(device)
    return sorted(found.values())


def _components(links: Iterable[Link]) -> dict[str, str]:
    beside: defaultdict[str, list[str]] = defaultdict(list)
    for earlier, later in links:
        beside[earlier].append(later)
        beside[later].append(earlier)
    name: dict[str, str] = {}
    for first in sorted(beside):
        waiting = [] if first in name else [first]
        while waiting:
            device = waiting.pop()
            if device not in name:
                name[device] = first
                waiting += beside[device]
    return name


def _in_order(links: Collection[Link]) -> list[str]:
    before = dict.fromkeys((device for link in links for device in link), 0)
    after: defaultdict[str, list[str]] = defaultdict(list)
    for link in links:
        before[link.later] += 1
        after[link.earlier].append(link.later)
    ready = [device for device, count in before.items() if not count]
    heapq.heapify(ready)
    ordered: list[str] = []
    while ready:
        device = heapq.heappop(ready)
        ordered.append(device)
        for later in after[device]:
            before[later] -= 1
            if not before[later]:
                heapq.heappush(ready, later)
    return ordered


def holders(
    devices: Sequence[str], rows: Mapping[str, Iterable[Row]], at: Moment | None = None
) -> dict[str, str]:
    """Return by key the newest of *devices* (oldest first) that had it by *at* (None: by now)."""
    return {
        row.key: device
        for device in devices
        for row in rows.get(device, ())
        if at is None or row.added <= at
    }


def shown(
    devices: Sequence[str], rows: Mapping[str, Iterable[Row]], at: Moment | None = None
) -> frozenset[Shown]:
    """Return what there is of the lineage at a moment, or now: each key once at most."""
    holder = holders(devices, rows, at)
    return frozenset(
        Shown(device, row)
        for device in devices
        for row in rows.get(device, ())
        if holder.get(row.key) == device and (row.removed is None if at is None else row.covers(at))
    )


def superseded(devices: Sequence[str], rows: Mapping[str, Iterable[Row]]) -> dict[Shown, Moment]:
    """Return the rows that newer devices have as well, and from which moment on.

    The first moment does: from then on the newer device says what has become of it.
    """
    marks: dict[Shown, Moment] = {}
    since: dict[str, Moment] = {}
    for device in reversed(devices):
        own = list(rows.get(device, ()))
        marks |= {Shown(device, row): since[row.key] for row in own if row.key in since}
        for row in own:
            since[row.key] = min(row.added, since.get(row.key, row.added))
    return marks


def stitch(parts: Iterable[Part]) -> dict[int, int]:
    """Return for each thread of a lineage's kind the id of the stitched thread that it is part of.

    One are threads with the same key, and those with the same people unless a device has two of
    them: those it tells apart itself. A stitched thread is called by its newest thread.
    """
    by_key: defaultdict[str, list[Part]] = defaultdict(list)
    for part in sorted(parts, key=lambda part: (-part.place, part.id)):
        by_key[part.key].append(part)
    by_people: defaultdict[tuple[bool, frozenset[str]], list[list[Part]]] = defaultdict(list)
    stitched: list[list[Part]] = []
    for together in by_key.values():
        newest = together[0]
        if newest.participants:
            by_people[newest.is_group, newest.participants].append(together)
        else:
            stitched.append(together)
    for alike in by_people.values():
        places = [part.place for together in alike for part in together]
        if len(set(places)) == len(places):
            stitched.append([part for together in alike for part in together])
        else:
            stitched += alike
    names: dict[int, int] = {}
    for together in stitched:
        newest = min(together, key=lambda part: (-part.place, part.id))
        names |= {part.id: newest.id for part in together}
    return names
