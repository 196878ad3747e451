"""What the indexer is asked: index a backup; threads, artifacts, versions, search."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Literal

import msgspec

from shared.contracts.discovery import IndexState
from shared.contracts.gaps import Gap
from shared.contracts.identifiers import (
    ArtifactId,
    BackupId,
    FileId,
    JobId,
    SessionId,
    ThreadId,
    Udid,
)
from shared.contracts.removals import Reason, ReasonCounts, Removal
from shared.contracts.requests import DEFAULT_LIMIT, Page, Request


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote or made an artifact.

    ``name`` was given by hand, or comes from the device's own contacts, or from what other devices
    and apps call the person.
    """

    name: str | None = None
    handle: str | None = None
    person_id: str | None = None
    is_me: bool = False


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that belongs to an artifact; ``reason`` says why when it is not in the backup."""

    n: int
    name: str | None
    media_type: str | None
    size_bytes: int | None
    present: bool
    reason: str | None = None


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One indexed thing. ``payload`` is the kind's own struct."""

    id: ArtifactId
    kind: str
    device: Udid
    key: str
    thread_id: ThreadId | None
    occurred_at: dt.datetime | None
    title: str | None
    text: str | None
    sender: Sender | None
    payload: dict[str, Any]
    attachments: list[Attachment]
    added_revision: str | None
    removed_revision: str | None
    removed_at: dt.datetime | None
    #: Why it went, or its file did; null where nothing went or a newer version follows.
    removal: Removal | None = None


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a thread."""

    handle: str
    name: str | None = None
    person_id: str | None = None


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """The artifacts of one conversation."""

    id: ThreadId
    device: Udid
    kind: str
    title: str
    is_group: bool
    participants: list[Participant]
    artifact_count: int
    first_at: dt.datetime | None
    last_at: dt.datetime | None
    last_text: str | None
    services: list[str] = []
    #: Where lineages are asked for: the devices whose threads are stitched, the oldest first.
    devices: list[Udid] = []


class ArtifactPage(msgspec.Struct, frozen=True, kw_only=True):
    """Artifacts in time order with cursors both ways."""

    items: list[Artifact]
    next_cursor: str | None
    previous_cursor: str | None
    #: Position of the first item in the thread, counted from its beginning.
    position: int | None = None
    #: Of a thread: times of which no backup tells, from the first item up to that of the next page.
    gaps: list[Gap] = []


class SnippetPart(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A piece of a snippet; encoded as ``[text, is_match]``."""

    text: str
    is_match: bool


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One search result."""

    artifact: Artifact
    snippet: list[SnippetPart]
    thread_title: str | None
    #: Position of the artifact in its thread, counted from the beginning; null without a thread.
    thread_position: int | None


class Facet(msgspec.Struct, frozen=True, kw_only=True):
    """How many hits have this value; ``label`` is for people."""

    value: str
    count: int
    label: str | None = None


class SearchPage(msgspec.Struct, frozen=True, kw_only=True):
    """Hits with facets. Counts stop at ``count_limit``; ``total_is_exact`` says which it is."""

    items: list[Hit]
    next_cursor: str | None
    total: int
    total_is_exact: bool
    facets: dict[str, list[Facet]]


class KindSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A kind the indexer knows, what it can read and how much of it there is."""

    kind: str
    title: str
    count: int
    removed_count: int
    #: What this kind covers and what it does not, for people.
    note: str


class KindReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an index run made of one kind."""

    kind: str
    #: ``indexed``; ``absent`` (the backup has no such store); ``failed``.
    state: Literal["indexed", "absent", "failed"]
    read: int = 0
    kept: int = 0
    skipped: int = 0
    undecodable: int = 0
    missing_files: int = 0
    added: int = 0
    removed: int = 0
    note: str = ""
    #: For so many days the phone keeps things of this kind; 0: for ever, null: it does not say.
    keeps_days: int | None = None


class RevisionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One indexed revision of a device with the counts per kind."""

    revision: str
    backup_id: BackupId | None
    taken_at: dt.datetime
    indexed_at: dt.datetime
    kinds: list[KindReport]


class DiffEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between two revisions; ``before`` or ``after`` is null where it is absent."""

    change: Literal["added", "removed", "changed"]
    before: Artifact | None
    after: Artifact | None
    #: Why it went; of a change: that its file went.
    removal: Removal | None = None


class RevisionDiff(msgspec.Struct, frozen=True, kw_only=True):
    """A page of differences, and the counts of all of them."""

    items: list[DiffEntry]
    next_cursor: str | None
    added: int
    removed: int
    changed: int
    #: Of those changed: how many have a file no more that they had; and why those removed went.
    #: Null when the later revision is compared with the earlier one.
    offloaded: int | None = None
    reasons: ReasonCounts | None = None


class BackupIndex(msgspec.Struct, frozen=True, kw_only=True):
    """How a backup stands with the indexer."""

    state: IndexState
    indexed_at: dt.datetime | None = None
    revision: str | None = None
    job_id: JobId | None = None


class JobAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The work was taken; watch the job."""

    job_id: JobId


class AttachmentLocation(msgspec.Struct, frozen=True, kw_only=True):
    """Where an attachment's bytes are: the newest first of the backups that held the artifact."""

    attachment: Attachment
    device: Udid
    backup_ids: list[BackupId]
    file_id: FileId | None


class ThumbnailLocation(AttachmentLocation, frozen=True, kw_only=True):
    """Where the picture lies that stands for an artifact."""

    #: Whether it is the phone's own small copy, not a picture to be made smaller.
    is_small: bool


