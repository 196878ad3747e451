"""Health: what millions of samples come to.

No store of a phone with rows was to be had: these are minted after the recorded schema (iOS 13 to
15) and the columns that open readers name (16 on).
"""

from __future__ import annotations

import datetime as dt
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.health import (
    DOMAIN,
    MEDICAL_ID,
    SAMPLES,
    SOURCES,
    demo_files,
    demo_health,
    lake_path,
    medical_id,
)
from deploy.demo.health_database import HealthDatabase, archive, cocoa, many_samples
from deploy.demo.health_schema import Form
from services.indexer.kinds.health import days as days_module
from services.indexer.kinds.health.routes import MOST_POINTS
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

STORE, NAMES, CARD = (f"{DOMAIN}/{path}" for path in (SAMPLES, SOURCES, MEDICAL_ID))
FORMS: tuple[Form, ...] = ("15", "17")
NOON = dt.datetime(2024, 7, 20, 10, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def run(database: HealthDatabase, folder: Path, *, card: bytes | None = None) -> Collected:
    samples, sources = database.to_bytes()
    files: dict[str, bytes | Path] = {STORE: samples}
    if sources is not None:
        files[NAMES] = sources
    if card is not None:
        files[CARD] = card
    return parse("health", files, folder)


def started(form: Form = "17", zone: str = "Europe/Zurich") -> tuple[HealthDatabase, int]:
    database = HealthDatabase(form=form)
    return database, database.source("Watch", product="Watch6,2", device="Watch", zone=zone)


def measure(found: Collected, key: str, name: str) -> dict[str, Any]:
    measures = found.payload(key)["measures"]
    return next(one for one in measures if one["name"] == name)


def workout(found: Collected) -> dict[str, Any]:
    return next(
        found.payload(one.key)["workout"] for one in found.artifacts if one.thread_key == "workouts"
    )


@pytest.fixture(scope="module", params=FORMS)
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Collected:
    return run(
        demo_health(later=False, form=request.param),
        tmp_path_factory.mktemp("health"),
        card=medical_id(later=False),
    )


def test_everything_comes_in_the_order_of_time_and_in_the_threads_of_its_group(
    demo: Collected,
) -> None:
    times = [one.occurred_at_us for one in demo.artifacts if one.occurred_at_us is not None]
    assert times == sorted(times)
    assert [thread.key for thread in demo.threads] == [
        "activity", "body", "heart", "other", "sleep", "workouts",
    ]  # fmt: skip
    assert {one.thread_key for one in demo.artifacts} == {thread.key for thread in demo.threads}
    assert demo.tally.read == demo.tally.kept == len(demo.artifacts)


def test_the_same_store_gives_the_same_artifacts(tmp_path: Path) -> None:
    both = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        both.append(run(demo_health(later=True), tmp_path / name).artifacts)
    assert both[0] == both[1]


def test_a_day_has_sums_ranges_and_the_rings_of_the_phone(demo: Collected) -> None:
    payload = demo.payload("activity:2024-07-16")
    steps = measure(demo, "activity:2024-07-16", "steps")
    assert steps["count"] == 30
    by_source = {one["source"]: one["total"] for one in steps["by_source"]}
    # Both counted every hour: the watch, which counted more, counts.
    assert steps["total"] == by_source["Mira\u2019s Apple Watch"] > by_source["Mira's iPhone"]
    assert payload["rings"]["steps"] == steps["total"]
    assert payload["rings"]["move_goal_kcal"] == 450
    energy = measure(demo, "activity:2024-07-16", "basal_energy")
    assert (energy["unit"], energy["total"]) == ("kcal", 900)
    rate = measure(demo, "heart:2024-07-16", "heart_rate")
    assert (rate["unit"], rate["count"]) == ("bpm", 60)
    assert 58 <= rate["minimum"] < rate["mean"] < rate["maximum"] <= 118
    assert 94 <= measure(demo, "heart:2024-07-16", "oxygen_saturation")["mean"] <= 99
    assert 12 <= measure(demo, "heart:2024-07-16", "respiratory_rate")["mean"] <= 17
    stood = measure(demo, "activity:2024-07-16", "stand_hours")
    assert stood["total"] == stood["values_raw"]["0"] <= 15
    artifact = demo.find("activity:2024-07-16")
    assert artifact.title is not None
    assert artifact.title.startswith("Activity: Steps ")
    assert "Apple Watch" in (artifact.text or "")


def test_mindful_minutes_are_the_length_of_their_sessions(demo: Collected) -> None:
    mindful = measure(demo, "activity:2024-07-22", "mindful_minutes")
    assert (mindful["count"], mindful["duration_seconds"]) == (2, 900)


def test_types_that_nobody_knows_keep_their_number(demo: Collected) -> None:
    number = measure(demo, "other:2024-07-22", "type_9001")
    assert (number["type_raw"], number["mean"]) == (9001, 4.5)
    event = measure(demo, "other:2024-07-22", "type_9002")
    assert (event["type_raw"], event["count"], event["values_raw"]) == (9002, 1, {"3": 1})


def test_days_are_those_of_the_zone_where_a_sample_was_taken(demo: Collected) -> None:
    # 16:00 UTC on the tenth is one in the morning of the eleventh in Tokyo.
    payload = demo.payload("activity:2024-06-11")
    assert payload["time_zone"] == "Asia/Tokyo"
    assert measure(demo, "activity:2024-06-11", "steps")["total"] == 12_345


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Zurich", "2024-07-21"),
        ("America/New_York", "2024-07-20"),
        ("GMT+0200", "2024-07-21"),
        ("UTC-11", "2024-07-20"),
        ("", "2024-07-20"),
    ],
)
def test_a_sample_before_midnight_in_utc_is_on_the_day_of_its_zone(
    zone: str, day: str, tmp_path: Path
) -> None:
    database, by = started(zone=zone)
    database.quantity(7, 10, by=by, at=dt.datetime(2024, 7, 20, 22, 30, tzinfo=dt.UTC))
    assert [one.key for one in run(database, tmp_path).artifacts] == [f"activity:{day}"]


