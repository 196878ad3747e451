"""Accounts, networks, data use, permissions and apps of real phones, compared one by one."""

import datetime as dt
import json
import os
import plistlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.unit.kinds.collected import Collected, parse

SAMPLES = os.environ.get("KEEPSAKE_SAMPLES")
IOS = Path(SAMPLES or "/nonexistent") / "ios"
MVT = IOS / "mvt-project+mvt" / "ios_backup"
ILEAPP = IOS / "abrignoni+iLEAPP"
PLASO = IOS / "log2timeline+plaso" / "ios"

ACCOUNTS = "HomeDomain/Library/Accounts/Accounts3.sqlite"
USAGE = "WirelessDomain/Library/Databases/DataUsage.sqlite"
TCC = "HomeDomain/Library/TCC/TCC.db"
NETWORKS = "SystemPreferencesDomain/"
LISTS = (
    "com.apple.wifi.known-networks.plist",
    "SystemConfiguration/com.apple.wifi.plist",
    "SystemConfiguration/com.apple.wifi-private-mac-networks.plist",
)
_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)

pytestmark = pytest.mark.skipif(SAMPLES is None, reason="KEEPSAKE_SAMPLES is not set")


def rows(store: Path, statement: str, folder: Path) -> list[dict[str, Any]]:
    """What SQLite itself says of a copy, its write-ahead log included."""
    for suffix in ("", "-wal"):
        original = store.with_name(store.name + suffix)
        if original.exists():
            (folder / f"look.db{suffix}").write_bytes(original.read_bytes())
    connection = sqlite3.connect(folder / "look.db")
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(statement)]
    finally:
        connection.close()


def cocoa(value: float | None) -> dt.datetime | None:
    return None if value is None else _COCOA + dt.timedelta(microseconds=round(value * 1e6))


def moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)


