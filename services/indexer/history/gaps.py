"""Times of which backups tell nothing, or not all. Pure code.

A revision covers a span of time for a kind: from the first moment of which the phone still keeps
things, to the moment it was taken. What was made in that span and is not in the revision was
removed by somebody. Kinds that phones keep for ever are covered from the beginning; calls, visits
and the like from the oldest one that is still there (nothing tells whether older ones ever were);
messages of a phone that keeps them for 30 days, from 30 days before.

Between the first moment that is covered and the newest revision there are

- *gaps*, which no revision covers: whatever was made then, no backup holds it, and
- times of which there are *survivors* only: the revision after them covers them, but what was made
  and removed again before it left no trace. Where deleted things stay in *Recently Deleted* for 30
  days and the next revision came in time, they are in it, so those days are seen as a whole.

Spans are those of any revisions, of one device or of a lineage of them.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from services.indexer.history.reasons import AGED_KINDS, TRASH_DAYS

#: Kinds whose phones keep what was deleted for a while.
TRASHED_KINDS = frozenset({"message", "note", "photo", "reminder", "voice_memo", "voicemail"})
_DAY = dt.timedelta(days=1)

Holds = Literal["nothing", "survivors"]


class Coverage(NamedTuple):
    """What a revision says of a kind: all from *since* on (None: from ever) to *taken_at*."""

    kind: str
    since: dt.datetime | None
    taken_at: dt.datetime


class Gap(NamedTuple):
    """A time between two moments, neither of which belongs to it."""

    kind: str
    since: dt.datetime
    until: dt.datetime
    holds: Holds


def covered_since(
    kind: str, taken_at: dt.datetime, *, oldest_at: dt.datetime | None, keeps_days: int | None
) -> dt.datetime | None:
    """Return from when on a revision covers a kind; None: from ever.

    *oldest_at* is the oldest thing in it, *keeps_days* what the phone is set to.
    """
    if keeps_days:
        try:
            return taken_at - keeps_days * _DAY
        except OverflowError:
            return None
    if kind not in AGED_KINDS:
        return None
    # Without anything in it, it tells nothing of the time before.
    return taken_at if oldest_at is None else min(oldest_at, taken_at)


def find_gaps(coverages: Iterable[Coverage], *, with_survivors: bool = False) -> list[Gap]:
    """Return the gaps of each kind in the order of time; with times of which survivors tell."""
    by_kind: defaultdict[str, list[Coverage]] = defaultdict(list)
    for coverage in coverages:
        by_kind[coverage.kind].append(coverage)
    found: list[Gap] = []
    for kind, known in sorted(by_kind.items()):
        spans = sorted(known, key=lambda one: one.taken_at)
        gaps = _uncovered(kind, spans)
        if with_survivors:
            gaps = sorted([*gaps, *_survivors(kind, spans, gaps)], key=lambda gap: gap.since)
        found += gaps
    return found


def _uncovered(kind: str, spans: Sequence[Coverage]) -> list[Gap]:
    gaps: list[Gap] = []
    # From the newest revision back: what it covers reaches to *edge*.
    edge = spans[-1].taken_at
    for span in reversed(spans):
        if span.taken_at < edge:
            gaps.append(Gap(kind, span.taken_at, edge, "nothing"))
        if span.since is None:
            break
        edge = min(edge, span.since)
    return gaps[::-1]


def _survivors(kind: str, spans: Sequence[Coverage], gaps: Sequence[Gap]) -> list[Gap]:
    trash = TRASH_DAYS * _DAY if kind in TRASHED_KINDS else 0 * _DAY
    found: list[Gap] = []
    for before, after in pairwise(spans):
        if after.taken_at - before.taken_at > trash:
            found += _without(Gap(kind, before.taken_at, after.taken_at - trash, "survivors"), gaps)
    return found


def _without(time: Gap, gaps: Sequence[Gap]) -> list[Gap]:
    """Return the parts of a time in which there is no gap."""
    parts: list[Gap] = []
    since = time.since
    for gap in gaps:
        if gap.until <= since or gap.since >= time.until:
            continue
        if gap.since > since:
            parts.append(time._replace(since=since, until=gap.since))
        since = gap.until
    if since < time.until:
        parts.append(time._replace(since=since))
    return parts
