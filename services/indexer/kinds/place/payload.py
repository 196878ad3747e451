"""The payload of a place."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

Origin = Literal["history", "favourite", "guide", "visit"]
What = Literal["search", "directions", "place", "transit", "guide", "other"]


class PlacePayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``place``; where it is in degrees."""

    origin: Origin
    #: Of the history: what was done.
    what: What | None = None
    #: The phone's name of the record, where that does not say what it is.
    entity: str | None = None
    #: What the person calls it, before what Maps calls it.
    name: str | None = None
    maps_name: str | None = None
    #: What was typed, and where the map was then.
    query: str | None = None
    near: str | None = None
    address: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    #: Of directions: the addresses on the way, the first is where they begin.
    waypoints: tuple[str, ...] = ()
    is_interrupted: bool = False
    #: The guides that have it.
    guides: tuple[str, ...] = ()
    note: str | None = None
    categories: tuple[str, ...] = ()
    #: Codes of the phone that have no name: the type of a favourite, the class of a visit.
    raw: dict[str, int] | None = None
    #: Whether Maps shows it no more.
    is_hidden: bool = False
    position: int | None = None
    created_at: dt.datetime | None = None
    modified_at: dt.datetime | None = None
    #: Of a visit: when it began; Maps does not keep how long it was.
    visited_at: dt.datetime | None = None
    #: Apple's number of the place, the same for all phones.
    place_id: str | None = None
