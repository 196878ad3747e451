"""From rows of Maps to artifacts."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from services.indexer.kinds.phone_time import cocoa_microseconds, cocoa_utc
from services.indexer.kinds.place.map_items import addresses_in
from services.indexer.kinds.place.payload import Origin, PlacePayload, What
from services.indexer.kinds.records import Record, key_of
from services.indexer.kinds.values import coordinates_of, flag_of, int_of, text_of, uuid_of
from services.indexer.staging import StagedArtifact

_LONGEST = 2_000
_MOST_CATEGORIES = 20

_COMMON = ("Z_PK", "ZIDENTIFIER", "ZCREATETIME", "ZMODIFICATIONTIME", "ZMAPITEM", "ZLATITUDE",
           "ZLONGITUDE", "ZHIDDEN", "ZMUID", "ZMAPITEMNAME", "ZMAPITEMADDRESS")  # fmt: skip
HISTORY = (*_COMMON, "Z_ENT", "ZQUERY", "ZLOCATIONDISPLAY", "ZLATITUDE1", "ZLONGITUDE1",
           "ZNAVIGATIONINTERRUPTED", "ZROUTEREQUESTSTORAGE")  # fmt: skip
FAVOURITE = (*_COMMON, "ZCUSTOMNAME", "ZORIGINATINGADDRESSSTRING", "ZTYPE", "ZPOSITIONINDEX")
GUIDED = (*_COMMON, "ZCUSTOMNAME", "ZPLACEITEMNOTE", "ZPOSITIONINDEX")
VISIT = ("Z_PK", "ZIDENTIFIER", "ZCREATETIME", "ZMODIFICATIONTIME", "ZSTARTDATE", "ZLOCATION",
         "ZHIDDEN", "ZVISITCLASSIFICATION")  # fmt: skip
LOCATION = ("Z_PK", "ZLATITUDE", "ZLONGITUDE", "ZMUID", "ZMAPITEMNAME", "ZMAPITEMADDRESS",
            "ZMAPITEMCITY", "ZMAPITEMCATEGORY", "ZMAPITEMSTORAGE")  # fmt: skip

#: Entities of the history by their names; their numbers differ from version to version.
ENTITIES: dict[str, What] = {
    "HistorySearchItem": "search",
    "HistoryDirectionsItem": "directions",
    "HistoryEvDirectionsItem": "directions",
    "HistoryMultiPointRoute": "directions",
    "HistoryPlaceItem": "place",
    "HistoryTransitItem": "transit",
    "HistoryCuratedCollection": "guide",
}


#: Maps keeps rows for a home or work that nobody filled in.
_UNNAMED: dict[Origin, str] = {
    "history": "Place", "favourite": "Favourite", "guide": "Saved place", "visit": "Visit",
}  # fmt: skip


class Beside(NamedTuple):
    """What other tables of the store say."""

    #: Names of entities by their numbers.
    entities: dict[int, str]
    #: Titles of guides by the number of a place in them.
    guides: dict[int, list[str]]


def history(row: Record, item: Record, beside: Beside) -> StagedArtifact | None:
    """Return something that was looked for."""
    entity = beside.entities.get(row["Z_ENT"]) if isinstance(row["Z_ENT"], int) else None
    what = ENTITIES.get(entity or "")
    waypoints = addresses_in(row["ZROUTEREQUESTSTORAGE"])
    query, near = _word(row["ZQUERY"]), _word(row["ZLOCATIONDISPLAY"])
    if what is None:
        what = "directions" if row["ZROUTEREQUESTSTORAGE"] else "search" if query else "other"
    return _artifact(
        row,
        item,
        origin="history",
        what=what,
        entity=None if entity in ENTITIES else entity,
        raw=None if entity else _raw(entity=row["Z_ENT"]),
        query=query,
        near=near,
        waypoints=waypoints,
        is_interrupted=flag_of(row["ZNAVIGATIONINTERRUPTED"]),
        place=coordinates_of(row["ZLATITUDE"], row["ZLONGITUDE"])
        or coordinates_of(row["ZLATITUDE1"], row["ZLONGITUDE1"]),
    )


def favourite(row: Record, item: Record, _: Beside) -> StagedArtifact | None:
    """Return a favourite: home, work, and what somebody marked."""
    return _artifact(
        row,
        item,
        origin="favourite",
        name=_word(row["ZCUSTOMNAME"]),
        address=_word(row["ZORIGINATINGADDRESSSTRING"]),
        raw=_raw(type=row["ZTYPE"]),
        position=int_of(row["ZPOSITIONINDEX"]),
        place=coordinates_of(row["ZLATITUDE"], row["ZLONGITUDE"]),
    )


def guided(row: Record, item: Record, beside: Beside) -> StagedArtifact | None:
    """Return a saved place, which may be in guides."""
    return _artifact(
        row,
        item,
        origin="guide",
        name=_word(row["ZCUSTOMNAME"]),
        note=_word(row["ZPLACEITEMNOTE"]),
        guides=tuple(beside.guides.get(row["Z_PK"], ())) if isinstance(row["Z_PK"], int) else (),
        position=int_of(row["ZPOSITIONINDEX"]),
        place=coordinates_of(row["ZLATITUDE"], row["ZLONGITUDE"]),
    )


def visit(row: Record, where: Record, _: Beside) -> StagedArtifact | None:
    """Return one arrival at a place."""
    categories = (text_of(where.get("ZMAPITEMCATEGORY")) or "").split("||")[:_MOST_CATEGORIES]
    address = _word(where.get("ZMAPITEMADDRESS")) or _word(where.get("ZMAPITEMCITY"))
    joined = row | {
        "ZMUID": where.get("ZMUID"),
        "ZMAPITEMNAME": where.get("ZMAPITEMNAME"),
        "ZMAPITEMADDRESS": address,
    }
    return _artifact(
        joined,
        {},
        origin="visit",
        categories=tuple(word[:200] for word in categories if word.strip()),
        raw=_raw(classification=row["ZVISITCLASSIFICATION"]),
        place=coordinates_of(where.get("ZLATITUDE"), where.get("ZLONGITUDE")),
        visited_at=cocoa_utc(row["ZSTARTDATE"]),
    )


def _artifact(
    row: Record,
    item: Record,
    *,
    origin: Origin,
    place: tuple[float, float] | None,
    address: str | None = None,
    visited_at: dt.datetime | None = None,
    **said: Any,
) -> StagedArtifact:
    place = place or coordinates_of(item.get("ZLATITUDE"), item.get("ZLONGITUDE"))
    known = addresses_in(item.get("ZMAPITEMSTORAGE"))
    address = address or _word(row["ZMAPITEMADDRESS"]) or (known[0] if known else None)
    maps_name = _word(row["ZMAPITEMNAME"]) or _word(item.get("ZNAME"))
    number = int_of(row["ZMUID"]) or int_of(item.get("ZMUID"))
    name = said.pop("name", None) or maps_name
    payload = PlacePayload(
        origin=origin,
        name=name,
        maps_name=maps_name if maps_name != name else None,
        address=address,
        latitude=None if place is None else place[0],
        longitude=None if place is None else place[1],
        created_at=cocoa_utc(row["ZCREATETIME"]),
        modified_at=cocoa_utc(row["ZMODIFICATIONTIME"]),
        visited_at=visited_at,
        is_hidden=flag_of(row["ZHIDDEN"]),
        place_id=None if number is None else str(number),
        **said,
    )
    at_us = cocoa_microseconds(row["ZSTARTDATE" if origin == "visit" else "ZCREATETIME"])
    identity = uuid_of(row["ZIDENTIFIER"])
    return StagedArtifact(
        key=f"{origin}:{identity}"
        if identity
        else key_of(origin, at_us, payload.query, name, place),
        payload=payload,
        occurred_at_us=at_us,
        title=_title(payload),
        text="\n".join(_lines(payload)),
    )


def _title(payload: PlacePayload) -> str:
    if payload.what == "directions":
        end = payload.waypoints[-1] if payload.waypoints else payload.name or payload.address
        return f"Directions to {end}" if end else "Directions"
    if payload.query is not None:
        return payload.query if payload.near is None else f"{payload.query} ({payload.near})"
    named = payload.name or payload.address or payload.near
    if named:
        return named
    if payload.latitude is not None and payload.longitude is not None:
        return f"{payload.latitude:.5f}, {payload.longitude:.5f}"
    return _UNNAMED[payload.origin]


def _lines(payload: PlacePayload) -> list[str]:
    lines = (
        payload.name, payload.maps_name, payload.query, payload.near, payload.address,
        *payload.waypoints, payload.note, *payload.guides, *payload.categories,
    )  # fmt: skip
    return list(dict.fromkeys(line for line in lines if line))


def _word(value: object) -> str | None:
    word = text_of(value)
    return None if word is None else word[:_LONGEST]


def _raw(**codes: object) -> dict[str, int] | None:
    found = {name: number for name, code in codes.items() if (number := int_of(code)) is not None}
    return found or None
