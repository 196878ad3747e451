from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.ios_backup.completeness import Observation, judge

NOW = dt.datetime(2024, 9, 1, 12, 0, tzinfo=dt.UTC)
OLD = NOW - dt.timedelta(days=1)
WHOLE = {
    "format": "manifest_db",
    "info": "readable",
    "manifest_plist": "readable",
    "status": "readable",
    "snapshot_state": "finished",
    "now": NOW,
    "changed_at": OLD,
    "manifest_changed_at": OLD,
    "status_changed_at": OLD,
}
HOUR = dt.timedelta(hours=1)
CASES = [
    ({}, "complete", []),
    ({"info": "absent"}, "complete", ["info_missing"]),
    ({"manifest_changed_at": OLD + HOUR}, "complete", []),
    ({"info_date": OLD, "status_date": OLD - 48 * HOUR}, "complete", ["dates_differ"]),
    ({"changed_at": NOW}, "running", ["changing"]),
    ({"changed_at": NOW + HOUR}, "complete", []),
    (
        {"changed_at": NOW, "snapshot_state": "uploading"},
        "running",
        ["unfinished", "changing"],
    ),
    (
        {"changed_at": NOW, "manifest_readable": False},
        "running",
        ["manifest_damaged", "changing"],
    ),
    ({"changed_at": NOW, "status": "absent"}, "running", ["status_missing", "changing"]),
    ({"snapshot_state": "uploading"}, "broken_off", ["unfinished"]),
    ({"has_snapshot": True}, "broken_off", ["snapshot"]),
    ({"manifest_changed_at": OLD + 3 * HOUR}, "broken_off", ["manifest_newer"]),
    ({"status": "absent"}, "partial", ["status_missing"]),
    ({"snapshot_state": None}, "partial", ["status_silent"]),
    ({"manifest_plist": "absent"}, "partial", ["manifest_plist_missing"]),
    ({"format": "none"}, "partial", ["manifest_missing"]),
    ({"missing_count": 3, "missing_files": ("a", "b", "c")}, "partial", ["files_missing"]),
    (
        {"manifest_plist": "absent", "encrypted": True},
        "damaged",
        ["keys_missing", "manifest_plist_missing"],
    ),
    ({"manifest_plist": "damaged"}, "damaged", ["manifest_plist_damaged"]),
    ({"manifest_readable": False}, "damaged", ["manifest_damaged"]),
    ({"status": "damaged"}, "damaged", ["status_damaged"]),
    (
        {"format": "none", "manifest_plist": "absent", "status": "absent"},
        "not_a_backup",
        ["not_a_backup"],
    ),
]


@pytest.mark.parametrize(("seen", "state", "codes"), CASES)
def test_the_state_follows_from_what_was_seen(
    seen: dict[str, Any], state: str, codes: list[str]
) -> None:
    verdict = judge(Observation(**{**WHOLE, **seen}))
    assert (verdict.state, [finding.code for finding in verdict.findings]) == (state, codes)


def test_at_most_a_hundred_missing_files_are_named() -> None:
    seen = {"missing_count": 500, "missing_files": tuple(str(n) for n in range(500))}
    (finding,) = judge(Observation(**{**WHOLE, **seen})).findings
    assert len(finding.files) == 100
    assert "500" in finding.detail
