"""One network as one property list tells of it; every field is asked for by its name.

Source: the lists of iOS 15 and 16 for the forms of today, and the names that are known of the
lists of iOS 4 to 13. What is not asked for here (keys, rotation secrets) is never looked at.
"""

from __future__ import annotations

import re
from typing import Any

from services.indexer.kinds.plist_values import date_of, dict_of, list_of, yes_of
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import note_too_many_parts
from services.indexer.kinds.values import coordinates_of, float_of, int_of, text_of
from services.indexer.kinds.wifi_network.payload import AccessPoint

#: A university has thousands; a phone keeps some tens of them.
_MOST_ACCESS_POINTS = 2000
_LONGEST = 1000
_BSSID = re.compile(r"[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{1,2}){5}")
_SECURITY_OF_OLD = ("SecurityMode", "SecurityType")


def known_entry(entry: dict[str, Any], tally: Tally) -> dict[str, Any]:
    """Return the fields of a network of ``com.apple.wifi.known-networks.plist``."""
    system = dict_of(entry.get("__OSSpecific__"))
    portal = dict_of(entry.get("CaptiveProfile"))
    points = _access_points(list_of(entry.get("BSSList")), tally)
    return {
        "bssid": bssid_of(system.get("BSSID")),
        "security": _text(entry.get("SupportedSecurityTypes")),
        "is_hidden": yes_of(entry.get("Hidden")),
        "is_captive": yes_of(portal.get("CaptiveNetwork")),
        "portal_url": _text(portal.get("UserPortalURL")),
        "venue_url": _text(portal.get("VenueInfoURL")),
        "portal_visited_at": date_of(portal.get("CaptiveWebSheetLoginDate")),
        "is_carplay": yes_of(entry.get("CarPlayNetwork")),
        "is_moving": yes_of(entry.get("Moving")),
        "add_reason": _text(entry.get("AddReason")),
        "added_by": _text(entry.get("BundleID")),
        "added_at": date_of(entry.get("AddedAt")),
        "joined_by_user_at": date_of(entry.get("JoinedByUserAt")),
        "joined_by_system_at": date_of(entry.get("JoinedBySystemAt")),
        "previously_joined_at": date_of(system.get("prevJoined")),
        "last_discovered_at": date_of(entry.get("LastDiscoveredAt")),
        "updated_at": date_of(entry.get("UpdatedAt")),
        "password_changed_at": date_of(system.get("WiFiNetworkPasswordModificationDate")),
        "usage_raw": float_of(system.get("networkUsage")),
        "access_points": points,
        **_router(system),
    }


def old_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a network of a list of iOS 4 to 13, or of the scanned ones."""
    bssid = bssid_of(entry.get("BSSID"))
    security = (_text(entry.get(name)) for name in _SECURITY_OF_OLD)
    address = dict_of(entry.get("PRIVATE_MAC_ADDRESS")).get("PRIVATE_MAC_ADDRESS_IN_USE")
    channel = entry.get("CHANNEL")
    if isinstance(channel, dict):
        channel = channel.get("CHANNEL")
    joined_by_user_at = date_of(entry.get("lastJoined"))
    joined_by_system_at = date_of(entry.get("lastAutoJoined"))
    joined = max((at for at in (joined_by_user_at, joined_by_system_at) if at), default=None)
    return {
        "bssid": bssid,
        "security": next((name for name in security if name is not None), None),
        "is_hidden": yes_of(entry.get("HIDDEN_NETWORK")),
        "is_captive": yes_of(entry.get("CaptiveNetwork")),
        "is_carplay": yes_of(entry.get("CARPLAY_NETWORK")),
        "is_enabled": yes_of(entry.get("enabled")),
        "added_by": _text(entry.get("BundleID")),
        "added_at": date_of(entry.get("addedAt")),
        "joined_by_user_at": joined_by_user_at,
        "joined_by_system_at": joined_by_system_at,
        "previously_joined_at": date_of(entry.get("prevJoined")),
        "updated_at": date_of(entry.get("lastUpdated")),
        "password_changed_at": date_of(entry.get("WiFiNetworkPasswordModificationDate")),
        "usage_raw": float_of(entry.get("networkUsage")),
        "private_address": _hardware_address(address),
        "access_points": ()
        if bssid is None
        else (
            AccessPoint(
                bssid=bssid,
                channel=int_of(channel),
                channel_flags_raw=int_of(entry.get("CHANNEL_FLAGS")),
                last_associated_at=joined,
            ),
        ),
        **_router(entry),
    }


def name_of(entry: dict[str, Any], key: str | None = None) -> str | None:
    """Return a network's name; *key* is what stands for it in the list."""
    raw = entry.get("SSID")
    if isinstance(raw, bytes) and 0 < len(raw) <= _LONGEST:
        return text_of(raw.decode("utf-8", "replace"))
    named = entry.get("SSID_STR")
    return _text(raw) or _text(named) or _text(entry.get("DomainName")) or _text(key)


def bssid_of(value: object) -> str | None:
    """Return an access point's address with the zeros that phones leave out."""
    if not isinstance(value, str) or not _BSSID.fullmatch(value):
        return None
    return ":".join(part.zfill(2) for part in value.lower().split(":"))


def _access_points(listed: list[Any], tally: Tally) -> tuple[AccessPoint, ...]:
    if len(listed) > _MOST_ACCESS_POINTS:
        note_too_many_parts(tally)
    points: dict[str, AccessPoint] = {}
    for entry in map(dict_of, listed[:_MOST_ACCESS_POINTS]):
        bssid = bssid_of(entry.get("BSSID"))
        if bssid is None:
            continue
        at = coordinates_of(entry.get("LocationLatitude"), entry.get("LocationLongitude"))
        accuracy = float_of(entry.get("LocationAccuracy"))
        points.setdefault(
            bssid,
            AccessPoint(
                bssid=bssid,
                channel=int_of(entry.get("Channel")),
                channel_flags_raw=int_of(entry.get("ChannelFlags")),
                last_associated_at=date_of(entry.get("LastAssociatedAt")),
                latitude=None if at is None else at[0],
                longitude=None if at is None else at[1],
                accuracy_metres=accuracy if at is not None and (accuracy or 0) > 0 else None,
                located_at=None if at is None else date_of(entry.get("LocationTimestamp")),
            ),
        )
    return tuple(points.values())


def _router(entry: dict[str, Any]) -> dict[str, Any]:
    said = dict_of(entry.get("WPS_PROB_RESP_IE"))
    return {
        "country_code": _text(dict_of(entry.get("80211D_IE")).get("IE_KEY_80211D_COUNTRY_CODE")),
        "router_name": _text(said.get("IE_KEY_WPS_DEV_NAME")),
        "router_manufacturer": _text(said.get("IE_KEY_WPS_MANUFACTURER")),
        "router_model": _text(said.get("IE_KEY_WPS_MODEL_NAME")),
        "router_serial_number": _text(said.get("IE_KEY_WPS_SERIAL_NUM")),
    }


def _hardware_address(value: object) -> str | None:
    return value.hex(":") if isinstance(value, bytes) and len(value) == 6 else None


def _text(value: object) -> str | None:
    return text_of(value[:_LONGEST]) if isinstance(value, str) else None