def test_on_the_day_when_clocks_change_every_hour_has_its_own_offset(tmp_path: Path) -> None:
    database, by = started()
    # The day before ends at 23:00 UTC, this one has 23 hours and ends at 22:00 UTC.
    for hour in (-2, -1, 0, 21, 22):
        at = dt.datetime(2024, 3, 31, 0, 30, tzinfo=dt.UTC) + hour * HOUR
        database.quantity(7, 1, by=by, at=at)
    found = run(database, tmp_path)
    totals = {one.key: measure(found, one.key, "steps")["total"] for one in found.artifacts}
    assert totals == {"activity:2024-03-30": 1, "activity:2024-03-31": 3, "activity:2024-04-01": 1}


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "GMT+9999", "x" * 500])
def test_a_zone_that_does_not_exist_is_utc_and_said_so(zone: str, tmp_path: Path) -> None:
    database, by = started(zone=zone)
    database.quantity(7, 10, by=by, at=NOON)
    found = run(database, tmp_path)
    assert [one.key for one in found.artifacts] == ["activity:2024-07-20"]
    assert "A time zone is not known here; days are those of UTC." in found.tally.notes


def test_what_takes_hours_is_spread_over_them_and_over_midnight(tmp_path: Path) -> None:
    database, by = started()
    database.quantity(
        9, 400, by=by, at=dt.datetime(2024, 7, 20, 20, 0, tzinfo=dt.UTC), seconds=14_400
    )
    found = run(database, tmp_path)
    totals = [measure(found, one.key, "basal_energy")["total"] for one in found.artifacts]
    assert totals == [200, 200]


def test_of_overlapping_sources_each_hour_counts_once(tmp_path: Path) -> None:
    database, watch = started()
    phone = database.source("Phone", product="iPhone14,5", device="iPhone")
    for source, hour, steps in ((watch, 0, 500), (phone, 0, 450), (phone, 3, 700), (watch, 5, 90)):
        database.quantity(7, steps, by=source, at=NOON + hour * HOUR)
    steps = measure(run(database, tmp_path), "activity:2024-07-20", "steps")
    assert steps["total"] == 500 + 700 + 90
    assert [(one["source"], one["total"]) for one in steps["by_source"]] == [
        ("Watch", 590), ("Phone", 1150),
    ]  # fmt: skip


