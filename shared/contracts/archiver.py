"""What the archiver is asked: sources, destinations, archives, and getting them back."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Literal, NewType

import msgspec

from shared.contracts.identifiers import JobId, Udid
from shared.contracts.requests import DEFAULT_LIMIT, Done, Page, Request

SourceId = NewType("SourceId", str)
DestinationId = NewType("DestinationId", str)
ArchiveId = NewType("ArchiveId", str)

SourceType = Literal["device_backup", "directory", "postgres", "system"]
#: What of a database is archived: all of it; all but what n8n notes of runs; the files with its
#: settings and certificates; each workflow by itself.
DatabaseType = Literal["postgres_full", "postgres_n8n", "n8n_config", "flows"]
#: What is known of what a program keeps in a source of a type.
Preset = Literal["immich", "n8n"]
DestinationType = Literal["local", "rclone"]
#: ``store``: archives, which share what is alike. ``mirror``: plain files, as they are now.
DestinationMode = Literal["store", "mirror"]
ArchiveState = Literal["complete", "damaged"]


class SourceConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is archived: ``udid`` of a device, or ``path`` of a directory with its patterns."""

    udid: Udid | None = None
    path: str | None = None
    #: Patterns of paths below the folder, as in ``.gitignore`` without ``!``; none: everything.
    include: list[str] = []
    exclude: list[str] = []
    #: Of ``postgres``: a reference to the database's address, ``postgresql://…``, a secret.
    dsn_ref: str | None = None
    #: The container that has the server; its own pg_dump is used.
    container: str | None = None
    types: list[DatabaseType] = []
    config_files: list[str] = []
    ssl_files: list[str] = []
    #: Of the preset ``n8n``: the running service, and references to its API key and to
    #: ``N8N_ENCRYPTION_KEY``.
    service_url: str | None = None
    service_key_ref: str | None = None
    encryption_key_ref: str | None = None
    #: Of the preset ``immich``: thumbnails and transcoded films too; how old a dump may be.
    regenerable: bool = False
    dump_hours: int | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be archived."""

    id: SourceId
    name: str
    type: SourceType
    preset: Preset | None = None
    config: SourceConfig
    #: Larger ones are archived first.
    priority: int
    created_at: dt.datetime
    #: The newest archive of it, wherever that is.
    last_archive_at: dt.datetime | None = None


class DestinationLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much is asked of the line to a destination, and when."""

    #: Both ways together; None: as much as there is. Only of what rclone reaches.
    bytes_per_second: int | None = None
    #: Archives are begun in these only, by the machine's clock: ``22:00-06:00``.
    hours: str | None = None


class DestinationConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where archives go: ``path`` of a folder, or below what rclone's ``backend`` reaches."""

    path: str
    backend: str | None = None
    #: rclone's options of the back end; those that are secret are references.
    options: dict[str, str] = {}
    secret_options: dict[str, str] = {}
    limits: DestinationLimits = DestinationLimits()


class CryptConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """References to the passwords of rclone's crypt, never the passwords."""

    password_ref: str
    password2_ref: str | None = None


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where archives go."""

    id: DestinationId
    name: str
    type: DestinationType
    mode: DestinationMode = "store"
    config: DestinationConfig
    #: None: what is plain in a source is plain there.
    crypt: CryptConfig | None = None
    #: The store that was set up there; another one in its place is refused.
    store_id: str
    created_at: dt.datetime
    archive_count: int = 0
    #: Archives that lay there when it was set up and are not listed: a rebuild lists them.
    found_archives: int | None = None
    #: What the store holds, as far as it is written down.
    stored_bytes: int = 0
    #: When somebody took the recovery sheet, with its passwords if there are any.
    sheet_downloaded_at: dt.datetime | None = None
    #: What somebody has to do about it, as sentences.
    warnings: list[str] = []


class ArchiveVerification(msgspec.Struct, frozen=True, kw_only=True):
    """When an archive was last looked through, and what came of it."""

    level: Literal["listing", "sample", "full"]
    state: Literal["verified", "failed"]
    at: dt.datetime


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable copy of one source at one time in one destination."""

    id: ArchiveId
    source_id: SourceId
    destination_id: DestinationId
    kind: str
    #: The name of its bundle.
    name: str
    created_at: dt.datetime
    state: ArchiveState
    source_bytes: int
    #: The bundle; what it refers to is shared.
    bundle_bytes: int
    #: What making it added to the destination, the bundle included.
    added_bytes: int
    file_count: int
    #: Files that never held still while they were read.
    torn_count: int
    skipped_count: int
    protected: bool
    format_version: int
    #: From then on it is deleted; until then it can be kept.
    deletion_scheduled_at: dt.datetime | None = None
    verification: ArchiveVerification | None = None


class ArchiveFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file, folder or link of an archive. Names that are no text show what is not as U+FFFD."""

    n: int
    path: str
    type: Literal["file", "directory", "symlink"]
    size_bytes: int
    modified_at: dt.datetime | None
    mode: int
    target: str | None
    torn: bool


class ArchiveContents(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive holds, from its manifest."""

    archive: Archive
    #: ``manifest.json`` of the bundle.
    manifest: dict[str, Any]


class StoreCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One step of setting a destination up, or of looking whether it works."""

    step: Literal["prerequisites", "credentials", "reach", "canary", "write", "mark"]
    outcome: Literal["done", "already", "warning", "failed", "skipped"]
    detail: str
    #: What a person can do about a step that failed.
    advice: str = ""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A job was taken, or one that does the same is under way."""

    job_id: JobId


class ListSources(Request[Page[Source]], frozen=True, kw_only=True):
    """Sources by name."""

    subject: ClassVar[str] = "cmd.archiver.list_sources"
    reply: ClassVar[object] = Page[Source]


