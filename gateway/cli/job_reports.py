"""How a job ended, and per kind what it read, wrote and left out, for a person to read."""

from __future__ import annotations

from typing import Any

from gateway.cli.formats import count, size, together
from gateway.cli.output import print_table, say
from gateway.cli.short_ids import SHOWN


def print_job_report(job: dict[str, Any]) -> None:
    """Print how a job ended, and per kind what it made."""
    error = job["error"]
    say(
        f"Job {job['id']}: {job['state']}."
        + (f" {error['title']} {error.get('detail', '')}" if error else "")
    )
    if job["kind"] == "export":
        print_export_report(job["report"])
        return
    reports = job["report"].get("kinds")
    if not reports:
        return
    names = ("read", "kept", "skipped", "undecodable", "missing_files")
    print_table(
        [
            ("KIND", "left", "whole"),
            ("STATE", "left", "whole"),
            *((name.replace("_", " ").upper(), "right", "whole") for name in names),
        ],
        [
            (
                one.get("kind", "-"),
                one.get("state", "-"),
                *(count(one.get(name)) for name in names),
            )
            for one in reports
        ],
    )
    for note, kinds in together((one.get("note"), one.get("kind", "-")) for one in reports):
        say(f"{', '.join(kinds)}: {note}")


def print_export_report(report: dict[str, Any]) -> None:
    """Print what an export holds, what it does not, and why."""
    kinds, media = report.get("kinds"), report.get("media")
    if not kinds and not media:
        return
    print_table(
        [
            ("KIND", "left", "whole"),
            ("WRITTEN", "right", "whole"),
            ("LEFT OUT", "right", "whole"),
        ],
        [
            (one["kind"], count(one["written"]), count(one["read"] - one["written"]))
            for one in kinds or []
        ],
    )
    # The table says how many of each.
    for reason, of in together(
        (left["reason"], one["kind"]) for one in kinds or [] for left in one["left_out"]
    ):
        say(f"{', '.join(of)}: left out. {reason}")
    if media and (media["written"] or media["left_out"]):
        say(f"Files: {count(media['written'])} written, {size(media['written_bytes'])}.")
        for left in media["left_out"]:
            say(f"Files: {count(left['count'])} left out. {left['reason']}")
    for one in (media or {}).get("locked", []):
        say(
            f"Files: {count(one['files'])} are in the backup {one['backup_id'][:SHOWN]} of"
            f" {one['device']}, which is locked."
        )
    for note in report.get("notes", []):
        say(note)