def test_a_series_tells_its_extremes_and_how_many_it_stands_for(tmp_path: Path) -> None:
    database, by = started()
    database.series(5, [1.0, 2.0, 3.0], by=by, at=NOON)
    rate = measure(run(database, tmp_path), "heart:2024-07-20", "heart_rate")
    assert (rate["count"], rate["minimum"], rate["mean"], rate["maximum"]) == (3, 60, 120, 180)


def test_of_a_series_without_a_mean_the_values_are_read(tmp_path: Path) -> None:
    database, by = started()
    database.series(5, [1.0, 2.0], by=by, at=NOON, has_mean=False)
    found = run(database, tmp_path)
    rate = measure(found, "heart:2024-07-20", "heart_rate")
    assert (rate["count"], rate["minimum"], rate["maximum"]) == (2, 60, 120)
    assert found.tally.notes == {}


def test_a_night_has_the_phases_of_the_watch_and_the_time_in_bed_of_the_phone(
    demo: Collected,
) -> None:
    payload = demo.payload("sleep:2024-07-16")
    night = payload["night"]
    assert night["summary"]["source"] == "Mira\u2019s Apple Watch"
    assert night["summary"]["asleep_seconds"] == 395 * 60
    assert night["summary"]["deep_seconds"] == 65 * 60
    assert night["summary"]["awake_seconds"] == 6 * 60
    assert [one["phase"] for one in night["phases"]][:4] == ["core", "deep", "core", "rem"]
    assert night["others"][0]["in_bed_seconds"] > night["summary"]["asleep_seconds"]
    assert payload["local_start"].startswith("2024-07-15T2")
    assert demo.find("sleep:2024-07-16").title == "Sleep: 6 h 35 min"


def test_what_two_stretches_of_sleep_share_counts_once(tmp_path: Path) -> None:
    database, by = started()
    night = dt.datetime(2024, 7, 20, 21, 0, tzinfo=dt.UTC)
    database.category(63, 1, by=by, at=night, seconds=7200)
    database.category(63, 1, by=by, at=night + HOUR, seconds=7200)
    database.category(63, 77, by=by, at=night + 3 * HOUR, seconds=60)
    # A nap in the afternoon is of the day, one in the evening of the next.
    database.category(63, 1, by=by, at=night - 7 * HOUR, seconds=600)
    found = run(database, tmp_path)
    assert [one.key for one in found.artifacts] == ["sleep:2024-07-20", "sleep:2024-07-21"]
    payload = found.payload("sleep:2024-07-21")["night"]
    assert payload["summary"]["asleep_seconds"] == 3 * 3600
    assert [(one["phase"], one.get("raw")) for one in payload["phases"]] == [
        ("asleep", None), ("other", 77),
    ]  # fmt: skip


def test_a_weighing_is_told_by_itself_and_as_it_was_entered(demo: Collected) -> None:
    weights = [one for one in demo.artifacts if (one.title or "").startswith("Weight")]
    assert [one.title for one in weights] == [
        "Weight 64.2 kg", "Weight 63.9 kg", "Weight 63.6 kg", "Weight 63.3 kg",
    ]  # fmt: skip
    payload = demo.payload(weights[0].key)
    assert payload["measurement"]["entered_unit"] == "lb"
    assert payload["measurement"]["entered_value"] == 141.5
    assert payload["origin"]["source"] == "Küchenwaage & Co"
    assert payload["local_start"] == "2024-07-15T07:00:00+02:00"
    assert len(weights[0].key) == 36


def test_what_was_deleted_is_left_out_and_counted(demo: Collected) -> None:
    assert demo.tally.notes["What was deleted from Health was left out."] == 2
    assert not any("99.9" in (one.title or "") for one in demo.artifacts)


