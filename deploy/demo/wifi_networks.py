"""The Wi-Fi networks that the demo phone knows, in the lists of today and of iOS 13 and before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from deploy.demo.container import PhoneFile
from deploy.demo.minted_database import binary_plist

DOMAIN = "SystemPreferencesDomain"
KNOWN = "com.apple.wifi.known-networks.plist"
OLD = "SystemConfiguration/com.apple.wifi.plist"
PRIVATE = "SystemConfiguration/com.apple.wifi-private-mac-networks.plist"


def access_point(
    bssid: str,
    *,
    at: dt.datetime,
    channel: int = 36,
    place: tuple[float, float] | None = None,
    accuracy: float = 35.0,
) -> dict[str, Any]:
    """Return an access point as the known networks list it; *place* in degrees."""
    point: dict[str, Any] = {
        "BSSID": bssid,
        "Channel": channel,
        "ChannelFlags": 1040 if channel > 14 else 10,
        "LastAssociatedAt": at,
    }
    if place is not None:
        point |= {
            "LocationLatitude": place[0],
            "LocationLongitude": place[1],
            "LocationAccuracy": accuracy,
            "LocationTimestamp": at,
        }
    return point


def known_network(
    name: str,
    *,
    added: dt.datetime,
    joined: dt.datetime | None = None,
    points: Sequence[dict[str, Any]] = (),
    security: str = "WPA2/WPA3 Personal",
    system: dict[str, Any] | None = None,
    portal: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return one network of the list of iOS 15 and later, under its key."""
    entry: dict[str, Any] = {
        "SSID": name.encode(),
        "AddedAt": added,
        "JoinedByUserAt": added,
        "UpdatedAt": joined or added,
        "Hidden": False,
        "Moving": False,
        "CarPlayNetwork": False,
        "SupportedSecurityTypes": security,
        "CaptiveProfile": {"CaptiveNetwork": False} | (portal or {}),
        "BSSList": list(points),
        "__OSSpecific__": {"AP_MODE": 2, "networkUsage": 86400.5} | (system or {}),
    }
    if joined is not None:
        entry["JoinedBySystemAt"] = joined
    return {f"wifi.network.ssid.{name}": entry | more}


def old_network(name: str, bssid: str, **more: Any) -> dict[str, Any]:
    """Return one network of the list of iOS 13 and before."""
    return {"SSID_STR": name, "SSID": name.encode(), "BSSID": bssid} | more


def old_list(networks: Sequence[dict[str, Any]]) -> bytes:
    """Return ``com.apple.wifi.plist`` of iOS 13 and before."""
    return binary_plist({"AllowEnable": 1, "List of known networks": list(networks)})


def scanned_list(networks: Sequence[dict[str, Any]]) -> bytes:
    """Return the list of addresses that the phone shows to networks."""
    return binary_plist({"List of scanned networks with private mac": list(networks)})


def scanned(name: str, bssid: str, address: bytes, **more: Any) -> dict[str, Any]:
    """Return one network of that list."""
    shown = {"PRIVATE_MAC_ADDRESS_IN_USE": address, "PRIVATE_MAC_ADDRESS_VALID": True}
    return {
        "SSID_STR": name,
        "BSSID": bssid,
        "PRIVATE_MAC_ADDRESS": shown,
        "RotationKeyUsed": bytes(range(32)),
    } | more


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the phone's lists of networks."""
    home, lake = (47.3717, 8.5423), (47.2267, 8.8167)
    day = dt.datetime(2024, 8, 3, 17, 40, tzinfo=dt.UTC)
    newest = dt.datetime(2024, 8, 31, 18, 5, tzinfo=dt.UTC) if later else day
    known = known_network(
        "Lindenweg 12",
        added=dt.datetime(2021, 3, 1, 18, tzinfo=dt.UTC),
        joined=newest,
        points=[
            access_point("3c:37:86:a:b0:1", at=newest, place=home),
            access_point("3c:37:86:a:b0:2", at=day, channel=6),
        ],
        system={"BSSID": "3c:37:86:a:b0:1"},
    ) | known_network(
        "Hotel Seeblick Gäste",
        added=dt.datetime(2024, 7, 13, 14, 2, tzinfo=dt.UTC),
        points=[
            access_point(
                "0:1a:2b:3c:4d:5e", at=dt.datetime(2024, 7, 15, 7, 50, tzinfo=dt.UTC), place=lake
            )
        ],
        security="Open",
        portal={"CaptiveNetwork": True, "UserPortalURL": "https://wlan.seeblick.example/login"},
    )
    if later:
        known |= known_network(
            "Jonas\u2019s iPhone",
            added=dt.datetime(2024, 8, 18, 9, 30, tzinfo=dt.UTC),
            points=[
                access_point("ee:1:2:3:4:5", at=dt.datetime(2024, 8, 18, 9, 31, tzinfo=dt.UTC))
            ],
            AddReason="Family",
            Moving=True,
        )
    private = [
        scanned(
            "Lindenweg 12", "3c:37:86:a:b0:1", bytes.fromhex("1a7bf1c6aabc"),
            PresentInKnownNetworks=True, lastJoined=newest,
        )
    ]  # fmt: skip
    return [
        PhoneFile(DOMAIN, KNOWN, binary_plist(known)),
        PhoneFile(DOMAIN, OLD, binary_plist({"AllowEnable": 1, "JoinMode": "Preferred"})),
        PhoneFile(DOMAIN, PRIVATE, scanned_list(private)),
    ]
