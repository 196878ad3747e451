"""The list of calls of a public sample, whose schema was seen on a phone with iOS 18."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.kinds.collected import Collected, parse

SAMPLES = os.environ.get("KEEPSAKE_SAMPLES")
FOLDER = Path(SAMPLES or "/nonexistent") / "ios" / "novkostya+ios-backup-parser"
MAIN = "HomeDomain/Library/CallHistoryDB/CallHistory.storedata"

pytestmark = pytest.mark.skipif(SAMPLES is None, reason="KEEPSAKE_SAMPLES is not set")


def run(folder: Path) -> Collected:
    return parse("call", {MAIN: FOLDER / "calls/testdata/calls.1.CallHistory.storedata"}, folder)


def test_every_call_is_what_the_sample_says_it_is(tmp_path: Path) -> None:
    expected = json.loads((FOLDER / "EXPECTED.json").read_text())["calls"]
    found = run(tmp_path)
    payloads: list[dict[str, Any]] = [found.payload(artifact.key) for artifact in found.artifacts]
    assert len(payloads) == len(expected) == 5
    phone, spam, video, dangling, answered = payloads
    assert expected["1"] == "outgoing answered phone 65.5 s"
    assert (phone["direction"], phone["service"]) == ("outgoing", "phone")
    assert (phone["outcome"], phone["duration_seconds"]) == ("connected", 65.5)
    assert (phone["name"], phone["country_code"]) == ("Alex Fixture", "US")
    assert found.artifacts[0].key == "fixture-uid-1"
    assert expected["2"] == "missed incoming, spam"
    assert (spam["direction"], spam["outcome"], spam["is_read"]) == ("incoming", "missed", False)
    assert spam["junk"] == {"is_junk": True, "confidence": 2, "category": "fixture-spam"}
    assert expected["3"] == "FaceTime video (8), 2 participants via ZHANDLE, ZADDRESS NULL"
    assert (video["service"], video["is_video"], video["is_group"]) == ("facetime", True, True)
    assert [p["handle"] for p in video["participants"]] == ["+15550300", "+15550301"]
    assert expected["4"] == "participant row points to missing ZHANDLE 999"
    assert [p["handle"] for p in dangling["participants"]] == ["+15550166"]
    assert found.tally.notes == {"A call names somebody whom the phone's list lacks.": 1}
    assert expected["5"] == "incoming answered"
    # It lasted no time, which on a phone means that another device took it.
    assert (answered["direction"], answered["is_answered"]) == ("incoming", True)


def test_times_are_to_the_fraction_of_a_second(tmp_path: Path) -> None:
    cocoa = (700000000.5, 700086400.25, 700172800, 700259200, 700345600)
    assert [artifact.occurred_at_us for artifact in run(tmp_path).artifacts] == [
        round((seconds + 978_307_200) * 1_000_000) for seconds in cocoa
    ]
