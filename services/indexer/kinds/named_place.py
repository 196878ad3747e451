"""Places by their name and address, as events and reminders have them."""

from __future__ import annotations

import msgspec

from services.indexer.kinds.values import coordinates_of, float_of, text_of

_LONGEST = 4000
#: No alarm is about a circle that is larger than Earth.
_LARGEST_RADIUS = 40_000_000


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place by its name and address, in degrees where the phone found it."""

    title: str | None = None
    address: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    radius_metres: float | None = None


def named_place(
    *, title: object, address: object, latitude: object, longitude: object, radius: object
) -> Place | None:
    """Return the place that these cells tell of, or None where they say nothing."""
    called, lies_at = text_of(title), text_of(address)
    at = coordinates_of(latitude, longitude)
    if not (called or lies_at or at):
        return None
    metres = float_of(radius)
    return Place(
        title=None if called is None else called[:_LONGEST],
        address=None if lies_at is None else lies_at[:_LONGEST],
        latitude=None if at is None else at[0],
        longitude=None if at is None else at[1],
        radius_metres=metres if metres and 0 < metres <= _LARGEST_RADIUS else None,
    )
