"""Wi-Fi networks: the lists of today and of old, merged, whole and damaged."""

import datetime as dt
import plistlib
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.minted_database import binary_plist
from deploy.demo.wifi_networks import (
    DOMAIN,
    KNOWN,
    OLD,
    PRIVATE,
    access_point,
    demo_files,
    known_network,
    old_list,
    old_network,
    scanned,
    scanned_list,
)
from services.indexer.kinds import PARSERS
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

AT = dt.datetime(2024, 5, 1, 12, 30, 15, 250_000, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
HOME = "wifi.network.ssid.Lindenweg 12"


def run(folder: Path, **lists: bytes) -> Collected:
    paths = {"known": KNOWN, "old": OLD, "private": PRIVATE}
    files: dict[str, bytes | Path] = {
        f"{DOMAIN}/{paths[name]}": content for name, content in lists.items()
    }
    return parse("wifi_network", files, folder)


def demo(folder: Path, *, later: bool = False) -> Collected:
    files: dict[str, bytes | Path] = {
        f"{file.domain}/{file.relative_path}": file.content for file in demo_files(later=later)
    }
    return parse("wifi_network", files, folder)


def test_a_network_has_its_times_and_its_access_points_with_their_places(tmp_path: Path) -> None:
    found = demo(tmp_path)
    assert found.payload(HOME) == {
        "name": "Lindenweg 12",
        "bssid": "3c:37:86:0a:b0:01",
        "security": "WPA2/WPA3 Personal",
        "is_hidden": False,
        "is_captive": False,
        "is_carplay": False,
        "is_moving": False,
        "added_at": "2021-03-01T18:00:00Z",
        "joined_by_user_at": "2021-03-01T18:00:00Z",
        "joined_by_system_at": "2024-08-03T17:40:00Z",
        "last_joined_at": "2024-08-03T17:40:00Z",
        "updated_at": "2024-08-03T17:40:00Z",
        "usage_raw": 86400.5,
        "private_address": "1a:7b:f1:c6:aa:bc",
        "latitude": 47.3717,
        "longitude": 8.5423,
        "accuracy_metres": 35.0,
        "access_points": [
            {
                "bssid": "3c:37:86:0a:b0:01",
                "channel": 36,
                "channel_flags_raw": 1040,
                "last_associated_at": "2024-08-03T17:40:00Z",
                "latitude": 47.3717,
                "longitude": 8.5423,
                "accuracy_metres": 35.0,
                "located_at": "2024-08-03T17:40:00Z",
            },
            {
                "bssid": "3c:37:86:0a:b0:02",
                "channel": 6,
                "channel_flags_raw": 10,
                "last_associated_at": "2024-08-03T17:40:00Z",
            },
        ],
    }
    artifact = found.find(HOME)
    assert artifact.title == "Lindenweg 12"
    assert artifact.occurred_at_us == 1_722_706_800_000_000
    assert "3c:37:86:0a:b0:02" in (artifact.text or "").split("\n")


def test_a_hotel_has_its_page_and_networks_come_in_the_order_of_time(tmp_path: Path) -> None:
    found = demo(tmp_path)
    assert [one.title for one in found.artifacts] == ["Hotel Seeblick Gäste", "Lindenweg 12"]
    hotel = found.artifacts[0]
    payload = found.payload(hotel.key)
    assert payload["is_captive"] is True
    assert payload["portal_url"] == "https://wlan.seeblick.example/login"
    assert hotel.has_link


def test_four_weeks_later_there_is_one_more(tmp_path: Path) -> None:
    found = demo(tmp_path, later=True)
    phone = found.payload("wifi.network.ssid.Jonas\u2019s iPhone")
    assert phone["is_moving"]
    assert phone["add_reason"] == "Family"
    assert len(found.artifacts) == 3


def test_secrets_of_the_lists_are_nowhere(tmp_path: Path) -> None:
    network = known_network(
        "Secret", added=AT, system={"Password": "hunter2-in-clear", "BSSID": "1:2:3:4:5:6"},
        Password="hunter2-in-clear", EnterpriseProfile={"UserPassword": "hunter2-in-clear"},
    )  # fmt: skip
    private = scanned("Secret", "1:2:3:4:5:6", bytes(6), Password="hunter2-in-clear")
    found = run(tmp_path, known=binary_plist(network), private=scanned_list([private]))
    (artifact,) = found.artifacts
    said = repr(found.payload(artifact.key)) + repr(artifact.text)
    assert "hunter2" not in said
    # Nor the secret from which the addresses are made.
    assert bytes(range(32)).hex() not in said


def test_the_list_of_ios_13_and_before_is_read(tmp_path: Path) -> None:
    listed = old_list(
        [
            old_network(
                "Kaffeehaus",
                "0:1f:33:A:b:c",
                lastJoined=AT,
                lastAutoJoined=AT + HOUR,
                addedAt=AT - HOUR,
                HIDDEN_NETWORK=True,
                CHANNEL=11,
                CHANNEL_FLAGS=10,
                CaptiveNetwork=True,
                networkUsage=12.5,
                enabled=True,
                SecurityMode="WPA2 Personal",
                **{
                    "80211D_IE": {"IE_KEY_80211D_COUNTRY_CODE": "AT"},
                    "WPS_PROB_RESP_IE": {
                        "IE_KEY_WPS_DEV_NAME": "Router",
                        "IE_KEY_WPS_MANUFACTURER": "Maker",
                        "IE_KEY_WPS_MODEL_NAME": "R7000",
                        "IE_KEY_WPS_SERIAL_NUM": "123",
                    },
                },
            )
        ]
    )
    found = run(tmp_path, old=listed)
    assert found.payload("wifi.network.ssid.Kaffeehaus") == {
        "name": "Kaffeehaus",
        "bssid": "00:1f:33:0a:0b:0c",
        "security": "WPA2 Personal",
        "is_hidden": True,
        "is_captive": True,
        "is_enabled": True,
        "added_at": "2024-05-01T11:30:15.250000Z",
        "joined_by_user_at": "2024-05-01T12:30:15.250000Z",
        "joined_by_system_at": "2024-05-01T13:30:15.250000Z",
        "last_joined_at": "2024-05-01T13:30:15.250000Z",
        "usage_raw": 12.5,
        "country_code": "AT",
        "router_name": "Router",
        "router_manufacturer": "Maker",
        "router_model": "R7000",
        "router_serial_number": "123",
        "access_points": [
            {
                "bssid": "00:1f:33:0a:0b:0c",
                "channel": 11,
                "channel_flags_raw": 10,
                "last_associated_at": "2024-05-01T13:30:15.250000Z",
            }
        ],
    }


def test_what_several_lists_say_of_one_network_is_one_network(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        known=binary_plist(known_network("Home", added=AT, security="WPA3 Personal")),
        old=old_list(
            [old_network("Home", "1:1:1:1:1:1", SecurityMode="WEP", lastJoined=AT + HOUR)]
        ),
    )
    (artifact,) = found.artifacts
    payload = found.payload(artifact.key)
    assert payload["security"] == "WPA3 Personal"
    assert payload["last_joined_at"] == "2024-05-01T13:30:15.250000Z"
    assert [point["bssid"] for point in payload["access_points"]] == ["01:01:01:01:01:01"]


def test_a_network_that_was_only_seen_is_not_a_known_one(tmp_path: Path) -> None:
    seen = [scanned("Seen", "1:1:1:1:1:1", bytes(6)), scanned("Home", "2:2:2:2:2:2", bytes(6))]
    found = run(
        tmp_path,
        known=binary_plist(known_network("Home", added=AT)),
        private=scanned_list(seen),
    )
    assert found.payload("wifi.network.ssid.Seen")["is_known"] is False
    assert "is_known" not in found.payload("wifi.network.ssid.Home")


def test_a_name_that_is_no_utf_8_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    network = known_network("Caf", added=AT)
    network["wifi.network.ssid.Caf"]["SSID"] = b"Caf\xe9"
    found = run(tmp_path, known=binary_plist(network))
    assert found.artifacts[0].title == "Caf\ufffd"


def test_hotspots_of_companies_have_their_domain_for_a_name(tmp_path: Path) -> None:
    network = {
        "wifi.network.hs.wlan.example.org": {"DomainName": "wlan.example.org", "AddedAt": AT}
    }
    found = run(tmp_path, known=binary_plist(network))
    assert found.artifacts[0].title == "wlan.example.org"


def test_settings_alone_hold_no_network(tmp_path: Path) -> None:
    found = run(tmp_path, old=binary_plist({"AllowEnable": 1}))
    assert found.artifacts == []
    assert found.tally.sentences() == (
        "No networks are listed; phones put most into encrypted backups only."
    )


def test_a_damaged_list_costs_that_list(tmp_path: Path) -> None:
    known = binary_plist(known_network("Home", added=AT))
    found = run(tmp_path, known=known, private=b"bplist00")
    assert len(found.artifacts) == 1
    assert found.tally.sentences() == "One of several lists of networks could not be read."


def test_when_no_list_can_be_read_the_kind_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStoreError, match="not a property list"):
        run(tmp_path, known=b"bplist00", old=plistlib.dumps(["a list"]))