class GetSource(Request[Source], frozen=True, kw_only=True):
    """One source."""

    subject: ClassVar[str] = "cmd.archiver.get_source"
    reply: ClassVar[object] = Source
    source_id: SourceId


class CreateSource(Request[Source], frozen=True, kw_only=True):
    """Say what is to be archived."""

    subject: ClassVar[str] = "cmd.archiver.create_source"
    reply: ClassVar[object] = Source
    name: str
    type: SourceType
    preset: Preset | None = None
    config: SourceConfig
    priority: int = 0


class UpdateSource(Request[Source], frozen=True, kw_only=True):
    """Change what is set; type and preset stay."""

    subject: ClassVar[str] = "cmd.archiver.update_source"
    reply: ClassVar[object] = Source
    source_id: SourceId
    name: str | msgspec.UnsetType = msgspec.UNSET
    config: SourceConfig | msgspec.UnsetType = msgspec.UNSET
    priority: int | msgspec.UnsetType = msgspec.UNSET


class DeleteSource(Request[Done], frozen=True, kw_only=True):
    """Archive it no more; its archives stay."""

    subject: ClassVar[str] = "cmd.archiver.delete_source"
    reply: ClassVar[object] = Done
    source_id: SourceId


class ListDestinations(Request[Page[Destination]], frozen=True, kw_only=True):
    """Destinations by name."""

    subject: ClassVar[str] = "cmd.archiver.list_destinations"
    reply: ClassVar[object] = Page[Destination]


class GetDestination(Request[Destination], frozen=True, kw_only=True):
    """One destination."""

    subject: ClassVar[str] = "cmd.archiver.get_destination"
    reply: ClassVar[object] = Destination
    destination_id: DestinationId


class CreateDestination(Request[Destination], frozen=True, kw_only=True):
    """Set a destination up; a store that is there already is taken over with its archives."""

    subject: ClassVar[str] = "cmd.archiver.create_destination"
    reply: ClassVar[object] = Destination
    name: str
    type: DestinationType
    mode: DestinationMode = "store"
    config: DestinationConfig
    crypt: CryptConfig | None = None


class DeleteDestination(Request[Done], frozen=True, kw_only=True):
    """Forget a destination; what lies there stays there."""

    subject: ClassVar[str] = "cmd.archiver.delete_destination"
    reply: ClassVar[object] = Done
    destination_id: DestinationId


class CheckDestination(Request[list[StoreCheck]], frozen=True, kw_only=True):
    """Look whether a destination works, step by step, with a test write."""

    subject: ClassVar[str] = "cmd.archiver.check_destination"
    reply: ClassVar[object] = list[StoreCheck]
    destination_id: DestinationId


class RequestArchive(Request[Accepted], frozen=True, kw_only=True):
    """Archive a source now."""

    subject: ClassVar[str] = "cmd.archiver.request_archive"
    reply: ClassVar[object] = Accepted
    source_id: SourceId
    destination_id: DestinationId
    #: A mirror may lose any number of files; what it loses is moved aside.
    allow_deletions: bool = False
    #: Take over from a run that has been silent for too long, and wait no longer to try again.
    force: bool = False


class ListArchives(Request[Page[Archive]], frozen=True, kw_only=True):
    """Archives, newest first."""

    subject: ClassVar[str] = "cmd.archiver.list_archives"
    reply: ClassVar[object] = Page[Archive]
    source_id: SourceId | None = None
    destination_id: DestinationId | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class GetArchive(Request[Archive], frozen=True, kw_only=True):
    """One archive."""

    subject: ClassVar[str] = "cmd.archiver.get_archive"
    reply: ClassVar[object] = Archive
    archive_id: ArchiveId


class GetArchiveContents(Request[ArchiveContents], frozen=True, kw_only=True):
    """What an archive holds; nothing is loaded."""

    subject: ClassVar[str] = "cmd.archiver.get_archive_contents"
    reply: ClassVar[object] = ArchiveContents
    archive_id: ArchiveId


class ListArchiveFiles(Request[Page[ArchiveFile]], frozen=True, kw_only=True):
    """Files of an archive by path; nothing is loaded."""

    subject: ClassVar[str] = "cmd.archiver.list_archive_files"
    reply: ClassVar[object] = Page[ArchiveFile]
    archive_id: ArchiveId
    path_like: str | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class GetArchiveFile(Request[ArchiveFile], frozen=True, kw_only=True):
    """One file of an archive."""

    subject: ClassVar[str] = "cmd.archiver.get_archive_file"
    reply: ClassVar[object] = ArchiveFile
    archive_id: ArchiveId
    n: int


class ReadArchiveFile(Request[bytes], frozen=True, kw_only=True):
    """A part of a file's content, at most 512 KiB; only its blocks are fetched."""

    subject: ClassVar[str] = "cmd.archiver.read_archive_file"
    reply: ClassVar[object] = bytes
    archive_id: ArchiveId
    n: int
    offset: int
    length: int


class ProtectArchive(Request[Archive], frozen=True, kw_only=True):
    """Protect an archive from deletion, or no more."""

    subject: ClassVar[str] = "cmd.archiver.protect_archive"
    reply: ClassVar[object] = Archive
    archive_id: ArchiveId
    protected: bool


class RequestRestore(Request[Accepted], frozen=True, kw_only=True):
    """Get an archive, or paths of it, back into a folder."""

    subject: ClassVar[str] = "cmd.archiver.request_restore"
    reply: ClassVar[object] = Accepted
    archive_id: ArchiveId
    #: None means everything; a folder means all that is below it.
    paths: list[str] | None = None
    target: str
    overwrite: bool = False
    dry_run: bool = False
