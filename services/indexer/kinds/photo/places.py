"""Where a photo was taken: coordinates, and the address that the phone had looked up for them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.photo.payload import Place
from services.indexer.kinds.values import coordinates_of, float_of, text_of

#: Real addresses are 2 to 6 KB.
_LARGEST_ARCHIVE_BYTES = 256 * 1024
_USUAL_ARCHIVE_BYTES = 16 * 1024
_MOST_AREAS = 40
_LONGEST_NAME = 500


def read_place(
    *, latitude: object, longitude: object, accuracy: object = None, looked_up: object = None
) -> Place | None:
    """Return what is known of a place, or None when that is nothing."""
    at = coordinates_of(latitude, longitude)
    address = _address(looked_up)
    if at is None:
        return Place(**address) if address else None
    metres = float_of(accuracy)
    return Place(
        latitude=at[0],
        longitude=at[1],
        accuracy_metres=metres if metres is not None and metres > 0 else None,
        **address,
    )


def _address(archive: object) -> dict[str, Any]:
    if not isinstance(archive, bytes) or len(archive) > _LARGEST_ARCHIVE_BYTES:
        return {}
    return _remembered(archive) if len(archive) <= _USUAL_ARCHIVE_BYTES else _read(archive)


def _read(archive: bytes) -> dict[str, Any]:
    root = load_archive(archive)
    if not isinstance(root, dict):
        return {}
    postal = root.get("postalAddress")
    postal = postal if isinstance(postal, dict) else {}
    fields: dict[str, Any] = {
        "address": _name(root.get("addressString")),
        "street": _name(postal.get("_street")),
        "sub_locality": _name(postal.get("_subLocality")),
        "city": _name(postal.get("_city")),
        "county": _name(postal.get("_subAdministrativeArea")),
        "state": _name(postal.get("_state")),
        "postal_code": _name(postal.get("_postalCode")),
        "country": _name(postal.get("_country")),
        "country_code": _name(postal.get("_ISOCountryCode")) or _name(root.get("countryCode")),
        "areas": _areas(root.get("mapItem")),
        "is_home": root.get("isHome") is True,
    }
    return {name: value for name, value in fields.items() if value}


#: Photos of a burst, and of where somebody is often, have the same archive byte for byte.
_remembered = lru_cache(maxsize=1024)(_read)


def _areas(map_item: object) -> tuple[str, ...]:
    infos = map_item.get("sortedPlaceInfos") if isinstance(map_item, dict) else None
    if not isinstance(infos, list):
        return ()
    names = (_name(info.get("name")) for info in infos[:_MOST_AREAS] if isinstance(info, dict))
    return tuple(dict.fromkeys(name for name in names if name))


def _name(value: object) -> str | None:
    words = text_of(value) if isinstance(value, str) else None
    return None if words is None else words[:_LONGEST_NAME]