class RequestIndex(Request[JobAccepted], frozen=True, kw_only=True):
    """Index a backup. Encrypted backups need an open session."""

    subject: ClassVar[str] = "cmd.indexer.request_index"
    reply: ClassVar[object] = JobAccepted
    backup_id: BackupId
    session_id: SessionId | None = None
    kinds: list[str] | None = None


class GetIndexStates(Request[dict[str, BackupIndex]], frozen=True, kw_only=True):
    """The states of some backups, by backup id; unknown ones are left out."""

    subject: ClassVar[str] = "cmd.indexer.get_index_states"
    reply: ClassVar[object] = dict[str, BackupIndex]
    backup_ids: list[BackupId]


class ListKinds(Request[Page[KindSummary]], frozen=True, kw_only=True):
    """Every kind; with ``lineage`` what several devices of one hold counts once."""

    subject: ClassVar[str] = "cmd.indexer.list_kinds"
    reply: ClassVar[object] = Page[KindSummary]
    device: Udid | None = None
    lineage: bool = False


class ListThreads(Request[Page[Thread]], frozen=True, kw_only=True):
    """Threads, the newest last artifact first; ``q`` matches titles, names and handles."""

    subject: ClassVar[str] = "cmd.indexer.list_threads"
    reply: ClassVar[object] = Page[Thread]
    device: Udid | None = None
    kind: str | None = None
    q: str | None = None
    #: The id of a person who takes part, or a handle.
    person: str | None = None
    #: Each lineage of devices as one: threads stitched, nothing twice. ``device`` is any of them.
    lineage: bool = False
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class ListThreadArtifacts(Request[ArtifactPage], frozen=True, kw_only=True):
    """A page of a thread from a moment or a cursor, forwards or backwards; items ascend in time."""

    subject: ClassVar[str] = "cmd.indexer.list_thread_artifacts"
    reply: ClassVar[object] = ArtifactPage
    thread_id: ThreadId
    #: An RFC 3339 time, or the id of an artifact of this thread (deep link).
    at: str | None = None
    direction: Literal["forward", "backward", "around"] = "forward"
    as_of: dt.datetime | None = None
    include_removed: bool = False
    #: With what the other devices of the lineage have of the same conversation, nothing twice.
    lineage: bool = False
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class ListArtifacts(Request[ArtifactPage], frozen=True, kw_only=True):
    """Artifacts of any kind, newest first."""

    subject: ClassVar[str] = "cmd.indexer.list_artifacts"
    reply: ClassVar[object] = ArtifactPage
    device: Udid | None = None
    kind: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    as_of: dt.datetime | None = None
    removed: Literal["exclude", "include", "only"] = "exclude"
    #: Each lineage of devices as one, nothing twice. ``device`` is any of them.
    lineage: bool = False
    #: Only what went for this reason; ``offloaded``: whose file is in older backups only.
    reason: Reason | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class GetArtifact(Request[Artifact], frozen=True, kw_only=True):
    """One artifact."""

    subject: ClassVar[str] = "cmd.indexer.get_artifact"
    reply: ClassVar[object] = Artifact
    artifact_id: ArtifactId


class ListVersions(Request[Page[Artifact]], frozen=True, kw_only=True):
    """Every version of the artifact with the same natural key in its lineage, oldest first."""

    subject: ClassVar[str] = "cmd.indexer.list_versions"
    reply: ClassVar[object] = Page[Artifact]
    artifact_id: ArtifactId


class LocateAttachment(Request[AttachmentLocation], frozen=True, kw_only=True):
    """Where an artifact's attachment lies (404 with the reason when nowhere)."""

    subject: ClassVar[str] = "cmd.indexer.locate_attachment"
    reply: ClassVar[object] = AttachmentLocation
    artifact_id: ArtifactId
    n: int


class LocateThumbnail(Request[ThumbnailLocation], frozen=True, kw_only=True):
    """Where a picture of an artifact lies (404 with the reason when nowhere)."""

    subject: ClassVar[str] = "cmd.indexer.locate_thumbnail"
    reply: ClassVar[object] = ThumbnailLocation
    artifact_id: ArtifactId


class Search(Request[SearchPage], frozen=True, kw_only=True):
    """Full text over everything indexed."""

    subject: ClassVar[str] = "cmd.indexer.search"
    reply: ClassVar[object] = SearchPage
    q: str
    device: Udid | None = None
    kind: str | None = None
    thread: ThreadId | None = None
    #: The id of a person who sent or took part, or a handle: then whoever has it.
    person: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    has: Literal["attachment", "link"] | None = None
    removed: Literal["exclude", "include", "only"] = "exclude"
    #: Each lineage of devices as one, nothing twice. ``device`` is any of them.
    lineage: bool = False
    sort: Literal["relevance", "newest", "oldest"] = "relevance"
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class ListRevisions(Request[Page[RevisionSummary]], frozen=True, kw_only=True):
    """The indexed revisions of a device, newest first."""

    subject: ClassVar[str] = "cmd.indexer.list_revisions"
    reply: ClassVar[object] = Page[RevisionSummary]
    device: Udid
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class DiffRevisions(Request[RevisionDiff], frozen=True, kw_only=True):
    """What changed between two indexed revisions of a device, of one kind."""

    subject: ClassVar[str] = "cmd.indexer.diff_revisions"
    reply: ClassVar[object] = RevisionDiff
    device: Udid
    from_revision: str
    to_revision: str
    kind: str
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
