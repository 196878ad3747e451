"""What happened, as published on the stream. Past tense, two tokens, never a secret or content.

``EVENTS`` is the registry that the AsyncAPI document, the NATS permissions and the golden files
are made from. Golden JSON of every event is kept for ever in ``tests/contract/golden``.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

import msgspec

from shared.contracts.identifiers import BackupId, JobId, SessionId, Udid


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every event's data."""

    #: ``noun.participle``, also the CloudEvents type.
    subject: ClassVar[str] = ""
    #: The services that may publish it.
    producers: ClassVar[tuple[str, ...]] = ()


class BackupDiscovered(Event, frozen=True, kw_only=True):
    """A backup folder was seen for the first time, or came back."""

    subject: ClassVar[str] = "backup.discovered"
    producers: ClassVar[tuple[str, ...]] = ("discovery",)
    backup_id: BackupId
    udid: Udid | None
    state: str
    encrypted: bool
    #: Digest that names the state of the backup at its last completed run; null if none completed.
    revision: str | None
    taken_at: dt.datetime | None


class BackupChanged(Event, frozen=True, kw_only=True):
    """A run was completed and the folder is quiet: the backup has a new revision."""

    subject: ClassVar[str] = "backup.changed"
    producers: ClassVar[tuple[str, ...]] = ("discovery",)
    backup_id: BackupId
    udid: Udid | None
    state: str
    encrypted: bool
    revision: str | None
    taken_at: dt.datetime | None


class BackupIncomplete(Event, frozen=True, kw_only=True):
    """A run broke off, or blobs are missing: the backup cannot be relied on as it is."""

    subject: ClassVar[str] = "backup.incomplete"
    producers: ClassVar[tuple[str, ...]] = ("discovery",)
    backup_id: BackupId
    udid: Udid | None
    state: str
    missing_files: int = 0


class BackupRemoved(Event, frozen=True, kw_only=True):
    """The folder is gone from disk, or (``forgotten``) a person asked to forget it."""

    subject: ClassVar[str] = "backup.removed"
    producers: ClassVar[tuple[str, ...]] = ("discovery",)
    backup_id: BackupId
    udid: Udid | None
    forgotten: bool = False


class SessionOpened(Event, frozen=True, kw_only=True):
    """Somebody opened a backup."""

    subject: ClassVar[str] = "session.opened"
    producers: ClassVar[tuple[str, ...]] = ("unlock",)
    session_id: SessionId
    backup_id: BackupId
    udid: Udid | None
    expires_at: dt.datetime
    #: A service opened it for work of its own; no person has unlocked anything.
    unattended: bool = False


class SessionClosed(Event, frozen=True, kw_only=True):
    """The keys of a session are gone. ``reason``: locked, expired, crashed or stopped."""

    subject: ClassVar[str] = "session.closed"
    producers: ClassVar[tuple[str, ...]] = ("unlock",)
    session_id: SessionId
    backup_id: BackupId
    reason: str


class IndexRequested(Event, frozen=True, kw_only=True):
    """Somebody, or a schedule, wants a backup indexed."""

    subject: ClassVar[str] = "index.requested"
    producers: ClassVar[tuple[str, ...]] = ("indexer", "gateway")
    job_id: JobId
    backup_id: BackupId
    #: The open session whose keys may be used; null for plain backups.
    session_id: SessionId | None = None
    #: Null means every kind that the indexer knows.
    kinds: list[str] | None = None


class IndexCompleted(Event, frozen=True, kw_only=True):
    """A revision stands in the device's history."""

    subject: ClassVar[str] = "index.completed"
    producers: ClassVar[tuple[str, ...]] = ("indexer",)
    job_id: JobId
    backup_id: BackupId
    udid: Udid
    revision: str
    #: Artifacts kept, per kind.
    kept: dict[str, int]
    #: Kinds that could not be read whole and so did not move on the timeline.
    incomplete_kinds: list[str]


class IndexFailed(Event, frozen=True, kw_only=True):
    """An index run gave up; the history is as it was."""

    subject: ClassVar[str] = "index.failed"
    producers: ClassVar[tuple[str, ...]] = ("indexer",)
    job_id: JobId
    backup_id: BackupId
    #: A problem type such as ``/problems/locked``.
    problem_type: str
    title: str


class ExportRequested(Event, frozen=True, kw_only=True):
    """Somebody wants things out. What they are, the job's row says."""

    subject: ClassVar[str] = "export.requested"
    producers: ClassVar[tuple[str, ...]] = ("indexer",)
    job_id: JobId


class ExportCompleted(Event, frozen=True, kw_only=True):
    """An export is ready, for as long as it is kept."""

    subject: ClassVar[str] = "export.completed"
    producers: ClassVar[tuple[str, ...]] = ("indexer",)
    job_id: JobId
    format: str
    size_bytes: int
    expires_at: dt.datetime


class ExportFailed(Event, frozen=True, kw_only=True):
    """An export was given up; nothing of it is left."""

    subject: ClassVar[str] = "export.failed"
    producers: ClassVar[tuple[str, ...]] = ("indexer",)
    job_id: JobId
    #: A problem type such as ``/problems/no-space``.
    problem_type: str
    title: str


