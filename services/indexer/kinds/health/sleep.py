"""Nights out of the stretches of sleep that watches, phones and apps write, each for itself."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from services.indexer.kinds.health.payload import Night, Phase, PhaseOfSleep, SourceOfSleep
from services.indexer.kinds.health.vocabulary import ASLEEP, PHASES
from services.indexer.kinds.health.zones import DAY_SECONDS, moment

#: A night begins at six in the evening, as in Apple's own app.
_BEGINS = 18 * 3600
#: Thirty stretches a night for fifty years, at 36 bytes each.
_MOST_STRETCHES = 600_000
#: Stretches of one night that are listed, and that are read at all.
MOST_PHASES = 400
_MOST_OF_NIGHT = 20_000
_MOST_SOURCES = 20
_LONGEST = 2 * DAY_SECONDS


class _Stretch(NamedTuple):
    start: float
    end: float
    code: int
    source: int


class FoundNight(NamedTuple):
    """A night: its day, zone and start in seconds since 2001."""

    day: int
    zone: int
    start: float
    night: Night


class Nights:
    """All stretches of a store in columns."""

    def __init__(self) -> None:
        """Begin with none."""
        self._starts = array("d")
        self._ends = array("d")
        self._days = array("l")
        self._codes = array("q")
        self._sources = array("l")
        self._zones = array("l")
        self.left_out = 0

    def add(
        self, start: float, end: float, *, local: float, code: int, source: int, zone: int
    ) -> None:
        """Take a stretch; one without an end, or of days, says nothing."""
        if not 0 < end - start <= _LONGEST or len(self._starts) >= _MOST_STRETCHES:
            self.left_out += 1
            return
        self._starts.append(start)
        self._ends.append(end)
        self._days.append(int((local + DAY_SECONDS - _BEGINS) // DAY_SECONDS))
        self._codes.append(code)
        self._sources.append(source)
        self._zones.append(zone)

    def __len__(self) -> int:
        return len(self._starts)

    def found(self, names: list[str | None]) -> Iterator[FoundNight]:
        """Yield every night, the earliest first."""
        starts, days = self._starts, self._days
        order = sorted(range(len(starts)), key=lambda at: (days[at], starts[at], self._ends[at]))
        nights: list[tuple[float, int, int]] = []
        begin = 0
        for end in range(1, len(order) + 1):
            if end == len(order) or days[order[end]] != days[order[begin]]:
                nights.append((starts[order[begin]], begin, end))
                begin = end
        for start, begin, end in sorted(nights):
            places = order[begin:end]
            stretches = [
                _Stretch(starts[at], self._ends[at], self._codes[at], self._sources[at])
                for at in places[:_MOST_OF_NIGHT]
            ]
            first = places[0]
            yield FoundNight(days[first], self._zones[first], start, _night(stretches, names))


def _night(stretches: list[_Stretch], names: list[str | None]) -> Night:
    by_source: dict[int, list[_Stretch]] = {}
    for one in stretches:
        if one.source in by_source or len(by_source) < _MOST_SOURCES:
            by_source.setdefault(one.source, []).append(one)
    summaries = {source: _summary(of, names[source]) for source, of in by_source.items()}
    # Phases first, then the longest sleep, then the longest time in bed.
    best = max(
        summaries,
        key=lambda source: (
            _staged(summaries[source]) > 0,
            summaries[source].asleep_seconds,
            summaries[source].in_bed_seconds,
            -source,
        ),
    )
    phases = _phases(by_source[best])
    return Night(
        end_at=moment(max(one.end for one in stretches)),
        summary=summaries[best],
        phases=tuple(phases[:MOST_PHASES]),
        phase_count=len(phases) if len(phases) > MOST_PHASES else None,
        others=tuple(summaries[source] for source in sorted(summaries) if source != best),
    )


def _staged(summary: SourceOfSleep) -> float:
    return summary.core_seconds + summary.deep_seconds + summary.rem_seconds


def _summary(stretches: list[_Stretch], name: str | None) -> SourceOfSleep:
    def seconds(*phases: Phase) -> float:
        return _union([one for one in stretches if PHASES.get(one.code) in phases])

    return SourceOfSleep(
        source=name,
        in_bed_seconds=seconds("in_bed"),
        asleep_seconds=seconds(*ASLEEP),
        awake_seconds=seconds("awake"),
        core_seconds=seconds("core"),
        deep_seconds=seconds("deep"),
        rem_seconds=seconds("rem"),
    )


def _union(stretches: list[_Stretch]) -> float:
    """Return the seconds that are in any of the stretches, which come in the order of time."""
    total, until = 0.0, float("-inf")
    for one in stretches:
        if one.end > until:
            total += one.end - max(one.start, until)
            until = one.end
    return round(total, 3)


def _phases(stretches: list[_Stretch]) -> list[PhaseOfSleep]:
    """Return the stretches; those of one phase that touch are one."""
    joined: list[_Stretch] = []
    for one in stretches:
        last = joined[-1] if joined else None
        if last is not None and last.code == one.code and one.start <= last.end + 1:
            joined[-1] = last._replace(end=max(last.end, one.end))
        else:
            joined.append(one)
    return [
        PhaseOfSleep(
            phase=PHASES.get(one.code, "other"),
            start_at=moment(one.start),
            duration_seconds=round(one.end - one.start, 3),
            raw=None if one.code in PHASES else one.code,
        )
        for one in joined
    ]
