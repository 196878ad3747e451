"""The algebra of a device's history, as pure code: the rule that ``sql/merge_*.sql`` carries out.

Per device and kind there is a timeline (the moments ``taken_at`` of the revisions whose kind was
read whole) and rows ``[added, removed)`` over it. The invariant: a pair (key, digest) was seen in
exactly those moments of the timeline that its rows cover. Rows are maximal runs, so a history has
one form only, whatever the order in which revisions were found.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable
from typing import NamedTuple

Pair = tuple[str, str]
#: Nothing in here depends on what a moment is, only on the order of moments.
Moment = int


class Row(NamedTuple):
    """A pair that was there from ``added`` on, up to but without ``removed`` (None: still)."""

    key: str
    digest: str
    added: Moment
    removed: Moment | None

    @property
    def pair(self) -> Pair:
        """What the row is about."""
        return (self.key, self.digest)

    def covers(self, moment: Moment) -> bool:
        """Whether the pair was there at *moment*."""
        return self.added <= moment and (self.removed is None or moment < self.removed)


class Difference(NamedTuple):
    """What lies between two moments: pairs without a counterpart, and keys that changed."""

    added: frozenset[Pair]
    removed: frozenset[Pair]
    #: (key, digest before, digest after)
    changed: frozenset[tuple[str, str, str]]


def next_moment(timeline: Collection[Moment], taken_at: Moment) -> Moment | None:
    """Return the moment after *taken_at*, which need not be on the timeline itself."""
    ordered = sorted(timeline)
    place = bisect_right(ordered, taken_at)
    return ordered[place] if place < len(ordered) else None


def observe(
    rows: Iterable[Row], timeline: Collection[Moment], taken_at: Moment, seen: Collection[Pair]
) -> frozenset[Row]:
    """Return the rows after *seen* was found at *taken_at*, a moment that is new or seen again.

    Idempotent. Observing a moment again with other content replaces what was known of it.
    """
    following = next_moment(timeline, taken_at)
    seen = frozenset(seen)
    kept: set[Row] = set()
    covered: set[Pair] = set()
    ending: dict[Pair, Row] = {}  # rows that stop at this moment
    starting: dict[Pair, Row] = {}  # rows that begin at the following one
    for row in rows:
        if row.covers(taken_at):
            if row.pair in seen:
                covered.add(row.pair)
                kept.add(row)
                continue
            if row.added < taken_at:
                kept.add(row._replace(removed=taken_at))
            if following is not None and row.covers(following):
                kept.add(row._replace(added=following))
            continue
        if row.pair in seen and row.removed == taken_at:
            ending[row.pair] = row
        elif row.pair in seen and row.added == following:
            starting[row.pair] = row
        else:
            kept.add(row)
    for pair in seen - covered:
        before, after = ending.get(pair), starting.get(pair)
        kept.add(
            Row(
                *pair,
                before.added if before else taken_at,
                after.removed if after else following,
            )
        )
    return frozenset(kept)


def forget(rows: Iterable[Row], timeline: Collection[Moment], taken_at: Moment) -> frozenset[Row]:
    """Return the rows as if *taken_at* had never been observed. Unknown moments change nothing."""
    rows = frozenset(rows)
    if taken_at not in timeline:
        return rows
    following = next_moment(timeline, taken_at)
    starting = {row.pair: row for row in rows if row.added == following}
    kept: set[Row] = set()
    merged: set[Row] = set()
    for row in rows:
        if row.added == taken_at:
            if following is not None and row.covers(following):
                kept.add(row._replace(added=following))
        elif row.removed == taken_at:
            after = starting.get(row.pair)
            if after is not None:
                merged.add(after)
            kept.add(row._replace(removed=after.removed if after else following))
        else:
            kept.add(row)
    return frozenset(kept - merged)


def as_of(rows: Iterable[Row], moment: Moment) -> frozenset[Pair]:
    """Return the pairs that were there at *moment*."""
    return frozenset(row.pair for row in rows if row.covers(moment))


def diff(rows: Iterable[Row], before: Moment, after: Moment) -> Difference:
    """Return what changed from *before* to *after*, either of which may be the later one."""
    rows = frozenset(rows)
    # A key has one digest per moment: staging keeps the first of two artifacts with one key.
    left, right = dict(as_of(rows, before)), dict(as_of(rows, after))
    return Difference(
        added=frozenset((key, right[key]) for key in right.keys() - left.keys()),
        removed=frozenset((key, left[key]) for key in left.keys() - right.keys()),
        changed=frozenset(
            (key, left[key], right[key])
            for key in left.keys() & right.keys()
            if left[key] != right[key]
        ),
    )
