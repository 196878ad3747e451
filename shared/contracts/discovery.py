"""What discovery is asked: which backups and devices exist, and where a backup lies."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Literal

import msgspec

from shared.contracts.identifiers import BackupId, Udid
from shared.contracts.lineage import DeviceLineage
from shared.contracts.requests import DEFAULT_LIMIT, Done, Page, Request

BackupState = Literal["complete", "running", "broken_off", "partial", "damaged", "removed"]
ManifestFormat = Literal["manifest_db", "mbdb", "none"]
IndexState = Literal["none", "queued", "indexing", "indexed", "failed"]


class BackupProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a backup: a stable code and a sentence a person understands."""

    code: str
    detail: str
    #: At most 100 names of blobs (file ids) where blobs are concerned.
    files: list[str] = []


class InstalledApp(msgspec.Struct, frozen=True, kw_only=True):
    """An app that the backup's Info.plist lists."""

    bundle_id: str
    name: str | None = None
    version: str | None = None


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """One backup folder. Serial and phone numbers are masked unless they were asked for."""

    id: BackupId
    udid: Udid | None
    name: str | None
    label: str | None
    notes: str | None
    path: str
    product_type: str | None
    model: str | None
    ios_version: str | None
    build_version: str | None
    serial_number: str | None
    phone_numbers: list[str]
    imei: str | None
    apps: list[InstalledApp]
    state: BackupState
    problems: list[BackupProblem]
    encrypted: bool
    format: ManifestFormat
    last_backup_at: dt.datetime | None
    #: Null until the background measurement is done.
    size_bytes: int | None
    file_count: int | None
    first_seen_at: dt.datetime
    revision: str | None
    #: Blobs that the manifest lists and the disk has not; null where nobody can tell (the manifest
    #: of an encrypted backup is unreadable without its passphrase).
    missing_files: int | None = None
    #: Filled by the gateway from the indexer.
    index_state: IndexState = "none"
    indexed_at: dt.datetime | None = None


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One phone or tablet, as its newest backup describes it."""

    udid: Udid
    name: str | None
    product_type: str | None
    model: str | None
    ios_version: str | None
    serial_number: str | None
    phone_numbers: list[str]
    backup_ids: list[BackupId]
    last_backup_at: dt.datetime | None
    #: Filled by the gateway from the indexer, for one device; null in lists.
    lineage: DeviceLineage | None = None


class ManifestMark(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest's file as it lay on disk: who looked at the same mark looked at the same bytes."""

    size_bytes: int
    mtime_ns: int


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Where a backup lies and what it is; for services only, never shown as it is."""

    backup_id: BackupId
    path: str
    udid: Udid | None
    state: BackupState
    encrypted: bool
    format: ManifestFormat
    revision: str | None
    taken_at: dt.datetime | None
    #: Host region of the device (``DE``) where it is known; phone numbers are read with it.
    region: str | None = None
    #: The manifest that ``revision`` names; the one on disk may be newer already.
    manifest: ManifestMark | None = None


class RefreshReport(msgspec.Struct, frozen=True, kw_only=True):
    """The list after a rescan, and what the rescan changed."""

    items: list[Backup]
    added: list[BackupId]
    changed: list[BackupId]
    removed: list[BackupId]
    moved: list[BackupId]
    #: Roots that could not be read, each with the reason.
    unreadable_roots: list[dict[str, Any]]
    seconds: float


class ListBackups(Request[Page[Backup]], frozen=True, kw_only=True):
    """Backups, newest run first."""

    subject: ClassVar[str] = "cmd.discovery.list_backups"
    reply: ClassVar[object] = Page[Backup]
    device: Udid | None = None
    reveal: bool = False
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class GetBackup(Request[Backup], frozen=True, kw_only=True):
    """One backup."""

    subject: ClassVar[str] = "cmd.discovery.get_backup"
    reply: ClassVar[object] = Backup
    backup_id: BackupId
    reveal: bool = False


class UpdateBackup(Request[Backup], frozen=True, kw_only=True):
    """Change what a person may say about a backup; unset fields stay."""

    subject: ClassVar[str] = "cmd.discovery.update_backup"
    reply: ClassVar[object] = Backup
    backup_id: BackupId
    label: str | msgspec.UnsetType | None = msgspec.UNSET
    notes: str | msgspec.UnsetType | None = msgspec.UNSET


class ForgetBackup(Request[Done], frozen=True, kw_only=True):
    """Forget a backup and let its index go; files on disk stay. It returns at the next change."""

    subject: ClassVar[str] = "cmd.discovery.forget_backup"
    reply: ClassVar[object] = Done
    backup_id: BackupId


class RefreshBackups(Request[RefreshReport], frozen=True, kw_only=True):
    """Scan every root now and wait for the result."""

    subject: ClassVar[str] = "cmd.discovery.refresh_backups"
    reply: ClassVar[object] = RefreshReport
    reveal: bool = False


class LocateBackup(Request[Location], frozen=True, kw_only=True):
    """Where a backup lies (404 when unknown or removed)."""

    subject: ClassVar[str] = "cmd.discovery.locate_backup"
    reply: ClassVar[object] = Location
    backup_id: BackupId


class ListDevices(Request[Page[Device]], frozen=True, kw_only=True):
    """Devices, the one with the newest backup first."""

    subject: ClassVar[str] = "cmd.discovery.list_devices"
    reply: ClassVar[object] = Page[Device]
    reveal: bool = False
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class GetDevice(Request[Device], frozen=True, kw_only=True):
    """One device."""

    subject: ClassVar[str] = "cmd.discovery.get_device"
    reply: ClassVar[object] = Device
    udid: Udid
    reveal: bool = False
