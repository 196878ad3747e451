"""Turn an examination into the record to be kept and the events to be published. Pure."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from msgspec import Struct, structs

from services.discovery.examination import Examined
from services.discovery.folders import Folder
from services.discovery.inspection import findings
from services.discovery.lifecycle import Announced, Announcement, Clock, announcements
from services.discovery.records import Record
from shared.contracts.discovery import BackupProblem, BackupState
from shared.contracts.events import (
    BackupChanged,
    BackupDiscovered,
    BackupIncomplete,
    BackupRemoved,
    Event,
)
from shared.contracts.identifiers import BackupId, Udid


class Decision(Struct, frozen=True, kw_only=True):
    """A record to be written and what is published with it, in one transaction."""

    record: Record
    events: list[Event]
    #: Nobody was told of the backup before, or it comes back after it was removed.
    is_new: bool
    is_changed: bool
    is_moved: bool = False


def decide(
    folder: Folder, known: Record | None, examined: Examined, *, new_id: UUID, clock: Clock
) -> Decision:
    """Say what becomes of the backup in *folder*. ``known`` may have lain elsewhere until now."""
    is_new = known is None or known.state == "removed"
    record = _examined_record(folder, known, examined, new_id=new_id, now=clock.now)
    due, announced = announcements(
        announced=Announced() if known is None or is_new else known.announced,
        state=record.state,
        revision=record.revision,
        is_new=is_new,
        changed_at=record.changed_at,
        clock=clock,
    )
    is_settled = record.state != "running" and clock.is_quiet_since(record.changed_at)
    record = structs.replace(record, announced=announced, is_settled=is_settled)
    return Decision(
        record=record,
        events=[_event(announcement, record) for announcement in due],
        is_new=is_new,
        is_changed=known is None or _shown(known) != _shown(record),
        is_moved=known is not None and not is_new and known.path != record.path,
    )


def decide_same(known: Record, folder: Folder) -> Decision:
    """Nothing was written; but a mount may have another number, or another root lead there now."""
    record = structs.replace(
        known,
        file_system=folder.file_system,
        root=folder.root,
        shown_path=_text_of(folder.shown_path),
    )
    return Decision(record=record, events=[], is_new=False, is_changed=False)


def decide_removed(known: Record) -> Decision:
    """The folder is gone from disk."""
    record = structs.replace(
        known, state="removed", problems=[], is_settled=True, announced=Announced()
    )
    event = BackupRemoved(backup_id=BackupId(str(known.id)), udid=_udid(known))
    return Decision(record=record, events=[event], is_new=False, is_changed=True)


def decide_unreachable(known: Record) -> Decision:
    """The folder may be there, but nobody can look: everything stays as it was known."""
    record = structs.replace(known, is_reachable=False)
    return Decision(record=record, events=[], is_new=False, is_changed=known.is_reachable)


def forgotten(known: Record) -> BackupRemoved:
    """Return the event of a backup that a person asked to forget."""
    return BackupRemoved(backup_id=BackupId(str(known.id)), udid=_udid(known), forgotten=True)


def _examined_record(
    folder: Folder, known: Record | None, examined: Examined, *, new_id: UUID, now: dt.datetime
) -> Record:
    plists, judgement = examined.plists, examined.judgement
    state: BackupState
    problems: list[BackupProblem]
    missing_files: int | None = None
    revision = None if known is None else known.revision
    judged = (None, None) if known is None else (known.judged_run, known.judged_blobs)
    manifest = None if known is None else known.manifest
    if judgement is not None:
        state, problems = judgement.state, judgement.problems
        missing_files = judgement.missing_files
        # Without one of its own, the last completed run is still the one that was known.
        revision = judgement.revision or revision
        judged = (examined.marks.run, examined.marks.blobs)
        manifest = judgement.manifest
    elif examined.is_known and known is not None:
        state, problems, missing_files = known.state, known.problems, known.missing_files
    elif examined.phase == "broken_off":
        state = "broken_off"
        problems = findings(plists, has_snapshot=examined.marks.has_snapshot)
    else:
        state, problems = "running", []
    # While a run rewrites the plists, what was read from the whole ones is the better knowledge.
    is_trusted = known is None or state != "running"
    described = plists if is_trusted or known is None else known
    return Record(
        id=new_id if known is None else known.id,
        path=folder.path,
        shown_path=_text_of(folder.shown_path),
        root=folder.root,
        file_system=folder.file_system,
        is_reachable=True,
        udid=described.udid or (None if known is None else known.udid),
        facts=described.facts,
        state=state,
        problems=problems,
        missing_files=missing_files,
        encrypted=described.encrypted,
        format=described.format,
        last_backup_at=described.last_backup_at,
        revision=revision,
        first_seen_at=now if known is None else known.first_seen_at,
        run_marks=examined.marks.run,
        blob_marks=examined.marks.blobs,
        changed_at=examined.changed_at,
        judged_run=judged[0],
        judged_blobs=judged[1],
        manifest=manifest,
        announced=Announced(),
        is_settled=False,
    )


def _text_of(path: bytes) -> str:
    return path.decode("utf-8", "replace")


def _shown(record: Record) -> tuple[object, ...]:
    """What a person would notice a change of."""
    return (
        record.state,
        record.revision,
        record.problems,
        record.facts,
        record.path,
        record.is_reachable,
    )


def _udid(record: Record) -> Udid | None:
    return None if record.udid is None else Udid(record.udid)


def _event(announcement: Announcement, record: Record) -> Event:
    backup_id, udid = BackupId(str(record.id)), _udid(record)
    if announcement == "incomplete":
        return BackupIncomplete(
            backup_id=backup_id,
            udid=udid,
            state=record.state,
            missing_files=record.missing_files or 0,
        )
    event = BackupDiscovered if announcement == "discovered" else BackupChanged
    return event(
        backup_id=backup_id,
        udid=udid,
        state=record.state,
        encrypted=record.encrypted,
        revision=record.revision,
        taken_at=record.last_backup_at,
    )
