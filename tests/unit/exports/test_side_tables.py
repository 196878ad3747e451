import csv
import datetime as dt
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from deploy.demo import health as demo_health
from services.indexer.exports.formats.csv_tables import FORMAT as CSV
from services.indexer.exports.formats.side_tables import SideTables
from services.indexer.exports.zip_output import ZipOutput
from services.indexer.kinds import PARSERS
from services.indexer.kinds.health.payload import (
    HealthPayload,
    Measure,
    Night,
    PhaseOfSleep,
    Route,
    RoutePoint,
    SourceOfSleep,
    Workout,
)
from services.indexer.kinds.place.payload import PlacePayload
from shared.contracts.indexer import Artifact
from tests.unit.exports.exporting import MADE_AT, about, artifact, artifacts_of, export, group
from tests.unit.kinds.collected import parse

EVENING = dt.datetime(2024, 3, 1, 22, tzinfo=dt.UTC)


def tables(artifacts: Iterable[Artifact], *, refused: int = 0) -> dict[str, list[dict[str, str]]]:
    """Return the tables by name; so many artifacts as *refused* says are none of their kind."""
    target = io.BytesIO()
    output = ZipOutput(target, made_at=MADE_AT, zone=about().zone, is_large=False)
    side = SideTables(output)
    for one in artifacts:
        try:
            side.add(one)
        except msgspec.ValidationError:
            refused -= 1
    assert refused == 0
    side.write("Health")
    output.close()
    with zipfile.ZipFile(target) as made:
        return {
            name: list(csv.DictReader(io.StringIO(made.read(name).decode(), newline="")))
            for name in made.namelist()
        }


def test_phases_of_a_night_are_rows() -> None:
    night = Night(
        end_at=EVENING + dt.timedelta(hours=8),
        summary=SourceOfSleep(source="Watch", asleep_seconds=25_000.0),
        others=(SourceOfSleep(source="App", in_bed_seconds=28_800.0),),
        phases=(
            PhaseOfSleep(phase="core", start_at=EVENING, duration_seconds=1200.0),
            PhaseOfSleep(
                phase="deep", start_at=EVENING + dt.timedelta(minutes=20), duration_seconds=600.0
            ),
        ),
    )
    made = tables(
        [
            artifact(
                "health",
                HealthPayload(
                    form="sleep", group="sleep", date="2024-03-02", start_at=EVENING, night=night
                ),
            )
        ]
    )
    assert [row["phase"] for row in made["Health/sleep.csv"]] == ["core", "deep"]
    assert made["Health/sleep.csv"][1]["start_at"] == "2024-03-01T22:20:00+00:00"
    assert [row["source"] for row in made["Health/nights.csv"]] == ["Watch", "App"]
    assert made["Health/nights.csv"][0]["asleep_seconds"] == "25000.0"


def test_points_of_a_route_are_rows_that_name_their_workout() -> None:
    route = Route(
        south=0, west=0, north=1, east=1, point_count=2, length_meters=5, start_at=EVENING,
        points=(RoutePoint(50.0, 6.0, 51.0, 0.0), RoutePoint(50.1, 6.1, None, 2.0)),
    )  # fmt: skip
    workout = Workout(
        activity="running", distance_meters=5000.0, is_indoor=False, routes=(route,),
        statistics=(Measure(name="heart rate", type_raw=5, mean=140.0, unit="count/min"),),
    )  # fmt: skip
    payload = HealthPayload(form="workout", group="workouts", start_at=EVENING, workout=workout)
    made = tables([artifact("health", payload, key="W1")])
    (row,) = made["Health/workouts.csv"]
    assert (row["key"], row["activity"], row["distance_meters"]) == ("W1", "running", "5000.0")
    assert row["is_indoor"] == "no"
    assert [
        (row["key"], row["point"], row["at"], row["latitude"], row["altitude_metres"])
        for row in made["Health/routes.csv"]
    ] == [
        ("W1", "0", "2024-03-01T22:00:00+00:00", "50.0", "51.0"),
        ("W1", "1", "2024-03-01T22:00:02+00:00", "50.1", ""),
    ]
    (row,) = made["Health/measures.csv"]
    assert (row["of"], row["name"], row["mean"]) == ("workout", "heart rate", "140.0")


def test_many_rows_come_out_as_they_went_in() -> None:
    many = [
        artifact(
            "health",
            HealthPayload(
                form="day", group="activity", date="2024-03-01",
                measures=tuple(Measure(name=f"m{n}-{i}", type_raw=i) for i in range(50)),
            ),
        )
        for n in range(200)
    ]  # fmt: skip
    names = [row["name"] for row in tables(many)["Health/measures.csv"]]
    assert names == [f"m{n}-{i}" for n in range(200) for i in range(50)]


def test_no_cell_is_a_formula() -> None:
    place = PlacePayload(
        origin="favourite", name='=HYPERLINK("http://x")', address="@SUM(1)", latitude=-1.5,
        longitude=2.0, note="-1+1\r\n\x00x",
    )  # fmt: skip
    (row,) = tables([artifact("place", place)])["Health/places.csv"]
    assert row["name"] == '\'=HYPERLINK("http://x")'
    assert row["address"] == "'@SUM(1)"
    assert row["note"] == "'-1+1\nx"
    assert row["latitude"] == "-1.5"


def test_what_is_no_payload_leaves_no_rows() -> None:
    day = HealthPayload(
        form="day", group="activity", measures=(Measure(name="steps", type_raw=7, total=10.0),)
    )
    broken = {"form": "day", "group": "activity", "measures": [{"name": "x", "type_raw": 1}, 5]}
    made = tables([artifact("health", broken), artifact("health", day)], refused=1)
    assert [row["name"] for row in made["Health/measures.csv"]] == ["steps"]


def test_health_of_the_demo_phone_has_a_row_for_everything(tmp_path: Path) -> None:
    files = {
        f"{f.domain}/{f.relative_path}": f.content for f in demo_health.demo_files(later=False)
    }
    needed = {
        name: content
        for name, content in files.items()
        if any(one.is_among([name]) for one in PARSERS["health"].files)
    }
    found = parse("health", dict(needed), tmp_path, listing=[])
    things = [one for _, ones in artifacts_of("health", found) for one in ones]
    made = tables(things)
    payloads = [one.payload for one in things]
    assert len(made["Health/workouts.csv"]) == sum("workout" in one for one in payloads) > 0
    phases = sum(len(one.get("night", {}).get("phases", ())) for one in payloads)
    assert len(made["Health/sleep.csv"]) == phases > 0
    assert len({row["key"] for row in made["Health/routes.csv"]}) > 0


def test_tables_of_csv_come_with_those_of_their_lists() -> None:
    day = HealthPayload(
        form="day", group="activity", measures=(Measure(name="steps", type_raw=7, total=10.0),)
    )
    place = PlacePayload(origin="favourite", name="Home", latitude=1.0, longitude=2.0)
    members, left_out = export(
        CSV,
        [
            (group("health", "Activity"), [artifact("health", day, key="A")]),
            (group("health", "Body"), [artifact("health", day, key="B")]),
            (
                group("place", "Places"),
                [artifact("place", place), artifact("place", {"origin": 1})],
            ),
        ],
    )
    assert not left_out
    assert set(members) == {"health.csv", "health/measures.csv", "place.csv", "place/places.csv"}
    rows = csv.DictReader(io.StringIO(members["health/measures.csv"].decode(), newline=""))
    assert [row["key"] for row in rows] == ["A", "B"]
    assert members["place.csv"].count(b"\r\n") == 3
