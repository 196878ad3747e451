"""Reads the phone's lists of networks, and makes one network of what they say of it.

A phone of iOS 14 or later keeps ``com.apple.wifi.known-networks.plist``; those before had the
networks in ``com.apple.wifi.plist``, where only settings are left. A third list says which address
the phone shows to a network.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from services.indexer.kinds.phone_time import microseconds_of
from services.indexer.kinds.plist_values import dict_of, read_plist, yes_of
from services.indexer.kinds.protocol import ParserInputs, Sink, Tally, UnsupportedStoreError
from services.indexer.kinds.records import Records, key_of
from services.indexer.kinds.wifi_network.entries import known_entry, name_of, old_entry
from services.indexer.kinds.wifi_network.payload import AccessPoint, WifiNetworkPayload
from services.indexer.staging import StagedArtifact

_DOMAIN = "SystemPreferencesDomain"
_KEY = "wifi.network."
_SSID = f"{_KEY}ssid."
#: Each network is a few kilobytes, and phones forget old ones.
_LARGEST_BYTES = 8 * 1024 * 1024
#: Identities are the phone's own keys; longer ones than any network has are replaced.
_LONGEST_KEY = 200
_LISTS = "List of "
_SCANNED = "List of scanned"

Fields = dict[str, Any]


def parse_networks(inputs: ParserInputs, sink: Sink, *, files: tuple[str, ...]) -> None:
    """Give every network of the backup to *sink*; *files* are paths, the best list first."""
    found: dict[str, list[Fields]] = {}
    unread = there = 0
    for path in files:
        copy = inputs.find(_DOMAIN, path)
        if copy is None:
            continue
        there += 1
        plist = read_plist(copy, most_bytes=_LARGEST_BYTES)
        if plist is None:
            unread += 1
        else:
            _collect(plist, found, sink.tally)
    if unread == there:
        raise UnsupportedStoreError(
            "The file is damaged or not a property list."
            if there
            else "This backup has no such store."
        )
    if unread:
        sink.tally.note("One of several lists of networks could not be read.")
    if not found and not unread:
        # Settings are in plain backups too, and so the kind is not absent from them.
        sink.tally.note("No networks are listed; phones put most into encrypted backups only.")
    records = Records(sink, total=len(found))
    for key, entries in sorted(found.items(), key=_order):
        records.keep(lambda key=key, entries=entries: _artifact(key, entries))  # type: ignore[misc]
    records.finish()


def _collect(plist: dict[Any, Any], found: dict[str, list[Fields]], tally: Tally) -> None:
    for key, value in plist.items():
        if not isinstance(key, str):
            continue
        if key.startswith(_KEY) and isinstance(value, dict):
            _add(found, key, name_of(value, key.split(".", 3)[-1]), known_entry(value, tally))
        elif key.startswith(_LISTS) and isinstance(value, list):
            is_scanned = key.startswith(_SCANNED)
            for entry in map(dict_of, value):
                name = name_of(entry)
                if name is None:
                    tally.read += 1
                    tally.skipped += 1
                    tally.note("A record has no identity of its own.")
                    continue
                fields = old_entry(entry)
                if is_scanned:
                    fields["is_known"] = yes_of(entry.get("PresentInKnownNetworks")) or False
                _add(found, f"{_SSID}{name}", name, fields)


def _add(found: dict[str, list[Fields]], key: str, name: str | None, fields: Fields) -> None:
    fields["name"] = name or key
    found.setdefault(key, []).append(fields)


def _merged(entries: list[Fields]) -> Fields:
    """Return what several lists say of one network: the best list counts, others fill gaps."""
    merged: Fields = {"is_known": False}
    points: dict[str, AccessPoint] = {}
    for fields in entries:
        # Only the list of scanned networks says that a network is not among the known ones.
        merged["is_known"] = merged["is_known"] or fields.get("is_known", True)
        for point in fields["access_points"]:
            points.setdefault(point.bssid, point)
        for name, value in fields.items():
            if name not in {"access_points", "is_known"} and merged.get(name) is None:
                merged[name] = value
    joined = [
        fields[name]
        for fields in entries
        for name in ("joined_by_user_at", "joined_by_system_at")
        if fields.get(name) is not None
    ]
    merged["last_joined_at"] = max(joined, default=None)
    merged["access_points"] = tuple(points.values())
    return merged


def _moment(fields: Fields) -> dt.datetime | None:
    """Return when the network was last of use to somebody."""
    used = [point.last_associated_at for point in fields["access_points"]]
    candidates = (
        fields["last_joined_at"],
        max((at for at in used if at is not None), default=None),
        fields.get("last_discovered_at"),
        fields.get("added_at"),
        fields.get("updated_at"),
    )
    return next((at for at in candidates if at is not None), None)


def _order(item: tuple[str, list[Fields]]) -> tuple[int, str]:
    return microseconds_of(_moment(_merged(item[1]))) or 0, item[0]


def _artifact(key: str, entries: list[Fields]) -> StagedArtifact:
    fields = _merged(entries)
    moment = _moment(fields)
    placed = [point for point in fields["access_points"] if point.latitude is not None]
    # Equal times keep the phone's own order.
    place = max(
        placed, key=lambda point: microseconds_of(point.last_associated_at) or 0, default=None
    )
    payload = WifiNetworkPayload(
        **fields,
        latitude=None if place is None else place.latitude,
        longitude=None if place is None else place.longitude,
        accuracy_metres=None if place is None else place.accuracy_metres,
    )
    lines = [
        payload.name, payload.security, payload.router_name, payload.router_manufacturer,
        payload.router_model, payload.portal_url, payload.bssid,
        *(point.bssid for point in payload.access_points),
    ]  # fmt: skip
    return StagedArtifact(
        key=key if len(key) <= _LONGEST_KEY else key_of(key),
        payload=payload,
        occurred_at_us=microseconds_of(moment),
        title=payload.name,
        text="\n".join(dict.fromkeys(line for line in lines if line)),
        has_link=payload.portal_url is not None,
    )