def test_what_doctors_know_is_counted_and_not_read(demo: Collected) -> None:
    assert demo.tally.notes["An electrocardiogram was counted, not read."] == 1
    assert demo.tally.notes["A clinical record was counted, not read."] == 1
    assert not any("letter" in (one.text or "") for one in demo.artifacts)


@pytest.mark.parametrize("form", FORMS)
def test_a_workout_has_what_both_layouts_tell(form: Form, tmp_path: Path) -> None:
    found = run(demo_health(later=False, form=form), tmp_path)
    artifact = next(one for one in found.artifacts if (one.title or "").startswith("Running"))
    payload = found.payload(artifact.key)
    told = payload["workout"]
    assert artifact.title == "Running: 5.21 km, 32 min"
    assert (told["activity"], told["activity_raw"]) == ("running", 37)
    assert (told["distance_meters"], told["duration_seconds"]) == (5210, 1905)
    assert told["active_energy_kcal"] == 312.4
    assert [told[f"heart_rate_{which}"] for which in ("mean", "minimum", "maximum")] == [
        148,
        96,
        171,
    ]
    assert told["is_indoor"] is False
    assert (told["goal"], told["goal_value"]) == ("distance_meters", 5000)
    assert [one["what"] for one in told["events"]] == ["pause", "resume", "segment"]
    assert told["metadata"]["HKWeatherTemperature"] == "68 degF"
    assert payload["time_zone"] == "Europe/Zurich"
    assert payload["local_start"] == "2024-07-20T07:30:00+02:00"
    assert payload["origin"]["hardware"] == "Watch6,2"


def test_a_route_is_a_short_line_within_its_bounds(tmp_path: Path) -> None:
    database, by = started()
    number = database.workout(24, by=by, at=NOON, seconds=20_000, kilometres=9.1)
    database.route(number, lake_path(20_000), by=by, at=NOON)
    told = workout(run(database, tmp_path))
    (route,) = told["routes"]
    assert route["point_count"] == 20_000
    assert 2 < len(route["points"]) <= MOST_POINTS
    assert route["start_at"] == "2024-07-20T10:00:00Z"
    assert 0 < route["tolerance_meters"] < 20 or len(route["points"]) < MOST_POINTS
    for latitude, longitude, altitude, seconds in route["points"]:
        assert route["south"] <= latitude <= route["north"]
        assert route["west"] <= longitude <= route["east"]
        assert 390 < altitude < 430
        assert 0 <= seconds < 20_000
    assert [point[3] for point in route["points"]] == sorted(point[3] for point in route["points"])
    assert len(str(route)) < 20_000


def test_points_that_are_nowhere_make_no_route(tmp_path: Path) -> None:
    database, by = started()
    number = database.workout(24, by=by, at=NOON, seconds=60)
    database.route(number, [(0.0, 0.0, 0), (99.0, 400.0, 0), (float("inf"), 8, 0)], by=by, at=NOON)
    assert "routes" not in workout(run(database, tmp_path))


@pytest.mark.parametrize(("kept", "metres"), [(5.21, 5210), (5210.0, 5210), (42.195, 42_195)])
def test_distances_without_statistics_are_kilometres_or_metres_by_what_is_possible(
    kept: float, metres: float, tmp_path: Path
) -> None:
    database, by = started("15")
    database.workout(37, by=by, at=NOON, seconds=9000, kilometres=kept)
    assert workout(run(database, tmp_path))["distance_meters"] == metres


def test_a_workout_of_several_activities_is_told_as_a_whole_and_in_parts(tmp_path: Path) -> None:
    parts = [(46, 1500.0, 750.0), (13, 3600.0, 20_000.0), (37, 2100.0, 5000.0)]
    database, by = started()
    database.workout(82, by=by, at=NOON, seconds=7200, parts=parts)
    told = workout(run(database, tmp_path))
    assert told["activity"] == "swim_bike_run"
    assert [one["activity"] for one in told["parts"]][1:] == ["swimming", "cycling", "running"]
    # Phones that keep the parts alone.
    database.db.execute("delete from workout_activities where activity_type = 82")
    told = workout(run(database, tmp_path))
    assert (told["activity"], told["duration_seconds"]) == ("multisport", 7200)
    assert len(told["parts"]) == 3


