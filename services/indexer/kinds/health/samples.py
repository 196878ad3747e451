"""Every sample once, in the order of the table: to days, nights and measurements."""

from __future__ import annotations

import sqlite3
from typing import Any

from services.indexer.kinds.database import Database
from services.indexer.kinds.health.days import MOST_VALUE, Buckets, Days
from services.indexer.kinds.health.singles import Singles
from services.indexer.kinds.health.sleep import Nights
from services.indexer.kinds.health.sources import NOBODY, Provenance, Sources
from services.indexer.kinds.health.statements import numbered_rows
from services.indexer.kinds.health.vocabulary import (
    ELECTROCARDIOGRAM,
    PARTS_ELSEWHERE,
    SLEEP,
    Type,
)
from services.indexer.kinds.protocol import Sink
from services.indexer.kinds.values import float_of, int_of

#: Between 1980 and 2120, in seconds since 2001.
EARLIEST, LATEST = -662_688_000.0, 3_755_203_200.0
DELETED = 2
_PROGRESS_EVERY = 20_000
#: Values of a series of which the phone kept no mean.
_MOST_OF_SERIES = 200_000


def scaled(value: float, of: Type) -> float:
    """Return a number of the phone in the unit of its type."""
    if of.per_second_below and value < of.per_second_below:
        value *= 60
    return value * of.scale


