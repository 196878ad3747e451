"""Samples by local day: what millions of them come to, in memory that grows with days alone.

A bucket is one type of one source on one day. Sums also keep their hours: a phone and a watch
count the same steps, and of every hour the source with most counts.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from services.indexer.kinds.health.payload import FromSource, Group, Measure
from services.indexer.kinds.health.vocabulary import Type, type_of
from services.indexer.kinds.health.zones import DAY_SECONDS

#: Twenty years of forty types with two sources; some 400 bytes each at most.
MOST_BUCKETS = 400_000
#: Ten years of a store with everything that Apple sells have some hundred types.
_MOST_TYPES = 2_000
_MOST_CODES = 20
_SOURCE_BITS = 12
#: Stands for a type where there is none; more than there may be.
_NO_TYPE = 4095
#: A sum of a day with more is a mistake, as is every number that no body has.
MOST_VALUE = 1e12
_GROUPS: tuple[Group, ...] = ("activity", "heart", "sleep", "workouts", "body", "other")

_COUNT, _TOTAL, _LOW, _HIGH = 0, 1, 2, 3
_HOURS = 2
_EMPTY_SUM = bytes(26 * 8)


class _Events:
    __slots__ = ("codes", "count", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.codes: dict[int, int] = {}


class Buckets(NamedTuple):
    """One type's buckets by day and source."""

    number: int
    type: Type
    numbers: dict[int, array[float]]
    events: dict[int, _Events]


class Day(NamedTuple):
    """What one group of types says of one day."""

    day: int
    group: Group
    measures: tuple[Measure, ...]