def test_an_activity_without_a_name_keeps_its_number(tmp_path: Path) -> None:
    database, by = started()
    database.workout(555, by=by, at=NOON, seconds=60)
    found = run(database, tmp_path)
    assert found.artifacts[0].title == "Workout 555: 1 min"
    assert workout(found)["activity_raw"] == 555


def test_the_medical_id_is_one_record_with_whom_to_call(demo: Collected) -> None:
    artifact = demo.find("medical-id")
    payload = demo.payload("medical-id")["medical_id"]
    assert artifact.title == "Medical ID: Mira Sandoval"
    assert payload["birthday"] == "1986-05-17"
    assert (payload["blood_type"], payload["is_organ_donor"]) == ("O+", True)
    assert payload["fields"]["Height"] == "171 cm"
    assert payload["has_picture"] is True
    assert "PictureData" not in payload["fields"]
    assert payload["contacts"] == [
        {"name": "Jonas Sandoval", "relationship": "Brother", "phone": "(555) 014-2001",
         "handle": "+15550142001"},
    ]  # fmt: skip
    assert "hazelnuts" in (artifact.text or "")


def test_a_medical_id_alone_is_read(tmp_path: Path) -> None:
    found = parse("health", {CARD: medical_id(later=True)}, tmp_path)
    assert [one.key for one in found.artifacts] == ["medical-id"]
    assert [thread.key for thread in found.threads] == ["body"]


def test_a_medical_id_that_cannot_be_read_costs_itself_only(tmp_path: Path) -> None:
    database, by = started()
    database.quantity(7, 10, by=by, at=NOON)
    found = run(database, tmp_path, card=b"bplist00 damaged")
    assert len(found.artifacts) == 1
    assert "The Medical ID could not be read." in found.tally.notes
    with pytest.raises(UnsupportedStoreError):
        parse("health", {CARD: b"bplist00 damaged"}, tmp_path)


def test_an_empty_medical_id_is_none(tmp_path: Path) -> None:
    card = archive({"$class": "HKMedicalIDData", "HKMedicalIDDataMedicalNotesKey": "  "})
    assert parse("health", {CARD: card}, tmp_path).artifacts == []


def test_four_weeks_later_only_what_changed_is_other(tmp_path: Path) -> None:
    first = run(demo_health(later=False), tmp_path)
    later = run(demo_health(later=True), tmp_path)
    before = {one.key: one for one in first.artifacts}
    after = {one.key: one for one in later.artifacts}
    gone = before.keys() - after.keys()
    assert [before[key].title for key in gone] == ["Weight 64.2 kg"]
    changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    # Steps that came late, on a day that was over in Zürich.
    assert changed == {"activity:2024-07-17"}
    assert len(after) > len(before) + 70
    assert {file.relative_path for file in demo_files(later=True)} == {SAMPLES, SOURCES, MEDICAL_ID}


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
    samples, sources = many_samples(6000).to_bytes()
    whole = parse("health", {STORE: samples, NAMES: sources or b""}, tmp_path)
    size = int.from_bytes(samples[16:18], "big")
    damaged = bytearray(samples)
    at = size * (len(samples) // size // 3)
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


def test_a_day_of_which_only_the_rings_are_known_is_there_at_its_noon(tmp_path: Path) -> None:
    database, by = started(zone="Asia/Tokyo")
    midnight = dt.datetime(2024, 7, 19, 15, 0, tzinfo=dt.UTC)
    database.rings(by=by, midnight=midnight, energy_burned=300.0, energy_burned_goal=400.0)
    found = run(database, tmp_path)
    (artifact,) = found.artifacts
    assert artifact.key == "activity:2024-07-20"
    assert artifact.title == "Activity: Move 300 kcal of 400"
    noon = dt.datetime(2024, 7, 20, 3, 0, tzinfo=dt.UTC)
    assert artifact.occurred_at_us == noon.timestamp() * 1_000_000
