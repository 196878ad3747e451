"""Workouts: what both layouts tell, their routes and their parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.demo.health import (
    demo_health,
    lake_path,
)
from deploy.demo.health_schema import Form
from services.indexer.kinds.health.routes import MOST_POINTS
from tests.unit.kinds.health_stores import FORMS, NOON, run, started, workout


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
