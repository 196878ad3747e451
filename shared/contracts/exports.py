"""What the indexer is asked about exports: make one, and everything that a finished one answers.

A finished export rests with the one replica that made it, which alone has its key, and is found
like a session: by subscriptions on ``indexer.export.<export id>.*``. When they are gone, so is it.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from shared.contracts.identifiers import ArtifactId, BackupId, JobId, SessionId, ThreadId, Udid
from shared.contracts.indexer import JobAccepted
from shared.contracts.requests import Done, Request

#: Most bytes of one read; fits the smallest NATS payload limit in use (1 MiB) with its headers.
READ_BYTES = 512 * 1024
#: Things that may be named one by one.
MOST_NAMED = 10_000
#: Backups whose files one export may read through sessions.
MOST_SESSIONS = 32

Kind = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,40}$")]


class ExportQuery(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"since": "from", "until": "to"},
):
    """What is exported, in the words of lists and of the search. Nothing at all means everything.

    ``q`` is a search with its filters; it cannot be had ``as_of`` a moment.
    """

    q: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    device: Udid | None = None
    kind: Kind | None = None
    kinds: Annotated[list[Kind], msgspec.Meta(min_length=1, max_length=100)] | None = None
    thread: ThreadId | None = None
    #: Devices that follow each other as one history, nothing twice; ``device`` is any of them, and
    #: ``thread`` any of those that are stitched together.
    lineage: bool = False
    #: The id of a person who sent or took part, or a handle: then whoever has it.
    person: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    removed: Literal["exclude", "include", "only"] = "exclude"
    as_of: dt.datetime | None = None
    artifact_ids: (
        Annotated[list[ArtifactId], msgspec.Meta(min_length=1, max_length=MOST_NAMED)] | None
    ) = None

    @property
    def wanted_kinds(self) -> list[str] | None:
        """The kinds that are asked for, None for all."""
        if self.kind is None and self.kinds is None:
            return None
        named = [*([self.kind] if self.kind else []), *(self.kinds or [])]
        return list(dict.fromkeys(named))


class ExportWish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to have; kept with the job, so that it can be made again."""

    query: ExportQuery
    format: str
    include_media: bool = False
    #: A name of the tz database, in which documents for people show times.
    time_zone: str = "UTC"


class RequestExport(Request[JobAccepted], frozen=True, kw_only=True):
    """Make an export. Media of encrypted backups come out of sessions, as far as they are named."""

    subject: ClassVar[str] = "cmd.indexer.request_export"
    reply: ClassVar[object] = JobAccepted
    wish: ExportWish
    session_ids: Annotated[tuple[SessionId, ...], msgspec.Meta(max_length=MOST_SESSIONS)] = ()


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """A finished export."""

    id: JobId
    name: str
    size_bytes: int
    sha256: str
    made_at: dt.datetime
    expires_at: dt.datetime


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """So many were left out, and why."""

    reason: str
    count: int


class KindExported(msgspec.Struct, frozen=True, kw_only=True):
    """What an export made of one kind."""

    kind: str
    read: int
    written: int
    left_out: list[LeftOut] = []


class LockedBackup(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that was locked, and how many files are missing for that."""

    backup_id: BackupId
    device: Udid
    files: int


class MediaExported(msgspec.Struct, frozen=True, kw_only=True):
    """What an export made of the files that belong to what it holds."""

    written: int = 0
    written_bytes: int = 0
    left_out: list[LeftOut] = []
    #: What has to be unlocked to get more of them.
    locked: list[LockedBackup] = []


class DescribeExport(Request[Export], frozen=True, kw_only=True):
    """The export itself."""

    subject: ClassVar[str] = "describe"
    reply: ClassVar[object] = Export


class ReadExport(Request[bytes], frozen=True, kw_only=True):
    """Up to ``length`` bytes from ``offset``; empty at and after the end."""

    subject: ClassVar[str] = "read"
    reply: ClassVar[object] = bytes
    #: The one that was described: one that was made again since is refused.
    sha256: str
    offset: int = 0
    length: int = READ_BYTES


class RemoveExport(Request[Done], frozen=True, kw_only=True):
    """Remove it now."""

    subject: ClassVar[str] = "remove"
    reply: ClassVar[object] = Done


#: What a finished export answers; by subject the verbs of ``indexer.export.<export id>``.
OF_AN_EXPORT: tuple[type[Request[Any]], ...] = (DescribeExport, ReadExport, RemoveExport)


def export_subject(export_id: str, verb: str) -> str:
    """Return the subject on which an export answers *verb*."""
    return f"indexer.export.{export_id}.{verb}"
