"""Whether a backup is whole: a judgement over observed facts, without looking at a disk.

Complete means: Status.plist says "finished" (libimobiledevice restores nothing else), the
manifest is there and readable, no ``Snapshot`` folder holds anything, no blob is missing, and
nothing has changed for a while. The phone writes Status.plist last, so a manifest that is hours
younger belongs to a run that broke off.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

State = Literal["complete", "running", "broken_off", "partial", "damaged", "not_a_backup"]

FINISHED = "finished"
#: A run writes the manifest and the status within minutes of each other.
_SAME_RUN = dt.timedelta(hours=2)
_DATES_DIFFER = dt.timedelta(days=1)
_MAX_FILES = 100


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody saw in a folder. Times are UTC; None means not there or not looked at."""

    #: "none" when neither Manifest.db nor Manifest.mbdb is there.
    format: Literal["manifest_db", "mbdb", "none"]
    #: For each property list: there and readable, there but damaged, or absent.
    info: Literal["readable", "damaged", "absent"]
    manifest_plist: Literal["readable", "damaged", "absent"]
    status: Literal["readable", "damaged", "absent"]
    snapshot_state: str | None = None
    #: The manifest is a database, or encrypted with its keys at hand.
    manifest_readable: bool = True
    encrypted: bool = False
    #: A ``Snapshot`` folder that holds anything.
    has_snapshot: bool = False
    now: dt.datetime
    #: The newest modification that was seen anywhere in the folder.
    changed_at: dt.datetime | None = None
    quiet_seconds: float = 60.0
    manifest_changed_at: dt.datetime | None = None
    status_changed_at: dt.datetime | None = None
    #: Dates that the three property lists give for the run.
    info_date: dt.datetime | None = None
    manifest_date: dt.datetime | None = None
    status_date: dt.datetime | None = None
    #: File ids whose blobs are missing, as far as they were looked for, and how many there are.
    missing_files: tuple[str, ...] = ()
    missing_count: int = 0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: a stable code, a sentence, and blobs where they are concerned."""

    code: str
    detail: str
    files: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a backup and everything that speaks against completeness."""

    state: State
    findings: tuple[Finding, ...]


def judge(seen: Observation) -> Verdict:
    """Return the state of the folder that *seen* describes."""
    if seen.format == "none" and seen.manifest_plist == "absent" and seen.status == "absent":
        return Verdict(
            state="not_a_backup",
            findings=(_finding("not_a_backup", "There is no iPhone backup in this folder."),),
        )
    unfinished = _unfinished(seen)
    missing = _missing(seen)
    damaged = _damaged(seen)
    remarks = _remarks(seen)
    quiet = _is_quiet(seen)
    state: State = "complete"
    if not quiet:
        # A file that is being written looks damaged or missing; time will tell.
        state = "running"
        remarks = [_finding("changing", "The folder is still being written."), *remarks]
    elif damaged:
        state = "damaged"
    elif unfinished:
        state = "broken_off"
    elif missing:
        state = "partial"
    return Verdict(state=state, findings=(*damaged, *unfinished, *missing, *remarks))


def _is_quiet(seen: Observation) -> bool:
    if seen.changed_at is None:
        return True
    # A clock that runs ahead must not keep a folder busy for ever.
    age = abs((seen.now - seen.changed_at).total_seconds())
    return age >= seen.quiet_seconds


def _unfinished(seen: Observation) -> list[Finding]:
    found = []
    if seen.has_snapshot:
        found.append(_finding("snapshot", "A run left its unfinished snapshot behind."))
    if seen.status == "readable" and seen.snapshot_state not in {FINISHED, None}:
        found.append(_finding("unfinished", "The last run did not finish."))
    if (
        seen.manifest_changed_at is not None
        and seen.status_changed_at is not None
        and seen.manifest_changed_at - seen.status_changed_at > _SAME_RUN
    ):
        found.append(_finding("manifest_newer", "The manifest is of a run that did not finish."))
    return found


def _missing(seen: Observation) -> list[Finding]:
    found = []
    if seen.format == "none":
        found.append(_finding("manifest_missing", "The manifest is missing."))
    if seen.manifest_plist == "absent":
        found.append(_finding("manifest_plist_missing", "Manifest.plist is missing."))
    if seen.status == "absent":
        found.append(_finding("status_missing", "Status.plist is missing."))
    elif seen.status == "readable" and seen.snapshot_state is None:
        found.append(_finding("status_silent", "Status.plist does not say how the last run ended."))
    if seen.missing_count:
        found.append(
            Finding(
                code="files_missing",
                detail=f"{seen.missing_count} of the backup's files are missing.",
                files=seen.missing_files[:_MAX_FILES],
            )
        )
    return found


def _damaged(seen: Observation) -> list[Finding]:
    found = []
    if seen.manifest_plist == "damaged":
        found.append(_finding("manifest_plist_damaged", "Manifest.plist is damaged."))
    if seen.status == "damaged":
        found.append(_finding("status_damaged", "Status.plist is damaged."))
    if seen.format != "none" and not seen.manifest_readable:
        found.append(_finding("manifest_damaged", "The manifest is damaged."))
    elif seen.encrypted and seen.manifest_plist == "absent":
        found.append(_finding("keys_missing", "The keys of this encrypted backup are lost."))
    return found


def _remarks(seen: Observation) -> list[Finding]:
    """What is odd but takes nothing away: a backup without Info.plist is as readable as any."""
    found = []
    if seen.info != "readable":
        word = "missing" if seen.info == "absent" else "damaged"
        found.append(_finding(f"info_{word}", f"Info.plist is {word}; it only names the device."))
    dates = [
        date for date in (seen.info_date, seen.manifest_date, seen.status_date) if date is not None
    ]
    if dates and max(dates) - min(dates) > _DATES_DIFFER:
        found.append(_finding("dates_differ", "The dates in the backup do not fit each other."))
    return found


def _finding(code: str, detail: str) -> Finding:
    return Finding(code=code, detail=detail)
