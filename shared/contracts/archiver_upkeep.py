"""What the archiver is asked to look after stores: rebuild, verify, delete, collect, forget."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal

import msgspec

from shared.contracts.archiver import Accepted, Archive, ArchiveId, DestinationId, SourceId
from shared.contracts.identifiers import JobId
from shared.contracts.requests import Request

#: ``listing``: everything is there and as long as it was. ``sample``: some of it is read as well,
#: what was read longest ago first. ``full``: every byte.
VerifyLevel = Literal["listing", "sample", "full"]


class DeletionPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What deleting an archive gives back, beside what is going to be deleted already."""

    archive_id: ArchiveId
    #: The sum of the next two, exactly; before encryption, where there is any.
    freed_bytes: int
    #: Gone with the archive.
    bundle_bytes: int
    #: Gone after a grace of their own: no other archive needs them.
    object_bytes: int
    object_count: int
    #: When the archive is deleted, if it is now asked for, or was.
    deletion_scheduled_at: dt.datetime


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many files nothing is known any more, and the job that lists what is stored."""

    file_count: int
    job_ids: list[JobId] = []


class RebuildCatalogue(Request[Accepted], frozen=True, kw_only=True):
    """Take up the archives of a destination that the catalogue does not know."""

    subject: ClassVar[str] = "cmd.archiver.rebuild_catalogue"
    reply: ClassVar[object] = Accepted
    destination_id: DestinationId


class VerifyArchive(Request[Accepted], frozen=True, kw_only=True):
    """Look whether an archive is all there."""

    subject: ClassVar[str] = "cmd.archiver.verify_archive"
    reply: ClassVar[object] = Accepted
    archive_id: ArchiveId
    level: VerifyLevel


class VerifyDestination(Request[Accepted], frozen=True, kw_only=True):
    """Look whether everything is there that should be in a destination."""

    subject: ClassVar[str] = "cmd.archiver.verify_destination"
    reply: ClassVar[object] = Accepted
    destination_id: DestinationId
    level: VerifyLevel


class PreviewDeletion(Request[DeletionPreview], frozen=True, kw_only=True):
    """Tell what deleting an archive would give back."""

    subject: ClassVar[str] = "cmd.archiver.preview_deletion"
    reply: ClassVar[object] = DeletionPreview
    archive_id: ArchiveId


class DeleteArchive(Request[DeletionPreview], frozen=True, kw_only=True):
    """Have an archive deleted after the grace. Refused for protected ones."""

    subject: ClassVar[str] = "cmd.archiver.delete_archive"
    reply: ClassVar[object] = DeletionPreview
    archive_id: ArchiveId


class UndeleteArchive(Request[Archive], frozen=True, kw_only=True):
    """Keep an archive that was to be deleted."""

    subject: ClassVar[str] = "cmd.archiver.undelete_archive"
    reply: ClassVar[object] = Archive
    archive_id: ArchiveId


class CollectDestination(Request[Accepted], frozen=True, kw_only=True):
    """Delete what is due in a destination, and nothing else."""

    subject: ClassVar[str] = "cmd.archiver.collect_destination"
    reply: ClassVar[object] = Accepted
    destination_id: DestinationId
    #: Also what only archives need that cannot be read.
    gives_up_unreadable: bool = False


class ForgetKnown(Request[Forgotten], frozen=True, kw_only=True):
    """Forget what files consist of, so that the next archives read everything again."""

    subject: ClassVar[str] = "cmd.archiver.forget_known"
    reply: ClassVar[object] = Forgotten
    source_id: SourceId | None = None
    destination_id: DestinationId | None = None
    #: List what is stored as well, and strike out what is not there.
    objects: bool = False
