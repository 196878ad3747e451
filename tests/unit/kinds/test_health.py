"""Health: what millions of samples come to.

No store of a phone with rows was to be had: these are minted after the recorded schema (iOS 13 to
15) and the columns that open readers name (16 on).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from deploy.demo.health import (
    MEDICAL_ID,
    SAMPLES,
    SOURCES,
    demo_files,
    demo_health,
    medical_id,
)
from deploy.demo.health_database import archive, cocoa
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse
from tests.unit.kinds.health_stores import CARD, HOUR, NOON, fixture_demo, measure, run, started  # noqa: F401 -- a fixture


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


def test_awards_are_told_by_the_names_that_the_app_has_for_them(tmp_path: Path) -> None:
    database, _ = started()
    database.award("7DayMoveStreak", at=NOON + HOUR)
    database.award("NewMoveRecord", at=NOON, created_date=str(cocoa(NOON)))
    database.award("LongestHRStreak", at=NOON, created_date="soon", earned_date="2024-07-21")
    database.award("", at=NOON)
    database.award("Ever", at=NOON, created_date=b"x", earned_date="2024-19-39")
    found = run(database, tmp_path)
    assert [one.title for one in found.artifacts] == [
        "Award: Ever", "Award: New Move Record", "Award: 7 Day Move Streak",
        "Award: Longest HR Streak",
    ]  # fmt: skip
    ever, record, _, streak = found.artifacts
    assert found.payload(record.key) == {
        "form": "award", "group": "activity", "date": "2024-07-20",
        "created_at": "2024-07-20T10:00:00Z", "award": {"name": "NewMoveRecord"},
    }  # fmt: skip
    assert ever.occurred_at_us is None
    assert streak.occurred_at_us == (record.occurred_at_us or 0) + 26 * 3_600_000_000
    assert (
        {one.thread_key for one in found.artifacts}
        == {"activity"}
        == {thread.key for thread in found.threads}
    )
    assert found.tally.skipped == 1


def test_the_number_that_was_reached_stands_with_the_award(demo: Collected) -> None:
    (award,) = [one for one in demo.artifacts if (one.title or "").startswith("Award")]
    assert demo.payload(award.key)["award"] == {
        "name": "NewMoveRecord", "value": 612.0, "unit": "kcal",
    }  # fmt: skip
