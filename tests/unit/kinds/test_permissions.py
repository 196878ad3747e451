"""Permissions: TCC.db of today and of old, and the clients of the location service."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.minted_database import binary_plist, cocoa_seconds
from deploy.demo.permissions import (
    CLIENTS,
    TCC,
    Form,
    PermissionsDatabase,
    demo_files,
    demo_permissions,
    location_client,
)
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

ACCESS, LOCATIONS = f"HomeDomain/{TCC}", f"RootDomain/{CLIENTS}"
AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
WHATSAPP = "net.whatsapp.WhatsApp"
APPS = [
    {"bundle_id": WHATSAPP, "name": "WhatsApp Messenger", "version": "1", "domains": [],
     "file_count": 0}
]  # fmt: skip


def run(
    folder: Path, database: PermissionsDatabase | bytes | None = None, clients: Any = None
) -> Collected:
    files: dict[str, bytes | Path] = {}
    if database is not None:
        files[ACCESS] = database if isinstance(database, bytes) else database.to_bytes()
    if clients is not None:
        files[LOCATIONS] = clients if isinstance(clients, bytes) else binary_plist(clients)
    return parse("permission", files, folder, apps=APPS)


def demo(folder: Path, *, later: bool) -> Collected:
    files: dict[str, bytes | Path] = {
        f"{file.domain}/{file.relative_path}": file.content for file in demo_files(later=later)
    }
    return parse("permission", files, folder, apps=APPS)


def test_a_permission_is_told_in_words(tmp_path: Path) -> None:
    found = demo(tmp_path, later=True)
    key = f"kTCCServicePhotos:{WHATSAPP}"
    assert found.payload(key) == {
        "service": "Photos",
        "decision": "limited",
        "client": WHATSAPP,
        "app_name": "WhatsApp Messenger",
        "bundle_id": WHATSAPP,
        "service_raw": "kTCCServicePhotos",
        "decision_raw": 3,
        "reason": "the person set it in Settings",
        "reason_raw": 3,
        "changed_at": "2024-08-21T20:15:00Z",
    }
    artifact = found.find(key)
    assert artifact.title == "WhatsApp Messenger: Photos"
    assert artifact.occurred_at_us == 1_724_271_300_000_000
    assert "Limited" in (artifact.text or "").split("\n")


def test_what_the_phone_took_back_is_still_told(tmp_path: Path) -> None:
    found = demo(tmp_path, later=True)
    taken = found.payload("expired:kTCCServiceMicrophone:org.example.timetable")
    assert (taken["decision"], taken["is_expired"]) == ("denied", True)
    assert taken["expired_at"] == "2024-08-21T20:15:00Z"


def test_location_is_one_of_the_permissions(tmp_path: Path) -> None:
    found = demo(tmp_path, later=True)
    assert found.payload("location:org.example.timetable") == {
        "service": "Location",
        "decision": "always",
        "client": "org.example.timetable",
        "bundle_id": "org.example.timetable",
        "decision_raw": 4,
        "last_used_at": "2024-08-31T08:12:00Z",
        "offers": ["denied", "while_using", "always"],
    }
    assert found.payload(f"location:{WHATSAPP}")["decision"] == "denied"
    system = next(one for one in found.artifacts if "AppleWatchFaces" in one.key)
    payload = found.payload(system.key)
    assert payload["decision"] == "not_asked"
    assert payload["is_system_service"] is True
    assert payload["app_name"] == "AppleWatchFaces"
    assert payload["last_watched_area_at"] == "2024-08-31T08:12:00Z"


def test_permissions_of_apps_come_in_the_order_of_time(tmp_path: Path) -> None:
    found = run(tmp_path, demo_permissions(later=False))
    times = [one.occurred_at_us or 0 for one in found.artifacts]
    assert times == sorted(times)
    assert len(times) == 5


@pytest.mark.parametrize(
    ("value", "decision"),
    [(0, "denied"), (1, "unknown"), (2, "allowed"), (3, "limited"), (4, "add_only"),
     (5, "unknown"), (-1, "unknown"), ("x", "unknown")],
)  # fmt: skip
def test_every_decision_has_its_word_and_unknown_ones_their_number(
    tmp_path: Path, value: Any, decision: str
) -> None:
    database = PermissionsDatabase()
    database.grant("Camera", WHATSAPP, value, at=AT)
    payload = run(tmp_path, database).payload(f"kTCCServiceCamera:{WHATSAPP}")
    assert payload["decision"] == decision
    assert payload.get("decision_raw") == (value if isinstance(value, int) else None)


@pytest.mark.parametrize("form", ["ios9", "ios13"])
def test_the_columns_of_ios_13_and_before_are_read(tmp_path: Path, form: Form) -> None:
    database = PermissionsDatabase(form)
    database.grant("Photos", WHATSAPP, 1, at=AT)
    database.grant("Camera", WHATSAPP, 0, at=AT)
    found = run(tmp_path, database)
    allowed = found.payload(f"kTCCServicePhotos:{WHATSAPP}")
    assert (allowed["decision"], allowed["decision_raw"], allowed["prompt_count"]) == (
        "allowed", 1, 1,
    )  # fmt: skip
    assert found.payload(f"kTCCServiceCamera:{WHATSAPP}")["decision"] == "denied"
    assert allowed.get("changed_at") == ("2024-05-01T12:00:00Z" if form == "ios13" else None)
    assert found.tally.sentences() == ""


def test_a_service_that_nobody_knows_keeps_its_name(tmp_path: Path) -> None:
    database = PermissionsDatabase()
    database.grant("Telepathy", WHATSAPP, 2, at=AT, reason=99)
    payload = run(tmp_path, database).payload(f"kTCCServiceTelepathy:{WHATSAPP}")
    assert payload["service"] == "Telepathy"
    assert payload["reason_raw"] == 99
    assert "reason" not in payload


def test_a_client_may_be_a_program_and_a_permission_may_have_a_target(tmp_path: Path) -> None:
    database = PermissionsDatabase()
    database.grant("Camera", "/usr/libexec/thing", 2, at=AT, client_type=1)
    database.grant("AppleEvents", "a.b", 2, at=AT, indirect_object_identifier="c.d")
    database.grant("AppleEvents", "a.b", 0, at=AT, indirect_object_identifier="e.f")
    found = run(tmp_path, database)
    assert found.payload("kTCCServiceCamera:path:/usr/libexec/thing")["path"] == (
        "/usr/libexec/thing"
    )
    assert found.payload("kTCCServiceAppleEvents:a.b:e.f")["target"] == "e.f"
    assert len(found.artifacts) == 3


@pytest.mark.parametrize(
    ("key", "entry", "client", "decision"),
    [
        ("a.b", {"Authorized": True}, "a.b", "always"),
        ("a.b", {"Authorized": False}, "a.b", "denied"),
        ("a.b", {"Authorization": 2}, "a.b", "while_using"),
        ("a.b", {"Authorization": 3}, "a.b", "unknown"),
        ("ia.b:", {"Authorization": 4}, "a.b", "always"),
        ("ia.b:", {"Authorization": 4, "BundleId": "a.b"}, "a.b", "always"),
        ("p/System/X.bundle:", {}, "/System/X.bundle", "not_asked"),
        ("com.apple.locationd.executable-/usr/bin/x", {}, "/usr/bin/x", "not_asked"),
        ("a.b", {"BundleId": 7, "BundlePath": []}, "a.b", "not_asked"),
    ],
)
def test_clients_of_location_are_known_in_every_form(
    tmp_path: Path, key: str, entry: dict[str, Any], client: str, decision: str
) -> None:
    found = run(tmp_path, clients={key: entry})
    payload = found.payload(f"location:{client}")
    assert payload["client"] == client
    assert payload["decision"] == decision


def test_the_latest_use_of_location_counts_and_the_background_is_told(tmp_path: Path) -> None:
    client = location_client(
        4, stopped=AT, SignificantTimeStopped=cocoa_seconds(AT + dt.timedelta(hours=2)),
        FenceTimeStopped=0, BeaconRegionTimeStopped="never", CorrectiveCompensationEnabled=2,
    )  # fmt: skip
    payload = run(tmp_path, clients={"a.b": client}).payload("location:a.b")
    assert payload["last_used_at"] == "2024-05-01T14:00:00Z"
    assert payload["last_used_in_background_at"] == "2024-05-01T14:00:00Z"
    assert "last_watched_area_at" not in payload
    assert payload["precision_raw"] == 2


def test_one_of_the_two_stores_is_enough(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    assert run(tmp_path / "1", demo_permissions(later=False)).tally.sentences() == ""
    found = run(tmp_path / "2", b"garbage" * 600, {"a.b": location_client(2)})
    assert len(found.artifacts) == 1
    assert found.tally.sentences() == "One of several lists of permissions could not be read."


def test_when_neither_can_be_read_the_kind_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStoreError, match="damaged"):
        run(tmp_path, b"garbage" * 600, b"bplist00")
    database = PermissionsDatabase()
    database.execute("drop table access")
    with pytest.raises(UnsupportedStoreError, match="no table of permissions"):
        run(tmp_path, database)


def test_rows_of_odd_types_cost_themselves(tmp_path: Path) -> None:
    database = PermissionsDatabase()
    database.grant("Camera", "a.b", 2, at=AT)
    database.grant("Camera", "", 2, at=AT)
    database.grant("Camera", "c.d", 2, client_type="odd", last_modified="yesterday")
    found = run(tmp_path, database, {"odd": 7, "": {}, "\0": {}, "e.f": {"Authorization": "x"}})
    assert [one.key for one in found.artifacts] == [
        "kTCCServiceCamera:a.b", "kTCCServiceCamera:c.d", "location:e.f",
    ]  # fmt: skip
    assert (found.tally.skipped, found.tally.undecodable) == (2, 0)
    assert found.tally.sentences() == "A record has no identity of its own. (2 times)"


def test_a_client_of_any_length_keeps_a_key(tmp_path: Path) -> None:
    database = PermissionsDatabase()
    database.grant("Camera", "x" * 5000, 2, at=AT)
    database.grant("Camera", "y" * 5000, 2, at=AT)
    keys = {one.key for one in run(tmp_path, database).artifacts}
    assert len(keys) == 2
    assert all(key.startswith("digest:") for key in keys)
