"""Reading Health: all samples once; then days, nights, workouts and measurements by time."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from services.indexer.kinds.database import Database
from services.indexer.kinds.health.assembly import (
    day_artifact,
    measurement_artifact,
    night_artifact,
    thread_of,
    workout_artifact,
)
from services.indexer.kinds.health.awards import read_awards
from services.indexer.kinds.health.payload import Group
from services.indexer.kinds.health.rings import read_rings
from services.indexer.kinds.health.samples import DELETED, SampleReader
from services.indexer.kinds.health.sources import read_sources
from services.indexer.kinds.health.statements import count_of, fields
from services.indexer.kinds.health.workouts import BATCH, Beside, WorkoutReader, order_of
from services.indexer.kinds.health.zones import Zones, microseconds
from services.indexer.kinds.protocol import Sink, UnsupportedStoreError
from services.indexer.kinds.records import Record, Records, note_damage
from services.indexer.staging import StagedArtifact

#: What comes next: when in microseconds, and how to make it.
_Next = tuple[int, Callable[[], StagedArtifact | None]]

#: Tables of doctors' records, of which the rows are counted.
_CLINICAL = (
    "clinical_record_samples", "allergy_record_samples", "condition_record_samples",
    "diagnostic_test_report_samples", "diagnostic_test_result_samples",
    "medication_dispense_record_samples", "medication_order_samples",
    "medication_record_samples", "procedure_record_samples", "vaccination_record_samples",
    "unknown_record_samples", "cda_documents", "coverage_record_samples",
    "clinical_note_record_samples", "verifiable_clinical_record_samples",
    "signed_clinical_data_record_samples",
)  # fmt: skip


def parse_health(
    sink: Sink,
    *,
    samples: Path | None,
    sources: Path | None,
    medical_id: Path | None,
    region: str | None,
) -> None:
    """Give everything that Health knows to *sink*."""
    records = Records(sink)
    threads: set[Group] = set()
    if medical_id is not None and _medical_id(
        sink, records, medical_id, region, is_alone=samples is None
    ):
        threads.add("body")
    if samples is not None:
        with Database(samples) as database:
            _Reading(database, sources, sink, records, threads).run()
    for group in sorted(threads):
        sink.thread(thread_of(group))
    records.finish()


def _medical_id(
    sink: Sink, records: Records, path: Path, region: str | None, *, is_alone: bool
) -> bool:
    from services.indexer.kinds.health.medical_id import read_medical_id

    try:
        artifact = read_medical_id(path, region)
    except UnsupportedStoreError:
        if is_alone:
            raise
        sink.tally.note("The Medical ID could not be read.")
        return False
    if artifact is None:
        return False
    records.keep(lambda: artifact)
    return True


class _Reading:
    def __init__(
        self,
        database: Database,
        beside: Path | None,
        sink: Sink,
        records: Records,
        threads: set[Group],
    ) -> None:
        self._database = database
        self._sink = sink
        self._records = records
        if "data_type" not in database.columns("samples"):
            raise UnsupportedStoreError("The database has no table of samples.")
        self._sources = read_sources(database, beside, Zones(), sink.tally)
        self._samples = SampleReader(database, self._sources, sink)
        self._threads = threads

    def run(self) -> None:
        total = max(count_of(self._database, "samples"), 1)
        self._samples.read(total)
        self._tell()
        for _, make in heapq.merge(
            self._days(), self._nights(), self._workouts(), self._measurements(),
            self._awards(),
            key=lambda one: one[0],
        ):  # fmt: skip
            self._records.keep(make)

    def _tell(self) -> None:
        tally, samples = self._sink.tally, self._samples
        deleted = samples.deleted
        if "type" in self._database.columns("objects"):
            deleted = max(deleted, count_of(self._database, "objects", f"where type = {DELETED}"))
        clinical = sum(
            count_of(self._database, name) for name in _CLINICAL if self._database.columns(name)
        )
        left_out = samples.days.left_out + samples.nights.left_out + samples.singles.left_out
        for count, sentence in (
            (deleted, "What was deleted from Health was left out."),
            (samples.electrocardiograms, "An electrocardiogram was counted, not read."),
            (clinical, "A clinical record was counted, not read."),
            (samples.formless, "A sample of a form that is not known was counted, not read."),
            (samples.undated, "A sample without a date was left out."),
            (left_out, "A sample says more than any phone measures, and was left out."),
        ):
            if count > 0:
                tally.note(sentence, count)

    def _days(self) -> Iterator[_Next]:
        days, sources = self._samples.days, self._sources
        rings = read_rings(self._database, sources, self._sink.tally)
        for day, groups in days.by_day(rings):
            of_ring, ring = rings.get(day, (0, None))
            zone = days.zones.get(day, of_ring)
            for group, of in groups:
                self._threads.add(group)
                shown = ring if group == "activity" else None
                yield (
                    sources.zones.noon_us(zone, day),
                    lambda day=day, group=group, of=of, shown=shown, zone=zone: day_artifact(
                        day, group, of, rings=shown, zone=zone, sources=sources
                    ),  # type: ignore[misc]
                )

    def _nights(self) -> Iterator[_Next]:
        for night in self._samples.nights.found(self._sources.names):
            self._threads.add("sleep")
            yield (
                microseconds(night.start),
                lambda night=night: night_artifact(night, self._sources),  # type: ignore[misc]
            )

    def _workouts(self) -> Iterator[_Next]:
        order = order_of(self._database, self._sink.tally)
        reader = WorkoutReader(self._database, self._sink.tally)
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            starts = {number: start for start, number in batch}
            for row, beside in reader.rows([number for _, number in batch]):
                yield (
                    microseconds(starts[row["data_id"]]),
                    lambda row=row, beside=beside: self._workout(reader, row, beside),  # type: ignore[misc]
                )

    def _workout(self, reader: WorkoutReader, row: Record, beside: Beside) -> StagedArtifact | None:
        found = reader.make(row, beside)
        if found is None:
            return None
        self._threads.add("workouts")
        return workout_artifact(found, self._sources)

    def _measurements(self) -> Iterator[_Next]:
        singles = self._samples.singles
        order = singles.order()
        for at in range(0, len(order), BATCH):
            batch = [singles[place] for place in order[at : at + BATCH]]
            said = self._said([one.data_id for one in batch])
            for one in batch:
                self._threads.add("body")
                yield (
                    microseconds(one.at),
                    lambda one=one, said=said: measurement_artifact(  # type: ignore[misc]
                        one, said.get(one.data_id, (None,) * 4), self._sources
                    ),
                )

    def _awards(self) -> Iterator[_Next]:
        for at_us, make in read_awards(self._database, self._sink.tally):
            self._threads.add("activity")
            yield at_us, make

    def _said(self, numbers: list[int]) -> dict[int, tuple[object, object, object, object]]:
        """Return identity, what was entered and when, of measurements."""
        database = self._database
        tables = {"a": "quantity_samples", "o": "objects", "u": "unit_strings"}
        join = ""
        if "data_id" in database.columns("objects"):
            join += " left join objects o on o.data_id = a.data_id"
        else:
            tables["o"] = ""
        if {"unit_string"} <= database.columns("unit_strings") and "original_unit" in (
            database.columns("quantity_samples")
        ):
            join += " left join unit_strings u on u.rowid = a.original_unit"
        else:
            tables["u"] = ""
        columns = (
            ("o", "uuid"), ("a", "original_quantity"), ("u", "unit_string"),
            ("o", "creation_date"),
        )  # fmt: skip
        marks = ", ".join("?" for _ in numbers)
        statement = (
            f"select a.data_id, {fields(database, columns, tables)} "  # noqa: S608 -- names are ours
            f"from quantity_samples a{join} where a.data_id in ({marks})"
        )
        try:
            return {row[0]: row[1:] for row in database.rows(statement, tuple(numbers))}
        except sqlite3.Error:
            note_damage(self._sink.tally)
            return {}