def is_near(one: dt.datetime | None, other: dt.datetime | None) -> bool:
    """Whether two moments are one; a sum of floating point seconds may be a microsecond off."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= dt.timedelta(microseconds=1)


def payloads(found: Collected) -> dict[str, dict[str, Any]]:
    return {one.key: found.payload(one.key) for one in found.artifacts}


@pytest.mark.parametrize(
    ("store", "count"),
    [
        (PLASO / "Accounts3.sqlite", 18),
        (ILEAPP / "josh_ios15_ffs/mobile/Library/Accounts/Accounts3.sqlite", 19),
        (ILEAPP / "mvs_ios_2023/mobile/Library/Accounts/Accounts3.sqlite", 16),
    ],
    ids=["ios13", "ios15", "ios16"],
)
def test_every_account_of_a_phone_is_there_with_its_type_and_parent(
    tmp_path: Path, store: Path, count: int
) -> None:
    found = parse("account", {ACCOUNTS: store}, tmp_path)
    expected = rows(
        store,
        "select a.*, t.ZIDENTIFIER as type, t.ZACCOUNTTYPEDESCRIPTION as type_name,"
        " p.ZIDENTIFIER as parent from ZACCOUNT a"
        " left join ZACCOUNTTYPE t on t.Z_PK = a.ZACCOUNTTYPE"
        " left join ZACCOUNT p on p.Z_PK = a.ZPARENTACCOUNT",
        tmp_path,
    )
    actual = payloads(found)
    assert len(expected) == count
    assert {row["ZIDENTIFIER"] for row in expected} == actual.keys()
    for row in expected:
        payload = actual[row["ZIDENTIFIER"]]
        assert payload["type"] == row["type"]
        assert payload.get("type_name") == row["type_name"]
        assert payload.get("username") == (row["ZUSERNAME"] or None)
        assert payload.get("description") == (row["ZACCOUNTDESCRIPTION"] or None)
        assert payload.get("owner_bundle_id") == row["ZOWNINGBUNDLEID"]
        assert payload.get("parent_key") == row["parent"]
        assert payload.get("is_active", False) == bool(row["ZACTIVE"])
        assert payload.get("is_authenticated", False) == bool(row["ZAUTHENTICATED"])
        assert is_near(moment(payload.get("created_at")), cocoa(row["ZDATE"]))
    assert (found.tally.read, found.tally.skipped, found.tally.undecodable) == (count, 0, 0)


def test_the_mail_account_of_a_phone_says_what_it_is_used_for(tmp_path: Path) -> None:
    found = parse("account", {ACCOUNTS: PLASO / "Accounts3.sqlite"}, tmp_path)
    gmail = found.payload("4FD35256-CE13-47FE-9840-EBEB5B9FD9C1")
    assert gmail["services"] == ["Calendars", "Contacts", "Mail"]
    assert gmail["full_name"] == "This Is DFIR"


def test_no_cookie_of_a_phone_is_in_any_account(tmp_path: Path) -> None:
    found = parse("account", {ACCOUNTS: PLASO / "Accounts3.sqlite"}, tmp_path)
    said = repr([(one.text, found.payload(one.key)) for one in found.artifacts]).lower()
    assert "cookie" not in said
    assert "altdsid" not in said
    assert "17193901029" not in said


@pytest.mark.parametrize(
    ("store", "processes", "periods"),
    [
        (MVT / "0d/0d609c54856a9bb2d56729df1d68f2958a88426b", 40, 10),
        (PLASO / "DataUsage.sqlite", 371, 887),
    ],
    ids=["mvt", "plaso"],
)
def test_every_process_has_every_byte_that_the_phone_counted(
    tmp_path: Path, store: Path, processes: int, periods: int
) -> None:
    found = parse("data_usage", {USAGE: store}, tmp_path)
    assert len(found.artifacts) == processes
    actual = payloads(found)
    assert sum(len(one.get("periods", ())) for one in actual.values()) == periods
    expected = rows(
        store,
        "select ZPROCNAME as name, p.ZTIMESTAMP as last, ZFIRSTTIMESTAMP as first, ZBUNDLENAME,"
        " count(l.Z_PK) as periods, total(ZWIFIIN) as win, total(ZWIFIOUT) as wout,"
        " total(ZWWANIN) as mobile_in, total(ZWWANOUT) as mobile_out from ZPROCESS p"
        " left join ZLIVEUSAGE l on l.ZHASPROCESS = p.Z_PK group by p.Z_PK",
        tmp_path,
    )
    assert len(expected) == processes
    for row in expected:
        payload = actual[row["name"]]
        assert len(payload.get("periods", ())) == row["periods"]
        assert payload["wifi_received_bytes"] == row["win"]
        assert payload["wifi_sent_bytes"] == row["wout"]
        assert payload["mobile_received_bytes"] == row["mobile_in"]
        assert payload["mobile_sent_bytes"] == row["mobile_out"]
        assert payload.get("bundle_id") == row["ZBUNDLENAME"]
        assert is_near(moment(payload["last_used_at"]), cocoa(row["last"]))
        assert is_near(moment(payload["first_used_at"]), cocoa(row["first"]))
    assert (found.tally.skipped, found.tally.undecodable) == (0, 0)


def test_every_permission_of_a_phone_is_there(tmp_path: Path) -> None:
    store = MVT / "64/64d0019cb3d46bfc8cce545a8ba54b93e7ea9347"
    found = parse("permission", {TCC: store}, tmp_path)
    expected = rows(store, "select * from access order by last_modified, rowid", tmp_path)
    assert len(expected) == len(found.artifacts) == 11
    for artifact, row in zip(found.artifacts, expected, strict=True):
        payload = found.payload(artifact.key)
        assert artifact.key == f"{row['service']}:{row['client']}"
        assert artifact.occurred_at_us == row["last_modified"] * 1_000_000
        assert (payload["service_raw"], payload["client"]) == (row["service"], row["client"])
        assert (payload["decision"], payload["decision_raw"]) == ("allowed", 2)
        assert payload["reason_raw"] == row["auth_reason"]
        # All of these services have a name of their own.
        assert payload["service"] != row["service"].removeprefix("kTCCService")


def test_the_networks_of_a_phone_are_those_that_another_tool_found(tmp_path: Path) -> None:
    folder = ILEAPP / "mvs_ios_2023" / "preferences"
    found = parse("wifi_network", {f"{NETWORKS}{name}": folder / name for name in LISTS}, tmp_path)
    actual = {one["name"]: one for one in payloads(found).values()}
    listed = expected_rows("appleWifiKnownNetworks.mvs")
    assert actual.keys() == {row["SSID"] for row in listed}
    for row in listed:
        network = actual[row["SSID"]]
        assert network["bssid"] == padded(row["BSSID"])
        assert network["usage_raw"] == row["Network Usage"]
        assert network["is_hidden"] == row["Hidden"]
        assert network["is_captive"] == row["Captive Network"]
        assert network.get("portal_url", "") == row["User Portal URL"]
        assert network.get("add_reason", "") == row["Add Reason"]
    for row in expected_rows("appleWifiKnownNetworksTimes.mvs"):
        network = actual[row["SSID"]]
        for field, name in (
            ("updated_at", "Last Updated"),
            ("joined_by_system_at", "System Joined"),
            ("joined_by_user_at", "User Joined"),
            ("password_changed_at", "WiFi Network Password Modification Date"),
            ("last_discovered_at", "Last Discovered"),
            ("added_at", "Added At"),
            ("portal_visited_at", "Captive Web Sheet Login Date"),
            ("previously_joined_at", "Previous Joined"),
        ):
            assert seconds(network.get(field)) == row[name], (row["SSID"], field)
    for row in expected_rows("appleWifiScannedPrivate.mvs"):
        assert actual[row["SSID"]]["private_address"] == row["MAC Used For Network"]


def test_the_access_points_of_a_phone_are_those_that_another_tool_found(tmp_path: Path) -> None:
    folder = ILEAPP / "mvs_ios_2023" / "preferences"
    found = parse("wifi_network", {f"{NETWORKS}{LISTS[0]}": folder / LISTS[0]}, tmp_path)
    actual = {
        (one["name"], point["bssid"]): point
        for one in payloads(found).values()
        for point in one.get("access_points", ())
    }
    expected = {(row["SSID"], padded(row["BSSID"])): row
                for row in expected_rows("appleWifiBSSList.mvs")}  # fmt: skip
    assert len(expected) == 37
    assert actual.keys() == expected.keys()
    for key, row in expected.items():
        point = actual[key]
        assert point["channel"] == row["Channel"]
        assert point["channel_flags_raw"] == row["Channel Flags"]
        assert seconds(point["last_associated_at"]) == row["Last Associated At"]
        assert point.get("latitude", "") == row["Location Latitude"]
        assert point.get("longitude", "") == row["Location Longitude"]
        assert point.get("accuracy_metres", "") == row["Location Accuracy"]
        assert seconds(point.get("located_at")) == row["Location Timestamp"]


@pytest.mark.parametrize("folder", [PLASO, ILEAPP / "josh_ios15_ffs" / "preferences"])
def test_the_one_network_of_a_phone_has_its_nine_access_points(
    tmp_path: Path, folder: Path
) -> None:
    found = parse("wifi_network", {f"{NETWORKS}{LISTS[0]}": folder / LISTS[0]}, tmp_path)
    (artifact,) = found.artifacts
    assert artifact.title == "Matt_Foley"
    listed = plistlib.loads((folder / LISTS[0]).read_bytes())["wifi.network.ssid.Matt_Foley"]
    points = found.payload(artifact.key)["access_points"]
    assert [point["bssid"] for point in points] == [one["BSSID"] for one in listed["BSSList"]]
    assert artifact.occurred_at_us == 1_684_612_503_073_186


def test_the_apps_of_a_phone_are_those_that_it_lists(tmp_path: Path) -> None:
    found = parse("installed_app", {"/Info.plist": MVT / "Info.plist"}, tmp_path, apps=[])
    listed = plistlib.loads((MVT / "Info.plist").read_bytes())["Installed Applications"]
    assert len(listed) == 6
    assert sorted(listed) == sorted(one.key for one in found.artifacts)


def expected_rows(name: str) -> list[dict[str, Any]]:
    """The rows that iLEAPP's own tests expect, by column."""
    (path,) = (ILEAPP / "expected").glob(f"appleWifiPlist.{name}*.json")
    recorded = json.loads(path.read_text())
    return [dict(zip(recorded["headers"], row, strict=True)) for row in recorded["data"]]


def padded(bssid: str) -> str:
    return ":".join(part.zfill(2) for part in bssid.split(":"))


def seconds(text: str | None) -> int | str:
    """A moment as iLEAPP recorded it: whole seconds, or nothing."""
    at = moment(text)
    return "" if at is None else int(at.timestamp())