class ArchiveRequested(Event, frozen=True, kw_only=True):
    """Somebody, or a schedule, wants a source archived. What and where to, the job's row says."""

    subject: ClassVar[str] = "archive.requested"
    producers: ClassVar[tuple[str, ...]] = ("archiver",)
    job_id: JobId


class ArchiveCompleted(Event, frozen=True, kw_only=True):
    """An archive stands in its destination and in the catalogue."""

    subject: ClassVar[str] = "archive.completed"
    producers: ClassVar[tuple[str, ...]] = ("archiver",)
    job_id: JobId
    archive_id: str
    source_id: str
    destination_id: str
    kind: str
    source_bytes: int
    added_bytes: int
    file_count: int
    #: Files that never held still, and what could not be read.
    torn_count: int
    skipped_count: int


class ArchiveInterrupted(Event, frozen=True, kw_only=True):
    """An archive was not finished; what was stored is kept, and the next run goes on from there."""

    subject: ClassVar[str] = "archive.interrupted"
    producers: ClassVar[tuple[str, ...]] = ("archiver",)
    job_id: JobId
    source_id: str
    destination_id: str
    problem_type: str
    title: str


class ArchiveFailed(Event, frozen=True, kw_only=True):
    """An archive was given up; trying again as it is will not help."""

    subject: ClassVar[str] = "archive.failed"
    producers: ClassVar[tuple[str, ...]] = ("archiver",)
    job_id: JobId
    source_id: str
    destination_id: str
    problem_type: str
    title: str


class RestoreRequested(Event, frozen=True, kw_only=True):
    """Somebody wants an archive back. What and where to, the job's row says."""

    subject: ClassVar[str] = "restore.requested"
    producers: ClassVar[tuple[str, ...]] = ("archiver",)
    job_id: JobId


class RestoreCompleted(Event, frozen=True, kw_only=True):
    """What was asked for is back; ``refused_count`` things are not, see the job's report."""

    subject: ClassVar[str] = "restore.completed"
    producers: ClassVar[tuple[str, ...]] = ("archiver",)
    job_id: JobId
    archive_id: str
    file_count: int
    size_bytes: int
    refused_count: int


class RestoreFailed(Event, frozen=True, kw_only=True):
    """A restore ended before its end; what is back is whole, and running it again goes on."""

    subject: ClassVar[str] = "restore.failed"
    producers: ClassVar[tuple[str, ...]] = ("archiver",)
    job_id: JobId
    archive_id: str
    problem_type: str
    title: str


class UpkeepRequested(Event, frozen=True, kw_only=True):
    """Somebody wants a store looked after: rebuilt, verified, collected. The job's row says it."""

    subject: ClassVar[str] = "upkeep.requested"
    producers: ClassVar[tuple[str, ...]] = ("archiver",)
    job_id: JobId


class UpkeepCompleted(Event, frozen=True, kw_only=True):
    """It was looked after; ``wrong_count`` things were missing, damaged or not to be read."""

    subject: ClassVar[str] = "upkeep.completed"
    producers: ClassVar[tuple[str, ...]] = ("archiver",)
    job_id: JobId
    #: ``rebuild``, ``verify`` or ``collect``.
    kind: str
    destination_id: str
    #: Null where it was about all of the destination.
    archive_id: str | None
    wrong_count: int


class UpkeepFailed(Event, frozen=True, kw_only=True):
    """It was not finished; running it again goes on."""

    subject: ClassVar[str] = "upkeep.failed"
    producers: ClassVar[tuple[str, ...]] = ("archiver",)
    job_id: JobId
    kind: str
    destination_id: str
    archive_id: str | None
    problem_type: str
    title: str


class LineageRequested(Event, frozen=True, kw_only=True):
    """A person decided about two devices; what, their link says."""

    subject: ClassVar[str] = "lineage.requested"
    producers: ClassVar[tuple[str, ...]] = ("indexer",)
    job_id: JobId


class LineageCompleted(Event, frozen=True, kw_only=True):
    """Histories are as it was decided."""

    subject: ClassVar[str] = "lineage.completed"
    producers: ClassVar[tuple[str, ...]] = ("indexer",)
    job_id: JobId
    link_id: str
    #: The devices of the lineage, the oldest first; none where the two were parted.
    devices: list[Udid]


class LineageFailed(Event, frozen=True, kw_only=True):
    """Histories could not be brought to what was decided, which stands."""

    subject: ClassVar[str] = "lineage.failed"
    producers: ClassVar[tuple[str, ...]] = ("indexer",)
    job_id: JobId
    link_id: str
    #: A problem type such as ``/problems/no-space``.
    problem_type: str
    title: str


EVENTS: tuple[type[Event], ...] = (
    BackupDiscovered,
    BackupChanged,
    BackupIncomplete,
    BackupRemoved,
    SessionOpened,
    SessionClosed,
    IndexRequested,
    IndexCompleted,
    IndexFailed,
    ExportRequested,
    ExportCompleted,
    ExportFailed,
    ArchiveRequested,
    ArchiveCompleted,
    ArchiveInterrupted,
    ArchiveFailed,
    RestoreRequested,
    RestoreCompleted,
    RestoreFailed,
    UpkeepRequested,
    UpkeepCompleted,
    UpkeepFailed,
    LineageRequested,
    LineageCompleted,
    LineageFailed,
)