class Days:
    """All buckets of a store."""

    def __init__(self) -> None:
        """Begin with none."""
        self._types: dict[tuple[int, bool], Buckets] = {}
        self._count = 0
        #: The zone of the first sample of a day.
        self.zones: dict[int, int] = {}
        #: Samples for which there was no room.
        self.left_out = 0

    def buckets(self, number: int, *, is_category: bool) -> Buckets | None:
        """Return the buckets of a type, or None where there is no room for another type."""
        known = self._types.get((number, is_category))
        if known is None and len(self._types) < _MOST_TYPES:
            known = Buckets(number, type_of(number, is_category=is_category), {}, {})
            self._types[number, is_category] = known
        return known

    def _is_room(self) -> bool:
        if self._count >= MOST_BUCKETS:
            self.left_out += 1
            return False
        self._count += 1
        return True

    def add_sum(  # the first of the two that all samples go through
        self, of: Buckets, value: float, *, local: float, seconds: float, source: int, zone: int
    ) -> None:
        """Add a number at a local time; what took longer than an hour is spread over its hours."""
        hours = 1 if seconds <= 3600 or seconds > DAY_SECONDS else int(seconds / 3600 + 0.999)
        part = value / hours
        for step in range(hours):
            at = local + step * 3600
            day = int(at // DAY_SECONDS)
            key = day << _SOURCE_BITS | source
            bucket = of.numbers.get(key)
            if bucket is None:
                if not self._is_room():
                    return
                bucket = of.numbers[key] = array("d", _EMPTY_SUM)
                self.zones.setdefault(day, zone)
            if not step:
                bucket[_COUNT] += 1
            bucket[_TOTAL] += part
            bucket[_HOURS + int(at % DAY_SECONDS) // 3600] += part

    def add_range(self, of: Buckets, value: float, *, local: float, source: int, zone: int) -> None:
        """Add a number at a local time."""
        day = int(local // DAY_SECONDS)
        key = day << _SOURCE_BITS | source
        bucket = of.numbers.get(key)
        if bucket is None:
            if not self._is_room():
                return
            of.numbers[key] = array("d", (1, value, value, value))
            self.zones.setdefault(day, zone)
            return
        bucket[_COUNT] += 1
        bucket[_TOTAL] += value
        if value < bucket[_LOW]:
            bucket[_LOW] = value
        elif value > bucket[_HIGH]:
            bucket[_HIGH] = value

    def widen(
        self, of: Buckets, *, mean: float, low: float, high: float, more: int, local: float,
        source: int,
    ) -> None:  # fmt: skip
        """Tell a range that a sample of it was a series: its extremes, and *more* values."""
        bucket = of.numbers.get(int(local // DAY_SECONDS) << _SOURCE_BITS | source)
        if bucket is not None:
            bucket[_COUNT] += more
            bucket[_TOTAL] += more * mean
            bucket[_LOW] = min(bucket[_LOW], low)
            bucket[_HIGH] = max(bucket[_HIGH], high)

    def add_event(
        self, of: Buckets, code: int, *, local: float, seconds: float, source: int, zone: int
    ) -> None:
        """Add something that happened at a local time, with the phone's code for how."""
        day = int(local // DAY_SECONDS)
        key = day << _SOURCE_BITS | source
        bucket = of.events.get(key)
        if bucket is None:
            if not self._is_room():
                return
            bucket = of.events[key] = _Events()
            self.zones.setdefault(day, zone)
        bucket.count += 1
        if 0 < seconds <= DAY_SECONDS:
            bucket.seconds += seconds
        if code in bucket.codes or len(bucket.codes) < _MOST_CODES:
            bucket.codes[code] = bucket.codes.get(code, 0) + 1

    def by_day(
        self, others: Iterable[int] = ()
    ) -> Iterator[tuple[int, list[tuple[Group, list[tuple[int, Buckets]]]]]]:
        """Yield every day with its groups, and in these the keys of buckets with their type.

        *others* are days on which there is activity without samples.
        """
        types = sorted(self._types.values(), key=lambda one: (one.number, len(one.events)))
        # One whole number for each bucket: day, group, type, source.
        order: list[int] = []
        for place, one in enumerate(types):
            group = _GROUPS.index(one.type.group)
            for key in (*one.numbers, *one.events):
                day, source = key >> _SOURCE_BITS, key & (1 << _SOURCE_BITS) - 1
                order.append(((day << 4 | group) << 12 | place) << _SOURCE_BITS | source)
        order.extend((day << 16 | _NO_TYPE) << _SOURCE_BITS for day in others)
        order.sort()
        for day, of_day in groupby(order, lambda one: one >> 28):
            groups: list[tuple[Group, list[tuple[int, Buckets]]]] = []
            for group, of_group in groupby(of_day, lambda one: one >> 24 & 15):
                found = [
                    (
                        day << _SOURCE_BITS | one & (1 << _SOURCE_BITS) - 1,
                        types[one >> 12 & _NO_TYPE],
                    )
                    for one in of_group
                    if one >> _SOURCE_BITS & _NO_TYPE != _NO_TYPE
                ]
                groups.append((_GROUPS[group], found))
            yield day, groups


def measures_of(found: list[tuple[int, Buckets]], names: list[str | None]) -> tuple[Measure, ...]:
    """Return what a day's buckets of one group come to, type by type."""
    measures = []
    for _, same in groupby(found, lambda one: id(one[1])):
        pairs = list(same)
        of = pairs[0][1]
        sources = {key: names[key & (1 << _SOURCE_BITS) - 1] for key, _ in pairs}
        if of.type.how in {"event", "stood"}:
            measures.append(_events(of, sources))
        elif of.type.how == "sum":
            measures.append(_sum(of, sources))
        else:
            measures.append(_range(of, sources))
    return tuple(measures)


def _sum(of: Buckets, sources: dict[int, str | None]) -> Measure:
    buckets = [of.numbers[key] for key in sources]
    total = (
        buckets[0][_TOTAL]
        if len(buckets) == 1
        else sum(max(bucket[_HOURS + hour] for bucket in buckets) for hour in range(24))
    )
    return Measure(
        name=of.type.name,
        type_raw=of.number,
        unit=of.type.unit,
        count=sum(int(bucket[_COUNT]) for bucket in buckets),
        total=tidy(total),
        by_source=tuple(
            FromSource(source=name, count=int(bucket[_COUNT]), total=tidy(bucket[_TOTAL]))
            for name, bucket in zip(sources.values(), buckets, strict=True)
        ),
    )


def _range(of: Buckets, sources: dict[int, str | None]) -> Measure:
    buckets = [of.numbers[key] for key in sources]
    count = sum(bucket[_COUNT] for bucket in buckets)
    return Measure(
        name=of.type.name,
        type_raw=of.number,
        unit=of.type.unit,
        count=int(count),
        minimum=tidy(min(bucket[_LOW] for bucket in buckets)),
        mean=tidy(sum(bucket[_TOTAL] for bucket in buckets) / max(count, 1)),
        maximum=tidy(max(bucket[_HIGH] for bucket in buckets)),
        by_source=tuple(
            FromSource(source=name, count=int(bucket[_COUNT]))
            for name, bucket in zip(sources.values(), buckets, strict=True)
        ),
    )


def _events(of: Buckets, sources: dict[int, str | None]) -> Measure:
    buckets = [of.events[key] for key in sources]
    codes: dict[int, int] = {}
    for bucket in buckets:
        for code, count in bucket.codes.items():
            codes[code] = codes.get(code, 0) + count
    # HKCategoryValueAppleStandHour: 0 stood, 1 was idle.
    stood = of.type.how == "stood"
    return Measure(
        name=of.type.name,
        type_raw=of.number,
        unit=of.type.unit,
        count=sum(bucket.count for bucket in buckets),
        total=float(codes.get(0, 0)) if stood else None,
        duration_seconds=None if stood else tidy(sum(bucket.seconds for bucket in buckets)) or None,
        values_raw=None
        if set(codes) <= {0}
        else {str(code): codes[code] for code in sorted(codes)},
        by_source=tuple(
            FromSource(source=name, count=bucket.count)
            for name, bucket in zip(sources.values(), buckets, strict=True)
        ),
    )


def tidy(value: float) -> float:
    """Return a number without the noise of binary fractions."""
    return round(value, 4)
