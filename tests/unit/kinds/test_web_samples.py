"""Stores of real phones, and of others' tests of readers like ours."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.kinds.collected import Collected, parse

SAMPLES = os.environ.get("KEEPSAKE_SAMPLES")
IOS = Path(SAMPLES or "/nonexistent") / "ios"
SAFARI = IOS / "novkostya+ios-backup-parser/safari/testdata"
EXPECTED = IOS / "novkostya+ios-backup-parser/EXPECTED.json"
MVT = IOS / "mvt-project+mvt/ios_backup"
HOME = "HomeDomain/Library/Safari"

pytestmark = pytest.mark.skipif(SAMPLES is None, reason="KEEPSAKE_SAMPLES is not set")


def payloads(found: Collected) -> list[dict[str, Any]]:
    return [found.payload(artifact.key) for artifact in found.artifacts]


def seconds(at_us: int | None) -> float | None:
    return None if at_us is None else at_us / 1e6


def test_bookmarks_of_ios_18_are_as_expected(tmp_path: Path) -> None:
    expected = json.loads(EXPECTED.read_text())["safari"]
    assert expected["bookmarks_last_modified"] == "UNIX seconds"
    found = parse("bookmark", {f"{HOME}/Bookmarks.db": SAFARI / "safari.1.Bookmarks.db"}, tmp_path)
    told = {artifact.key: found.payload(artifact.key) for artifact in found.artifacts}
    assert {key: (one["type"], one.get("is_read")) for key, one in told.items()} == {
        "uuid-4": ("bookmark", None),
        "uuid-5": ("bookmark", None),
        "uuid-6": ("reading_list", False),
        "uuid-7": ("reading_list", True),
        "uuid-8": ("bookmark", None),
    }
    listed = [int(key.removeprefix("uuid-")) for key in told if "is_read" in told[key]]
    assert sorted(listed) == expected["reading_list"]
    assert {key: seconds(found.find(key).occurred_at_us) for key in told} == {
        "uuid-4": 1_600_000_000.5,
        "uuid-5": 1_610_000_000.25,
        "uuid-6": 1_566_302_073.5,
        "uuid-7": 1_566_388_888.75,
        "uuid-8": None,  # the date is text
    }
    assert told["uuid-5"]["folders"] == ["Favorites", "Dev"]
    assert (found.tally.kept, found.tally.undecodable) == (5, 0)


def test_visits_of_ios_18_are_as_expected(tmp_path: Path) -> None:
    expected = json.loads(EXPECTED.read_text())["safari"]
    assert (expected["history_visit_time"], expected["redirect"]) == (
        "Cocoa seconds",
        "visit 1 -> 2",
    )
    found = parse("web_visit", {f"{HOME}/History.db": SAFARI / "safari.1.History.db"}, tmp_path)
    a, b = "https://example.invalid/a", "https://example.invalid/b"
    told = [
        (artifact.title, seconds(artifact.occurred_at_us), payload["url"])
        for artifact, payload in zip(found.artifacts, payloads(found), strict=True)
    ]
    assert told == [
        ("Corrupt", None, b),
        ("Visit A1", 1_678_307_200.5, a),
        ("Visit A2", 1_678_310_800.5, a),
        ("Visit B1", 1_678_314_400.0, b),
    ]
    _, first, second, third = payloads(found)
    assert (first["redirected_to"], second["redirected_from"]) == (a, a)
    assert "redirected_from" not in third


def test_the_tab_of_an_iphone_with_ios_14_is_as_expected(tmp_path: Path) -> None:
    store = MVT / "3a/3a47b0981ed7c10f3e2800aa66bac96a3b5db28e"
    found = parse("open_tab", {f"{HOME}/BrowserState.db": store}, tmp_path)
    (artifact,) = found.artifacts
    assert (artifact.key, artifact.title) == (
        "tab:50EA13F9-44D1-4B88-A418-070808FF48E1",
        "NSO is bad",
    )
    assert found.payload(artifact.key) == {
        "type": "open",
        "url": "https://en.wikipedia.org/wiki/NSO_Group",
        "host": "en.wikipedia.org",
        "window": "F94D334B-619D-4B26-A266-8C55C17831D5",
        "position": 0,
        "is_active": True,
        "viewed_at": "2021-09-29T08:56:46.156382Z",
    }


def test_the_interactions_of_an_iphone_with_ios_14_are_as_expected(tmp_path: Path) -> None:
    store = MVT / "1f/1f5a521220a3ad80ebfdc196978df8e7a2e49dee"
    name = "HomeDomain/Library/CoreDuet/People/interactionC.db"
    found = parse("interaction", {name: store}, tmp_path)
    told = [
        (
            payload["app"],
            payload["direction"],
            payload.get("sender", {}).get("handle"),
            [one["handle"] for one in payload.get("recipients", [])],
            payload["started_at"],
        )
        for payload in payloads(found)
        if payload["type"] == "interaction"
    ]
    start = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    at = [
        (start + dt.timedelta(seconds=one)).isoformat().replace("+00:00", "Z")
        for one in (779_000_000, 779_100_000, 779_200_000)
    ]
    whatsapp = "net.whatsapp.WhatsApp"
    assert told == [
        (whatsapp, "incoming", "100000000000001@lid", [], at[0]),
        (whatsapp, "outgoing", None, ["+14155550100"], at[1]),
        ("com.apple.MobileSMS", "incoming", "+14155550101", [], at[2]),
    ]
    totals = found.payload("person:+14155550101")["totals"]
    assert totals == {
        "first_received_at": "2025-09-03T13:46:40Z",
        "last_received_at": "2025-09-10T12:26:40Z",
    }