class SampleReader:
    """One run over all samples of a store."""

    def __init__(self, database: Database, sources: Sources, sink: Sink) -> None:
        """Read from *database*."""
        self._database = database
        self._sources = sources
        self._sink = sink
        self.days = Days()
        self.nights = Nights()
        self.singles = Singles()
        self.deleted = 0
        self.formless = 0
        self.undated = 0
        self.electrocardiograms = 0
        self._buckets: dict[int, Buckets | None] = {}
        self._provenances: dict[Any, Provenance] = dict(sources.provenances)
        self._offset = sources.zones.offset

    def read(self, total: int) -> None:
        """Read all samples, then what is known of those that are series."""
        seen = 0
        rows = numbered_rows(
            self._database,
            (
                ("a", "start_date"), ("a", "end_date"), ("a", "data_type"), ("q", "quantity"),
                ("c", "value"), ("o", "provenance"), ("o", "type"),
            ),
            table="samples",
            key="data_id",
            joins=(
                ("o", "objects", "data_id"),
                ("q", "quantity_samples", "data_id"),
                ("c", "category_samples", "data_id"),
            ),
            tally=self._sink.tally,
        )  # fmt: skip
        for data_id, begin, end, number, said, code, provenance, state in rows:
            seen += 1
            if not seen % _PROGRESS_EVERY:
                self._sink.progress(min(seen, total), total)
            if state == DELETED:
                self.deleted += 1
                continue
            # 0 stands for no date, as elsewhere on phones.
            is_plain = type(begin) is float and EARLIEST < begin < LATEST and begin
            start = begin if is_plain else time_of(begin)
            if start is None:
                self.undated += 1
            elif type(said) is float and type(number) is int:
                self._number(data_id, number, said, start, end, provenance)
            else:
                self._rare(data_id, number, start, end, said, code, provenance)
        self._series()

    # What nearly all of millions of samples go through.
    def _number(  # noqa: PLR0917 -- names would cost more than the rest
        self,
        data_id: int,
        number: int,
        value: float,
        start: float,
        end: object,
        provenance: object,
    ) -> None:
        of = self._buckets.get(number)
        if of is None:
            of = self._buckets[number] = self.days.buckets(number, is_category=False)
        if of is None or not -MOST_VALUE < value < MOST_VALUE:
            self.formless += 1
            return
        kind = of.type
        by = self._provenances.get(provenance, NOBODY)
        zone = by.zone
        local = start + self._offset(zone, start) if zone else start
        if kind.per_second_below and value < kind.per_second_below:
            value *= 60
        value *= kind.scale
        if kind.how == "range":
            self.days.add_range(of, value, local=local, source=by.source, zone=zone)
        elif kind.how == "sum":
            seconds = end - start if type(end) is float else 0.0
            self.days.add_sum(of, value, local=local, seconds=seconds, source=by.source, zone=zone)
        else:
            self.singles.add(data_id, number, start, value, int_of(provenance) or 0)

    def _rare(  # noqa: PLR0917 -- as above
        self,
        data_id: int,
        number: object,
        start: float,
        end: object,
        said: object,
        code: object,
        provenance: object,
    ) -> None:
        kind, value, what = int_of(number), float_of(said), int_of(code)
        by = self._sources.find(provenance)
        local = start + self._offset(by.zone, start)
        seconds = (time_of(end) or start) - start
        if kind is None:
            self.formless += 1
        elif value is not None:
            # SQLite keeps whole numbers as such.
            self._number(data_id, kind, value, start, start + seconds, provenance)
        elif kind == SLEEP and what is not None:
            self.nights.add(
                start, start + seconds, local=local, code=what, source=by.source, zone=by.zone
            )
        elif what is not None:
            of = self.days.buckets(kind, is_category=True)
            if of is None:
                self.formless += 1
            else:
                self.days.add_event(
                    of, what, local=local, seconds=seconds, source=by.source, zone=by.zone
                )
        elif kind == ELECTROCARDIOGRAM:
            self.electrocardiograms += 1
        elif kind not in PARTS_ELSEWHERE:
            self.formless += 1

    def _series(self) -> None:
        """Samples that stand for many: their extremes, or their values where there is no mean."""
        if "data_id" not in self._database.columns("quantity_sample_series"):
            return
        rows = numbered_rows(
            self._database,
            (
                ("a", "count"), ("a", "hfd_key"), ("s", "start_date"), ("s", "data_type"),
                ("q", "quantity"), ("t", "min"), ("t", "max"), ("o", "provenance"), ("o", "type"),
            ),
            table="quantity_sample_series",
            key="data_id",
            joins=(
                ("s", "samples", "data_id"),
                ("o", "objects", "data_id"),
                ("q", "quantity_samples", "data_id"),
                ("t", "quantity_sample_statistics", "owner_id"),
            ),
            tally=self._sink.tally,
        )  # fmt: skip
        for _, count, key, start, number, quantity, low, high, provenance, state in rows:
            at, kind, many = time_of(start), int_of(number), int_of(count) or 0
            if at is None or kind is None or state == DELETED:
                continue
            of = self.days.buckets(kind, is_category=False)
            mean = float_of(quantity)
            if of is None:
                continue
            by = self._sources.find(provenance)
            if mean is None:
                self._values(of, key, by.source, by.zone)
            elif of.type.how == "range" and 1 < many < 10_000_000 and abs(mean) < MOST_VALUE:
                least, most = float_of(low), float_of(high)
                # A mean of a series is the quantity of its sample.
                self.days.widen(
                    of,
                    mean=scaled(mean, of.type),
                    low=scaled(mean if least is None else least, of.type),
                    high=scaled(mean if most is None else most, of.type),
                    more=many - 1,
                    local=at + self._sources.zones.offset(by.zone, at),
                    source=by.source,
                )

    def _values(self, of: Buckets, key: object, source: int, zone: int) -> None:
        if not isinstance(key, int) or of.type.how not in {"sum", "range"}:
            return
        if not self._database.is_indexed("quantity_series_data", "series_identifier"):
            self._database.ensure_index("quantity_series_data", "series_identifier")
        found = False
        for at, value in series_values(self._database, key):
            local = at + self._sources.zones.offset(zone, at)
            number = scaled(value, of.type)
            if not found:
                # Its own sample had no number, and was counted as one of no known form.
                self.formless -= 1
                found = True
            if of.type.how == "sum":
                self.days.add_sum(of, number, local=local, seconds=0, source=source, zone=zone)
            else:
                self.days.add_range(of, number, local=local, source=source, zone=zone)


def series_values(database: Database, key: int) -> list[tuple[float, float]]:
    """Return times and values of a series; none when they cannot be read."""
    if not {"series_identifier", "timestamp", "value"} <= database.columns("quantity_series_data"):
        return []
    try:
        rows = list(
            database.rows(
                "select timestamp, value from quantity_series_data where series_identifier = ? "
                "limit ?",
                (key, _MOST_OF_SERIES),
            )
        )
    except sqlite3.Error:
        return []
    found = []
    for timestamp, value in rows:
        at, number = time_of(timestamp), float_of(value)
        if at is not None and number is not None and abs(number) < MOST_VALUE:
            found.append((at, number))
    return found


def time_of(value: object) -> float | None:
    """Return seconds since 2001, or None for what is no moment in the life of a phone."""
    at = float_of(value)
    return at if at is not None and EARLIEST < at < LATEST and at != 0 else None
