import datetime as dt
from typing import Any
from xml.etree import ElementTree as ET

import gpxpy
from gpxpy.gpx import GPX

from services.indexer.exports.formats.gpx import FORMAT as GPX_FORMAT
from services.indexer.exports.formats.gpx import MOST_POINTS
from services.indexer.kinds.health.payload import HealthPayload, Route, RoutePoint, Workout
from services.indexer.kinds.photo.payload import PhotoPayload
from services.indexer.kinds.photo.payload import Place as PhotoPlace
from services.indexer.kinds.place.payload import PlacePayload
from services.indexer.kinds.whatsapp.payload import Place, WhatsAppPayload
from services.indexer.kinds.wifi_network.payload import WifiNetworkPayload
from shared.contracts.indexer import Artifact, Attachment, Sender
from tests.unit.exports.exporting import artifact, export, group

NOON = dt.datetime(2024, 3, 2, 12, tzinfo=dt.UTC)


def tracks(*artifacts: Artifact, **more: Any) -> GPX:
    """Return the one file as its library reads it."""
    members, left_out = export(GPX_FORMAT, [(group(artifacts[0].kind), artifacts)], **more)
    assert not left_out
    text = members["Things.gpx"].decode()
    root = ET.fromstring(text)
    assert root.tag == "{http://www.topografix.com/GPX/1/1}gpx"
    return gpxpy.parse(text)


def workout(*routes: Route, **said: Any) -> Artifact:
    payload = HealthPayload(
        form="workout", group="workouts", workout=Workout(activity="running", routes=routes, **said)
    )
    return artifact("health", payload, title="Running")


def route(*points: RoutePoint, **said: Any) -> Route:
    fields: dict[str, Any] = {
        "south": 0.0, "west": 0.0, "north": 1.0, "east": 1.0, "point_count": 1000,
        "length_meters": 5000.0, "start_at": NOON, "points": points, "tolerance_meters": 4.0,
    }  # fmt: skip
    return Route(**{**fields, **said})


def test_places_are_waypoints_with_names_and_times() -> None:
    place = PlacePayload(
        origin="favourite", name="Home & <away>", address="Hauptstr. 1\nKöln",
        latitude=50.941278, longitude=6.958281, created_at=NOON, guides=("Köln",),
    )  # fmt: skip
    (point,) = tracks(artifact("place", place)).waypoints
    assert (point.latitude, point.longitude) == (50.941278, 6.958281)
    assert point.name == "Home & <away>"
    assert point.description == "Hauptstr. 1\nKöln\nKöln"
    assert point.time == NOON
    assert point.type == "favourite"


def test_a_photo_is_a_waypoint_that_leads_to_its_file() -> None:
    photo = PhotoPayload(
        media="photo", original_name="IMG_1.HEIC", taken_at=NOON,
        place=PhotoPlace(latitude=-33.9, longitude=151.2),
    )  # fmt: skip
    file = Attachment(n=0, name="IMG_1.HEIC", media_type="image/heic", size_bytes=3, present=True)
    found = artifact("photo", photo, attachments=[file], occurred_at=NOON)
    (point,) = tracks(found, files={("KEY-1", 0): b"abc"}).waypoints
    assert point.name == "IMG_1.HEIC"
    assert point.link == "media/Things/2024-03-02 IMG_1.HEIC"


def test_places_that_were_sent_and_networks_are_waypoints() -> None:
    sent = artifact(
        "whatsapp",
        WhatsAppPayload(
            type="location", service="WhatsApp", direction="incoming",
            place=Place(latitude=1.5, longitude=2.5, name="Lake"),
        ),
        sender=Sender(handle="+1", name="Bea"),
    )  # fmt: skip
    (point,) = tracks(sent).waypoints
    assert (point.name, point.description) == ("Lake", "Shared by Bea")
    network = WifiNetworkPayload(name="Café", latitude=1.0, longitude=2.0, last_joined_at=NOON)
    (point,) = tracks(artifact("wifi_network", network)).waypoints
    assert (point.name, point.time) == ("Café", NOON)


def test_a_workout_is_a_track_of_its_routes() -> None:
    first = route(RoutePoint(50.0, 6.0, 51.5, 0.0), RoutePoint(50.001, 6.001, None, 61.5))
    second = route(RoutePoint(50.1, 6.1, 50.0, None))
    found = tracks(workout(first, second, distance_meters=5012.0, duration_seconds=1860.0))
    (track,) = found.tracks
    assert (track.name, track.type) == ("Running", "running")
    assert track.description is not None
    assert track.description.startswith("5.01 km, 31 minutes, 3 of 2000 points")
    start, later = track.segments[0].points
    assert (start.latitude, start.elevation, start.time) == (50.0, 51.5, NOON)
    assert later.time == NOON + dt.timedelta(seconds=61.5)
    assert len(track.segments) == 2


def test_a_long_list_goes_on_in_another_file() -> None:
    many = [
        artifact("place", PlacePayload(origin="visit", latitude=1.0, longitude=n / MOST_POINTS))
        for n in range(MOST_POINTS + 5)
    ]
    members, left_out = export(GPX_FORMAT, [(group("place", "Places"), many)])
    assert not left_out
    assert [len(gpxpy.parse(text.decode()).waypoints) for text in members.values()] == [
        MOST_POINTS,
        5,
    ]


def test_what_is_nowhere_is_counted_and_costs_itself() -> None:
    def place(latitude: float | None, longitude: float | None) -> Artifact:
        return artifact(
            "place", PlacePayload(origin="visit", latitude=latitude, longitude=longitude)
        )

    evil = PlacePayload(
        origin="visit", name="x</name></wpt>\x00\x0b<!ENTITY a>\ufffe]]>", latitude=1.0,
        longitude=1.0,
    )  # fmt: skip
    members, left_out = export(
        GPX_FORMAT,
        [
            (
                group("place"),
                [
                    place(None, 1.0),
                    place(91.0, 1.0),
                    place(1.0, 1e308),
                    artifact("place", {"origin": "moon"}),
                    artifact("place", evil),
                ],
            ),
            (group("health", "Workouts"), [workout(), workout(route(RoutePoint(99.0, 0.0, 0, 0)))]),
        ],
    )
    assert left_out == [
        "it has no place",
        "its place is not on earth",
        "its place is not on earth",
        "ValidationError",
        "it has no route",
        "it has no route",
    ]
    assert members.keys() == {"Things.gpx"}
    (point,) = gpxpy.parse(members["Things.gpx"].decode()).waypoints
    assert point.name == "x</name></wpt> <!ENTITY a>]]>"
