"""A backup as discovery keeps it, and what of it is shown. Pure."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from msgspec import Struct

from services.discovery.lifecycle import Announced
from services.discovery.masking import masked
from services.discovery.matching import KnownFolder
from shared.contracts.discovery import (
    Backup,
    BackupProblem,
    BackupState,
    Device,
    InstalledApp,
    Location,
    ManifestFormat,
    ManifestMark,
)
from shared.contracts.identifiers import BackupId, Udid


class Facts(Struct, frozen=True, kw_only=True):
    """What the plists say about the device. A newer version may add fields with defaults."""

    name: str | None = None
    product_type: str | None = None
    model: str | None = None
    ios_version: str | None = None
    build_version: str | None = None
    serial_number: str | None = None
    phone_numbers: list[str] = []
    imei: str | None = None
    apps: list[InstalledApp] = []
    region: str | None = None


class ManifestMemo(Struct, frozen=True, kw_only=True):
    """The manifest's digest, and the size and time it was computed at."""

    size: int
    mtime_ns: int
    sha256: bytes


class Record(Struct, frozen=True, kw_only=True):
    """One backup: what a scan decides about it. Label, notes and size are kept beside it."""

    id: UUID
    path: bytes
    shown_path: str
    root: bytes
    file_system: int
    is_reachable: bool
    udid: str | None
    facts: Facts
    state: BackupState
    problems: list[BackupProblem]
    missing_files: int | None
    encrypted: bool
    format: ManifestFormat
    last_backup_at: dt.datetime | None
    revision: str | None
    first_seen_at: dt.datetime
    run_marks: bytes
    blob_marks: bytes
    changed_at: dt.datetime
    judged_run: bytes | None
    judged_blobs: bytes | None
    manifest: ManifestMemo | None
    announced: Announced
    is_settled: bool

    def as_known(self) -> KnownFolder:
        """Return what matching needs."""
        return KnownFolder(
            id=self.id,
            path=self.path,
            udid=self.udid,
            revision=self.revision,
            run=self.run_marks,
            root=self.root,
            file_system=self.file_system,
            is_removed=self.state == "removed",
        )


class Annotated(Struct, frozen=True, kw_only=True):
    """A record with what others than the scan write: a person's words, and the measurement."""

    record: Record
    label: str | None
    notes: str | None
    size_bytes: int | None
    file_count: int | None


UNREACHABLE = BackupProblem(
    code="unreachable",
    detail="The folder cannot be reached at the moment. Is its drive connected and mounted?",
)
NAME_IS_NO_TEXT = BackupProblem(
    code="name_is_no_text",
    detail="The name of the folder, or of one above it, is not valid UTF-8. Rename it to open it.",
)


def is_text(path: bytes) -> bool:
    """Whether a path can be passed on as text; other services get it as JSON."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True


def shown_backup(annotated: Annotated, *, reveal: bool) -> Backup:
    """Return a backup for people; numbers are masked unless they are to be revealed."""
    record = annotated.record
    facts = record.facts
    problems = list(record.problems)
    if record.state != "removed" and not record.is_reachable:
        problems.append(UNREACHABLE)
    if not is_text(record.path):
        problems.append(NAME_IS_NO_TEXT)
    return Backup(
        id=BackupId(str(record.id)),
        udid=None if record.udid is None else Udid(record.udid),
        name=facts.name,
        label=annotated.label,
        notes=annotated.notes,
        path=record.shown_path,
        product_type=facts.product_type,
        model=facts.model,
        ios_version=facts.ios_version,
        build_version=facts.build_version,
        serial_number=_shown(facts.serial_number, reveal=reveal),
        phone_numbers=_all_shown(facts.phone_numbers, reveal=reveal),
        imei=_shown(facts.imei, reveal=reveal),
        apps=facts.apps,
        state=record.state,
        problems=problems,
        missing_files=record.missing_files,
        encrypted=record.encrypted,
        format=record.format,
        last_backup_at=record.last_backup_at,
        size_bytes=annotated.size_bytes,
        file_count=annotated.file_count,
        first_seen_at=record.first_seen_at,
        revision=record.revision,
    )


def shown_device(newest: Record, backup_ids: list[UUID], *, reveal: bool) -> Device:
    """Return a device as its newest backup describes it."""
    assert newest.udid is not None
    facts = newest.facts
    return Device(
        udid=Udid(newest.udid),
        name=facts.name,
        product_type=facts.product_type,
        model=facts.model,
        ios_version=facts.ios_version,
        serial_number=_shown(facts.serial_number, reveal=reveal),
        phone_numbers=_all_shown(facts.phone_numbers, reveal=reveal),
        backup_ids=[BackupId(str(backup_id)) for backup_id in backup_ids],
        last_backup_at=newest.last_backup_at,
    )


def location_of(record: Record) -> Location:
    """Return where a backup lies. The path must be text."""
    return Location(
        backup_id=BackupId(str(record.id)),
        path=record.path.decode(),
        udid=None if record.udid is None else Udid(record.udid),
        state=record.state,
        encrypted=record.encrypted,
        format=record.format,
        revision=record.revision,
        taken_at=record.last_backup_at,
        region=record.facts.region,
        manifest=None
        if record.manifest is None
        else ManifestMark(size_bytes=record.manifest.size, mtime_ns=record.manifest.mtime_ns),
    )


def _shown(value: str | None, *, reveal: bool) -> str | None:
    return value if reveal else masked(value)


def _all_shown(values: list[str], *, reveal: bool) -> list[str]:
    return [shown for value in values if (shown := _shown(value, reveal=reveal)) is not None]
