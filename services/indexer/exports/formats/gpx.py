"""Places as GPX 1.1: waypoints of places, photos and networks, tracks of workouts.

A file holds only so much that the library can put it together in memory; more goes into the next.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from services.indexer.exports.formats.cleaning import clean, one_line
from services.indexer.exports.formats.protocol import Format, Group, Item
from services.indexer.kinds.health.payload import HealthPayload, Route, Workout
from services.indexer.kinds.photo.payload import PhotoPayload
from services.indexer.kinds.place.payload import PlacePayload
from services.indexer.kinds.whatsapp.payload import WhatsAppPayload
from services.indexer.kinds.wifi_network.payload import WifiNetworkPayload
from shared.contracts.indexer import Artifact
from shared.member_names import name_part

if TYPE_CHECKING:
    from gpxpy.gpx import GPXTrack, GPXWaypoint

#: Points of one file, of waypoints and tracks alike: some 50 MB while it is put together.
MOST_POINTS = 20_000
_NOWHERE = "it has no place"


class Gpx(Format):
    """Waypoints and tracks."""

    name = "gpx"
    kinds: ClassVar = frozenset({"health", "photo", "place", "whatsapp", "wifi_network"})

    def begin_group(self, group: Group) -> None:
        """Begin the first file of a group."""
        self._group = group
        self._begin_file()

    def add(self, item: Item) -> str | None:
        """Add the point or the tracks of one item."""
        artifact = item.artifact
        if artifact.kind == "health":
            tracks = list(_tracks(artifact))
            if not tracks:
                return "it has no route"
            self._tracks += tracks
            self._points += sum(len(one.points) for track in tracks for one in track.segments)
        else:
            found = _READERS[artifact.kind](artifact)
            if isinstance(found, str):
                return found
            media = next((one.path for one in item.media.values() if one.path), None)
            if media is not None:
                found.link = media
            self._waypoints.append(found)
            self._points += 1
        if self._points >= MOST_POINTS:
            self._write()
            self._begin_file()
        return None

    def end_group(self) -> None:
        """Write what is left."""
        if self._points:
            self._write()

    def end(self) -> None:
        """Nothing is about all of them."""

    def _begin_file(self) -> None:
        self._waypoints: list[GPXWaypoint] = []
        self._tracks: list[GPXTrack] = []
        self._points = 0

    def _write(self) -> None:
        from gpxpy.gpx import GPX

        document = GPX()
        document.creator = "Keepsake"
        document.name = one_line(self._group.title)
        document.time = self.about.made_at.astimezone(dt.UTC)
        document.waypoints = self._waypoints
        document.tracks = self._tracks
        written = document.to_xml(version="1.1")
        path = self.output.name(f"{name_part(self._group.title, most_bytes=80)}.gpx")
        with self.output.member(path) as sink:
            sink.write(written.encode())


def _waypoint(
    latitude: float | None,
    longitude: float | None,
    *,
    name: str | None,
    at: dt.datetime | None,
    description: Iterable[str | None] = (),
    kind: str | None = None,
) -> GPXWaypoint | str:
    from gpxpy.gpx import GPXWaypoint

    if latitude is None or longitude is None:
        return _NOWHERE
    if not _is_on_earth(latitude, longitude):
        return "its place is not on earth"
    said = "\n".join(clean(one) for one in description if one)
    return GPXWaypoint(
        latitude,
        longitude,
        time=None if at is None else at.astimezone(dt.UTC),
        name=one_line(name) or None,
        description=said or None,
        type=one_line(kind, most=80) or None,
    )


def _place(artifact: Artifact) -> GPXWaypoint | str:
    place = msgspec.convert(artifact.payload, PlacePayload)
    at = place.visited_at or place.created_at or artifact.occurred_at
    about = (place.address, place.note, ", ".join(place.guides))
    name = place.name or place.maps_name or artifact.title or place.query
    return _waypoint(
        place.latitude, place.longitude, name=name, at=at, description=about, kind=place.origin
    )


def _photo(artifact: Artifact) -> GPXWaypoint | str:
    photo = msgspec.convert(artifact.payload, PhotoPayload)
    if photo.place is None:
        return _NOWHERE
    return _waypoint(
        photo.place.latitude,
        photo.place.longitude,
        name=photo.original_name or photo.file_name or artifact.title,
        at=photo.taken_at or artifact.occurred_at,
        description=(photo.title, photo.caption, photo.place.address),
        kind=photo.media,
    )


def _shared(artifact: Artifact) -> GPXWaypoint | str:
    place = msgspec.convert(artifact.payload, WhatsAppPayload).place
    if place is None:
        return _NOWHERE
    sender = artifact.sender
    by = None if sender is None else ("Me" if sender.is_me else sender.name or sender.handle)
    return _waypoint(
        place.latitude,
        place.longitude,
        name=place.name or place.address or "Shared place",
        at=artifact.occurred_at,
        description=(place.address, None if by is None else f"Shared by {one_line(by)}"),
        kind="shared",
    )


def _network(artifact: Artifact) -> GPXWaypoint | str:
    network = msgspec.convert(artifact.payload, WifiNetworkPayload)
    return _waypoint(
        network.latitude,
        network.longitude,
        name=network.name,
        at=network.last_joined_at or artifact.occurred_at,
        description=(network.bssid,),
        kind="wifi",
    )


_READERS: dict[str, Any] = {
    "photo": _photo,
    "place": _place,
    "whatsapp": _shared,
    "wifi_network": _network,
}


def _tracks(artifact: Artifact) -> Iterable[GPXTrack]:
    from gpxpy.gpx import GPXTrack

    payload = msgspec.convert(artifact.payload, HealthPayload)
    workout = payload.workout
    if workout is None or not workout.routes:
        return
    name = one_line(artifact.title or workout.activity) or "Workout"
    track = GPXTrack(name=name, description=_summary(workout) or None)
    if workout.activity:
        # The library says that it is always None.
        track.type = one_line(workout.activity, most=80)  # type: ignore[assignment]
    if payload.origin is not None:
        track.source = one_line(payload.origin.source) or None
    for route in workout.routes:
        if (segment := _segment(route)) is not None:
            track.segments.append(segment)
    if track.segments:
        yield track


def _segment(route: Route) -> Any:
    from gpxpy.gpx import GPXTrackPoint, GPXTrackSegment

    points = []
    for point in route.points:
        if not _is_on_earth(point.latitude, point.longitude):
            continue
        at = None
        if route.start_at is not None and point.seconds is not None:
            at = route.start_at.astimezone(dt.UTC) + dt.timedelta(seconds=point.seconds)
        height = point.altitude
        if height is not None and not math.isfinite(height):
            height = None
        points.append(GPXTrackPoint(point.latitude, point.longitude, elevation=height, time=at))
    return GPXTrackSegment(points) if points else None


def _summary(workout: Workout) -> str:
    said = []
    if workout.distance_meters is not None:
        said.append(f"{workout.distance_meters / 1000:.2f} km")
    if workout.duration_seconds is not None:
        said.append(f"{workout.duration_seconds / 60:.0f} minutes")
    if workout.active_energy_kcal is not None:
        said.append(f"{workout.active_energy_kcal:.0f} kcal")
    if workout.heart_rate_mean is not None:
        said.append(f"{workout.heart_rate_mean:.0f} beats per minute")
    recorded = sum(route.point_count for route in workout.routes)
    kept = sum(len(route.points) for route in workout.routes)
    if kept < recorded:
        farthest = max(route.tolerance_meters for route in workout.routes)
        said.append(f"{kept} of {recorded} points, none left out is {farthest:.0f} m off the line")
    return ", ".join(said)


def _is_on_earth(latitude: float, longitude: float) -> bool:
    return abs(latitude) <= 90 and abs(longitude) <= 180


FORMAT = Gpx
