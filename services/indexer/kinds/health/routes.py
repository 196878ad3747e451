"""The lines of workouts: read point by point, kept as few points as tell the same way."""

from __future__ import annotations

import heapq
import math
import sqlite3
from typing import NamedTuple

from services.indexer.kinds.database import Database
from services.indexer.kinds.health.payload import Route, RoutePoint
from services.indexer.kinds.health.samples import time_of
from services.indexer.kinds.health.zones import moment
from services.indexer.kinds.values import coordinates_of, float_of

#: Points of a route in the payload; some ten kilobytes.
MOST_POINTS = 300
#: Nobody sees less on a map.
_TOLERANCE_METERS = 2.0
#: Points that are held at once: every second one is let go when there are more.
_MOST_HELD = 4_096
#: A point each second for twelve days, and what all routes of a phone come to.
_MOST_OF_ROUTE = 1_000_000
_MOST_OF_STORE = 30_000_000
_METERS_PER_DEGREE = 111_320.0
_COLUMNS = ("timestamp", "latitude", "longitude", "altitude")


class _Point(NamedTuple):
    latitude: float
    longitude: float
    altitude: float | None
    at: float | None


class Routes:
    """The routes of a store by the key of their series."""

    def __init__(self, database: Database) -> None:
        """Read from *database*, which need not have any."""
        there = database.columns("location_series_data")
        self._database = database
        self.are_there = {"series_identifier", "latitude", "longitude"} <= there
        self._left = _MOST_OF_STORE
        if self.are_there:
            if not database.is_indexed("location_series_data", "series_identifier"):
                database.ensure_index("location_series_data", "series_identifier")
            fields = ", ".join(name if name in there else "null" for name in _COLUMNS)
            order = " order by timestamp" if "timestamp" in there else ""
            self._statement = (
                f"select {fields} from location_series_data "  # noqa: S608 -- names are ours
                f"where series_identifier = ?{order} limit {_MOST_OF_ROUTE}"
            )

    def read(self, key: object) -> Route | None:
        """Return the route with the key *key*, or None where there are not two points."""
        if not self.are_there or not isinstance(key, int):
            return None
        line = _Line()
        try:
            for row in self._database.rows(self._statement, (key,)):
                self._left -= 1
                if self._left < 0:
                    break
                line.add(*row)
        except sqlite3.Error:
            pass
        return line.route()


class _Line:
    """Points as they come; at most some thousand of them are held."""

    def __init__(self) -> None:
        self._held: list[_Point] = []
        self._count = 0
        self._every = 1
        self._last: _Point | None = None
        self._length = 0.0
        self._south = self._west = math.inf
        self._north = self._east = -math.inf

    def add(self, at: object, latitude: object, longitude: object, altitude: object) -> None:
        place = coordinates_of(latitude, longitude)
        if place is None:
            return
        height = float_of(altitude)
        point = _Point(
            place[0],
            place[1],
            round(height, 1) if height is not None and abs(height) < 100_000 else None,
            time_of(at),
        )
        if self._last is not None:
            self._length += _meters(self._last, point)
        self._last = point
        self._south, self._north = min(self._south, place[0]), max(self._north, place[0])
        self._west, self._east = min(self._west, place[1]), max(self._east, place[1])
        if self._count % self._every == 0:
            self._held.append(point)
            if len(self._held) > _MOST_HELD:
                self._held = self._held[::2]
                self._every *= 2
        self._count += 1

    def route(self) -> Route | None:
        if self._count < 2 or self._last is None:
            return None
        points = self._held if self._held[-1] is self._last else [*self._held, self._last]
        kept, tolerance = simplify(points)
        first = next((point.at for point in kept if point.at is not None), None)
        return Route(
            south=round(self._south, 6),
            west=round(self._west, 6),
            north=round(self._north, 6),
            east=round(self._east, 6),
            point_count=self._count,
            length_meters=round(self._length, 1),
            start_at=None if first is None else moment(first),
            tolerance_meters=round(tolerance, 1),
            points=tuple(
                RoutePoint(
                    round(point.latitude, 6),
                    round(point.longitude, 6),
                    point.altitude,
                    None if first is None or point.at is None else round(point.at - first, 1),
                )
                for point in kept
            ),
        )


def simplify(points: list[_Point]) -> tuple[list[_Point], float]:
    """Return the points that shape the line most, and how far the others are from it in metres.

    As Douglas and Peucker do it, but always where the line is farthest off, so that it can end at
    a number of points: the work is bounded by that number times the points.
    """
    kept = [0, len(points) - 1]
    heap: list[tuple[float, int, int, int]] = []

    def consider(first: int, last: int) -> None:
        if last - first > 1:
            far, at = _farthest(points, first, last)
            heapq.heappush(heap, (-far, at, first, last))

    consider(0, len(points) - 1)
    while heap and len(kept) < MOST_POINTS and -heap[0][0] > _TOLERANCE_METERS:
        _, at, first, last = heapq.heappop(heap)
        kept.append(at)
        consider(first, at)
        consider(at, last)
    return [points[at] for at in sorted(kept)], -heap[0][0] if heap else 0.0


def _farthest(points: list[_Point], first: int, last: int) -> tuple[float, int]:
    """Return how far the farthest point between two is from their line, and its place."""
    start, end = points[first], points[last]
    east_scale = _METERS_PER_DEGREE * math.cos(math.radians(start.latitude))
    x, y = (
        (end.longitude - start.longitude) * east_scale,
        (end.latitude - start.latitude) * _METERS_PER_DEGREE,
    )
    square = x * x + y * y
    best, place = -1.0, first + 1
    for at in range(first + 1, last):
        point = points[at]
        px = (point.longitude - start.longitude) * east_scale
        py = (point.latitude - start.latitude) * _METERS_PER_DEGREE
        along = 0.0 if square == 0 else max(0.0, min(1.0, (px * x + py * y) / square))
        far = (px - along * x) ** 2 + (py - along * y) ** 2
        if far > best:
            best, place = far, at
    return math.sqrt(max(best, 0.0)), place


def _meters(one: _Point, other: _Point) -> float:
    east = (other.longitude - one.longitude) * math.cos(math.radians(one.latitude))
    return math.hypot(east, other.latitude - one.latitude) * _METERS_PER_DEGREE