def test_phones_keep_networks_in_encrypted_backups_only() -> None:
    assert PARSERS["wifi_network"].encrypted_only


@pytest.mark.parametrize(
    "entry",
    [
        {"BSSList": "x", "CaptiveProfile": 7, "__OSSpecific__": []},
        {"BSSList": [7, {}, {"BSSID": "no address"}, {"BSSID": 5}]},
        {"AddedAt": "yesterday", "JoinedByUserAt": True, "SSID": 5, "Hidden": "no"},
        {"AddedAt": dt.datetime(1, 1, 1, tzinfo=dt.UTC), "UpdatedAt": 1e300},
        {"SSID": b"x" * 5000, "SupportedSecurityTypes": "y" * 5000},
    ],
)
def test_an_entry_of_odd_types_costs_those_fields(tmp_path: Path, entry: dict[str, Any]) -> None:
    found = run(tmp_path, known=binary_plist({"wifi.network.ssid.Odd": entry}))
    assert [one.title for one in found.artifacts] == ["Odd"]
    payload = found.payload("wifi.network.ssid.Odd")
    assert not {"added_at", "access_points", "bssid", "is_hidden"} & payload.keys()


def test_places_that_are_none_are_left_out(tmp_path: Path) -> None:
    points = [
        access_point("1:1:1:1:1:1", at=AT, place=(0, 0)),
        access_point("2:2:2:2:2:2", at=AT, place=(91, 0)),
        access_point("1:1:1:1:1:1", at=AT, place=(5, 5)),
    ]
    found = run(tmp_path, known=binary_plist(known_network("Home", added=AT, points=points)))
    payload = found.payload("wifi.network.ssid.Home")
    assert len(payload["access_points"]) == 2
    assert "latitude" not in payload


def test_thousands_of_access_points_are_a_forgery(tmp_path: Path) -> None:
    points = [access_point(f"1:1:1:1:{n >> 8:x}:{n & 255:x}", at=AT) for n in range(2100)]
    found = run(tmp_path, known=binary_plist(known_network("Home", added=AT, points=points)))
    assert len(found.payload("wifi.network.ssid.Home")["access_points"]) == 2000
    assert found.tally.sentences() == "A record claims to have more parts than any has."


def test_entries_without_a_name_are_counted(tmp_path: Path) -> None:
    listed = old_list([{"BSSID": "1:1:1:1:1:1"}, old_network("Home", "2:2:2:2:2:2")])
    found = run(tmp_path, old=listed)
    assert len(found.artifacts) == 1
    assert (found.tally.read, found.tally.skipped) == (2, 1)
    assert found.tally.sentences() == "A record has no identity of its own."
