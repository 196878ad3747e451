"""What unlock is asked: open a backup, and everything that an open session answers.

A session is a subscription on ``unlock.session.<session id>.*``. When it is gone, requests meet no
responder, which callers show as locked. Requests on behalf of a person carry the session token
and the backup in headers and are refused when they do not fit; services are let in by NATS
authorisation alone.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Generic, Literal, TypeVar

import msgspec

from shared.contracts.discovery import ManifestMark
from shared.contracts.identifiers import BackupId, FileId, SessionId, Udid
from shared.contracts.requests import DEFAULT_LIMIT, Done, Page, Request

Summary = TypeVar("Summary")

#: Headers on requests to a session that are made for a person.
TOKEN_HEADER = "Keepsake-Session-Token"  # noqa: S105 -- a header's name
BACKUP_HEADER = "Keepsake-Backup"

#: Most bytes of one read; fits the smallest NATS payload limit in use (1 MiB) with its headers.
READ_CHUNK_BYTES = 512 * 1024

FileKind = Literal["file", "directory", "symlink", "other"]
FileSort = Literal["path", "size", "modified"]
#: Whether the sizes of all files are known: ``pending`` right after unlocking a phone with very
#: many, seconds later known; ``unreadable`` where the manifest is damaged just there.
SizesState = Literal["known", "pending", "unreadable"]
#: Whether an answer comes at once, with the bytes that are known, or waits for all of them.
WhichSizes = Literal["now", "wait"]


def session_subject(session_id: SessionId, verb: str) -> str:
    """Return the subject on which a session answers *verb*."""
    return f"unlock.session.{session_id}.{verb}"


class OpenedSession(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh session. The token is shown this once; only its hash is kept."""

    session_token: str
    session_id: SessionId
    backup_id: BackupId
    ttl_seconds: int
    expires_at: dt.datetime
    encrypted: bool
    file_count: int
    #: What was found odd while opening (an unpadded manifest, a wrong flag), in sentences.
    warnings: list[str] = []

    def __repr__(self) -> str:
        """Leave the token out of logs and tracebacks."""
        return f"OpenedSession(session_id={self.session_id!r}, backup_id={self.backup_id!r})"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open session as others may see it."""

    session_id: SessionId
    backup_id: BackupId
    udid: Udid | None
    encrypted: bool
    opened_at: dt.datetime
    expires_at: dt.datetime
    last_used_at: dt.datetime | None = None
    #: The manifest that was opened, for services that must know which revision they read.
    manifest: ManifestMark | None = None


class DomainSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One domain of a backup. Bytes are the manifest's claim; null while they are not known."""

    domain: str
    file_count: int
    size_bytes: int | None


class AppSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One app with all of its domains. Bytes are null while they are not known."""

    bundle_id: str
    name: str | None
    version: str | None
    domains: list[str]
    file_count: int
    size_bytes: int | None


class Summaries(msgspec.Struct, Generic[Summary], frozen=True, kw_only=True):
    """All summaries of a backup, in one page. Counts are always there; bytes when ``sizes`` says.

    Who meets ``pending`` asks again, or with ``sizes="wait"``.
    """

    items: list[Summary]
    next_cursor: str | None = None
    sizes: SizesState = "known"


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a backup's manifest. ``size_bytes`` is the manifest's claim, often a bit off."""

    file_id: FileId
    domain: str
    relative_path: str
    kind: FileKind
    size_bytes: int | None
    modified_at: dt.datetime | None
    created_at: dt.datetime | None
    mode: int | None
    protection_class: int | None
    target: str | None
    #: Whether the blob is on disk; null where nothing is stored (directories, links).
    present: bool | None
    #: Extended attributes, in base64; only there for services that ask for them.
    attributes: dict[str, bytes] | msgspec.UnsetType = msgspec.UNSET


class FileContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader needs before the first byte. ``size_bytes`` is exact."""

    file_id: FileId
    name: str
    media_type: str
    size_bytes: int
    etag: str
    modified_at: dt.datetime | None
    warnings: list[str] = []


class OpenSession(Request[OpenedSession], frozen=True, kw_only=True):
    """Open a backup. 403 wrong passphrase, 409 incomplete, 422 damaged, 429 throttled."""

    subject: ClassVar[str] = "cmd.unlock.open_session"
    reply: ClassVar[object] = OpenedSession
    backup_id: BackupId
    #: Null for a plain backup.
    passphrase: str | None = None
    ttl_seconds: int | None = None
    #: Who asks, for throttling (a token's id or an address); never shown.
    caller: str = ""
    #: A service asks for work of its own, not for a person.
    unattended: bool = False
    #: A name that the caller made up, by which it may give the opening up.
    opening: str | None = None

    def __repr__(self) -> str:
        """Leave the passphrase out of logs and tracebacks."""
        return f"OpenSession(backup_id={self.backup_id!r})"


class AbandonOpenings(Request[Done], frozen=True, kw_only=True):
    """Give up what is being opened, in every replica: one opening by its name, or all of them.

    Sessions stay. Whoever waits for such an opening is told 409.
    """

    subject: ClassVar[str] = "cmd.unlock.abandon_openings"
    reply: ClassVar[object] = Done
    opening: str | None = None


class ListSessions(Request[Page[Session]], frozen=True, kw_only=True):
    """Every open session of every replica, newest first."""

    subject: ClassVar[str] = "cmd.unlock.list_sessions"
    reply: ClassVar[object] = Page[Session]


class CloseSession(Request[Done], frozen=True, kw_only=True):
    """Forget the keys now."""

    subject: ClassVar[str] = "close"
    reply: ClassVar[object] = Done


class DescribeSession(Request[Session], frozen=True, kw_only=True):
    """The session itself; the cheapest way to check a token."""

    subject: ClassVar[str] = "describe"
    reply: ClassVar[object] = Session


class ListDomains(Request[Summaries[DomainSummary]], frozen=True, kw_only=True):
    """All domains with their counts, by name."""

    subject: ClassVar[str] = "domains"
    reply: ClassVar[object] = Summaries[DomainSummary]
    sizes: WhichSizes = "now"


class ListApps(Request[Summaries[AppSummary]], frozen=True, kw_only=True):
    """Apps with their counts over all of their domains, largest first (by files, without sizes)."""

    subject: ClassVar[str] = "apps"
    reply: ClassVar[object] = Summaries[AppSummary]
    sizes: WhichSizes = "now"


class ListFiles(Request[Page[File]], frozen=True, kw_only=True):
    """A page of the manifest. ``path_like`` is SQL LIKE over the relative path."""

    subject: ClassVar[str] = "files"
    reply: ClassVar[object] = Page[File]
    domain: str | None = None
    path_like: str | None = None
    kind: FileKind | None = None
    sort: FileSort = "path"
    #: Files come with their extended attributes whose names begin like this.
    attributes: str | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class StatFile(Request[File], frozen=True, kw_only=True):
    """One entry by its file id."""

    subject: ClassVar[str] = "stat"
    reply: ClassVar[object] = File
    file_id: FileId


class FindFile(Request[File], frozen=True, kw_only=True):
    """One entry by its exact domain and relative path (404 ``/problems/not-in-this-backup``)."""

    subject: ClassVar[str] = "find"
    reply: ClassVar[object] = File
    domain: str
    relative_path: str


class FilePattern(msgspec.Struct, frozen=True):
    """Files by domain and relative path; in both ``*`` stands for any characters."""

    domain: str
    relative_path: str


class Holdings(msgspec.Struct, frozen=True):
    """Whether there is anything of each pattern, in their order."""

    held: list[bool]


class CheckFiles(Request[Holdings], frozen=True, kw_only=True):
    """Of which of many patterns the backup has anything; of those with ``*``, only files count."""

    subject: ClassVar[str] = "check"
    reply: ClassVar[object] = Holdings
    patterns: list[FilePattern]


class OpenFile(Request[FileContent], frozen=True, kw_only=True):
    """Exact length, media type and ETag of a file's plaintext."""

    subject: ClassVar[str] = "open"
    reply: ClassVar[object] = FileContent
    file_id: FileId


class ReadFile(Request[bytes], frozen=True, kw_only=True):
    """Up to ``length`` bytes of plaintext from ``offset``; empty at and after the end."""

    subject: ClassVar[str] = "read"
    reply: ClassVar[object] = bytes
    file_id: FileId
    offset: int = 0
    length: int = READ_CHUNK_BYTES
    #: The file as it was opened: whichever session answers, other bytes are refused.
    etag: str | None = None
