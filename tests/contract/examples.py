"""One example of every event, with everything set; made-up devices."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from shared.contracts import events
from shared.contracts.identifiers import BackupId, JobId, SessionId, Udid

EVENT_ID = UUID("0f6e4f6a-6f0d-4c53-9d0e-7f3a5a1d2c01")
OCCURRED_AT = dt.datetime(2026, 11, 20, 12, 30, 15, 250_000, tzinfo=dt.UTC)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

_BACKUP = BackupId("7a2c9a52-9f25-4b68-a0c4-0f6f5b3f7f11")
_JOB = JobId("c0f1d1b4-2a61-4b1e-8f58-5b6f1b1f2a22")
_SESSION = SessionId("5d0c3a0e-66d5-4d2c-9a55-0f1c2d3e4f33")
_UDID = Udid("00008110-000A1B2C3D4E5F60")
_OLDER_UDID = Udid("00008030-000A1B2C3D4E5F60")
_LINK = "3d2c1b0a-5f4e-4d3c-8b2a-190f8e7d6c5b"
_TAKEN_AT = dt.datetime(2026, 11, 19, 22, 0, 5, tzinfo=dt.UTC)

EXAMPLES: tuple[events.Event, ...] = (
    events.BackupDiscovered(
        backup_id=_BACKUP,
        udid=_UDID,
        state="complete",
        encrypted=True,
        revision="9b1c5d",
        taken_at=_TAKEN_AT,
    ),
    events.BackupChanged(
        backup_id=_BACKUP,
        udid=_UDID,
        state="complete",
        encrypted=True,
        revision="9b1c5e",
        taken_at=_TAKEN_AT,
    ),
    events.BackupIncomplete(backup_id=_BACKUP, udid=None, state="partial", missing_files=3),
    events.BackupRemoved(backup_id=_BACKUP, udid=_UDID, forgotten=True),
    events.SessionOpened(
        session_id=_SESSION,
        backup_id=_BACKUP,
        udid=_UDID,
        expires_at=OCCURRED_AT,
        unattended=True,
    ),
    events.SessionClosed(session_id=_SESSION, backup_id=_BACKUP, reason="expired"),
    events.IndexRequested(
        job_id=_JOB, backup_id=_BACKUP, session_id=_SESSION, kinds=["message", "contact"]
    ),
    events.IndexCompleted(
        job_id=_JOB,
        backup_id=_BACKUP,
        udid=_UDID,
        revision="9b1c5e",
        kept={"message": 120_000, "contact": 310},
        incomplete_kinds=["note"],
    ),
    events.IndexFailed(
        job_id=_JOB,
        backup_id=_BACKUP,
        problem_type="/problems/locked",
        title="The backup is locked.",
    ),
    events.ExportRequested(job_id=_JOB),
    events.ExportCompleted(
        job_id=_JOB, format="html", size_bytes=48_211_904, expires_at=OCCURRED_AT
    ),
    events.ExportFailed(
        job_id=_JOB,
        problem_type="/problems/no-space",
        title="There is no room for the export.",
    ),
    events.ArchiveRequested(job_id=_JOB),
    events.ArchiveCompleted(
        job_id=_JOB,
        archive_id="0b9f6c1e-5a3d-4f5e-9c37-3f9a4f5b6c44",
        source_id="1c8e7d2f-6b4e-4a6f-8d48-4a8b5a6c7d55",
        destination_id="2d7f8e3a-7c5f-4b7a-9e59-5b7c6b7d8e66",
        kind="device_backup",
        source_bytes=41_200_000_000,
        added_bytes=611_000_000,
        file_count=181_224,
        torn_count=0,
        skipped_count=2,
    ),
    events.ArchiveInterrupted(
        job_id=_JOB,
        source_id="1c8e7d2f-6b4e-4a6f-8d48-4a8b5a6c7d55",
        destination_id="2d7f8e3a-7c5f-4b7a-9e59-5b7c6b7d8e66",
        problem_type="/problems/destination-away",
        title="The destination does not answer.",
    ),
    events.ArchiveFailed(
        job_id=_JOB,
        source_id="1c8e7d2f-6b4e-4a6f-8d48-4a8b5a6c7d55",
        destination_id="2d7f8e3a-7c5f-4b7a-9e59-5b7c6b7d8e66",
        problem_type="/problems/source-missing",
        title="The source is not there.",
    ),
    events.RestoreRequested(job_id=_JOB),
    events.RestoreCompleted(
        job_id=_JOB,
        archive_id="0b9f6c1e-5a3d-4f5e-9c37-3f9a4f5b6c44",
        file_count=181_224,
        size_bytes=41_200_000_000,
        refused_count=0,
    ),
    events.RestoreFailed(
        job_id=_JOB,
        archive_id="0b9f6c1e-5a3d-4f5e-9c37-3f9a4f5b6c44",
        problem_type="/problems/no-space",
        title="The disk has no room.",
    ),
    events.UpkeepRequested(job_id=_JOB),
    events.UpkeepCompleted(
        job_id=_JOB,
        kind="verify",
        destination_id="2d7f8e3a-7c5f-4b7a-9e59-5b7c6b7d8e66",
        archive_id="0b9f6c1e-5a3d-4f5e-9c37-3f9a4f5b6c44",
        wrong_count=0,
    ),
    events.UpkeepFailed(
        job_id=_JOB,
        kind="collect",
        destination_id="2d7f8e3a-7c5f-4b7a-9e59-5b7c6b7d8e66",
        archive_id=None,
        problem_type="/problems/destination-away",
        title="The destination does not answer.",
    ),
    events.LineageRequested(job_id=_JOB),
    events.LineageCompleted(job_id=_JOB, link_id=_LINK, devices=[_OLDER_UDID, _UDID]),
    events.LineageFailed(
        job_id=_JOB,
        link_id=_LINK,
        problem_type="/problems/no-space",
        title="There is no room for the lineage.",
    ),
)
