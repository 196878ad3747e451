"""What a person reads when a job is over."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli.job_reports import print_job_report


def job(kind: str, report: dict[str, Any]) -> dict[str, Any]:
    return {"id": "0" * 36, "kind": kind, "state": "completed", "error": None, "report": report}


def indexed(kind: str, note: str | None) -> dict[str, Any]:
    return {
        "kind": kind, "state": "absent" if note else "indexed", "read": 1, "kept": 1,
        "skipped": 0, "undecodable": 0, "missing_files": 0, "note": note,
    }  # fmt: skip


def test_what_is_said_of_several_kinds_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    none, locked = "The backup has no store of this kind.", "Encrypted backups only."
    print_job_report(
        job(
            "index",
            {
                "kinds": [
                    indexed("message", none), indexed("call", locked), indexed("note", None),
                    indexed("photo", none),
                ]
            },
        )
    )  # fmt: skip
    said = capsys.readouterr()
    assert said.err.splitlines()[1:] == [f"message, photo: {none}", f"call: {locked}"]
    assert [line.split()[0] for line in said.out.splitlines()] == [
        "KIND", "message", "call", "note", "photo",
    ]  # fmt: skip


def test_an_export_says_once_what_its_format_does_not_hold_and_no_files_that_nobody_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reason = "The format ics does not hold this kind."
    kinds = [
        {"kind": "call", "read": 4, "written": 0, "left_out": [{"reason": reason, "count": 4}]},
        {"kind": "reminder", "read": 3, "written": 3, "left_out": []},
        {"kind": "photo", "read": 2, "written": 0, "left_out": [{"reason": reason, "count": 2}]},
    ]
    media = {"written": 0, "written_bytes": 0, "left_out": []}
    print_job_report(job("export", {"kinds": kinds, "media": media}))
    said = capsys.readouterr()
    assert said.err.splitlines()[1:] == [f"call, photo: left out. {reason}"]
    assert said.out.splitlines()[1].split() == ["call", "0", "4"]
