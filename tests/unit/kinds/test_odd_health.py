"""Health with parts that are missing, damaged, endless or no numbers."""

from __future__ import annotations

import datetime as dt
import struct
import tracemalloc
from pathlib import Path

import pytest

from deploy.demo.health import (
    demo_health,
)
from deploy.demo.health_database import HealthDatabase, cocoa, many_samples
from services.indexer.kinds.health import days as days_module
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import parse
from tests.unit.kinds.health_stores import HOUR, NAMES, NOON, STORE, measure, run, started


def test_without_names_of_sources_everything_else_is_there(tmp_path: Path) -> None:
    samples, _ = demo_health(later=False).to_bytes()
    for beside in ({}, {NAMES: b"no database at all" * 100}):
        found = parse("health", {STORE: samples, **beside}, tmp_path)
        steps = measure(found, "activity:2024-07-16", "steps")
        assert steps["total"] > 1000
        assert "source" not in steps["by_source"][0]
        assert ("The list of Health's sources could not be read." in found.tally.notes) == bool(
            beside
        )


def test_a_store_with_samples_and_numbers_alone_is_read(tmp_path: Path) -> None:
    database = demo_health(later=False)
    for table in (
        "objects", "data_provenances", "category_samples", "workout_activities", "associations",
        "workout_statistics", "workout_events", "metadata_values", "metadata_keys", "data_series",
        "activity_caches", "quantity_sample_series", "quantity_sample_statistics", "unit_strings",
        "location_series_data", "quantity_series_data", "clinical_record_samples",
    ):  # fmt: skip
        database.db.execute(f"drop table {table}")
    found = run(database, tmp_path)
    # Without provenances every sample is in UTC.
    assert measure(found, "activity:2024-07-16", "steps")["total"] > 1000
    assert any(one.thread_key == "workouts" for one in found.artifacts)
    assert any((one.title or "").startswith("Weight") for one in found.artifacts)


def test_a_database_without_samples_says_so(tmp_path: Path) -> None:
    database = HealthDatabase()
    database.db.execute("drop table samples")
    with pytest.raises(UnsupportedStoreError, match="no table of samples"):
        run(database, tmp_path)


def test_samples_that_say_nothing_are_counted(tmp_path: Path) -> None:
    database, by = started()
    database.quantity(7, 10, by=by, at=NOON)
    database.quantity(7, 1e200, by=by, at=NOON)
    database.sample(145, by=by, at=NOON)
    for date in ("never", 0, float("inf"), None, -63114076800.0):
        number = database.quantity(7, 5, by=by, at=NOON)
        database.db.execute("update samples set start_date = ? where data_id = ?", (date, number))
    found = run(database, tmp_path)
    assert measure(found, "activity:2024-07-20", "steps")["total"] == 10
    notes = found.tally.notes
    assert notes["A sample of a form that is not known was counted, not read."] == 2
    assert notes["A sample without a date was left out."] == 5


def test_numbers_that_are_kept_as_text_or_whole_count(tmp_path: Path) -> None:
    database, by = started()
    for value in ("12.5", 7, b"\x00\x01"):
        number = database.quantity(7, 1, by=by, at=NOON)
        database.db.execute(
            "update quantity_samples set quantity = ? where data_id = ?", (value, number)
        )
    text = str(cocoa(NOON))
    database.db.execute("update samples set start_date = ? where data_id = 1", (text,))
    assert measure(run(database, tmp_path), "activity:2024-07-20", "steps")["total"] == 19.5


def test_more_days_than_a_phone_has_are_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days_module, "MOST_BUCKETS", 5)
    database, by = started()
    for day in range(9):
        database.quantity(7, 10, by=by, at=NOON + day * 24 * HOUR)
    found = run(database, tmp_path)
    assert len(found.artifacts) == 5
    assert found.tally.notes == {"A sample says more than any phone measures, and was left out.": 4}


def test_a_damaged_page_costs_its_neighbourhood(tmp_path: Path) -> None:
    database = many_samples(6000)
    ((middle,),) = database.db.execute("select start_date from samples where data_id = 2000")
    samples, sources = database.to_bytes()
    whole = parse("health", {STORE: samples, NAMES: sources or b""}, tmp_path)
    size = int.from_bytes(samples[16:18], "big")
    damaged = bytearray(samples)
    # A whole number of seconds, which SQLite keeps in four bytes.
    at = samples.index(struct.pack(">i", int(middle))) // size * size
    damaged[at : at + size] = b"\xff" * size
    found = parse("health", {STORE: bytes(damaged), NAMES: sources or b""}, tmp_path)
    assert "Part of a table is damaged; what could be read was read." in found.tally.notes
    assert len(whole.artifacts) * 0.5 < len(found.artifacts) < len(whole.artifacts)
    assert found.artifacts[-1].key == whole.artifacts[-1].key


def test_memory_grows_with_days_and_not_with_samples(tmp_path: Path) -> None:
    def peak(each: int) -> int:
        database, _ = started()
        start = cocoa(dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
        rows = [(number, start + number * 86_400 * 40 / each) for number in range(1, each + 1)]
        database.db.executemany("insert into samples values (?, ?, null, 5)", rows)
        database.db.executemany(
            "insert into quantity_samples (data_id, quantity) values (?, 1.2)",
            [(number,) for number, _ in rows],
        )
        samples, _ = database.to_bytes()
        store = tmp_path / f"store{each}.db"
        store.write_bytes(samples)
        del samples, rows, database
        tracemalloc.start()
        found = parse("health", {STORE: store}, tmp_path)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(found.artifacts) in {40, 41}
        return most

    parse("health", {STORE: started()[0].to_bytes()[0]}, tmp_path)
    assert peak(20_000) < peak(2_000) * 1.25
