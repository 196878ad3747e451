"""The files of what is exported, out of whichever open backup still has them.

Plain backups are opened for the export alone; encrypted ones only through the sessions that came
with the request. What a newer version of a thing has lost, or has in a locked backup only, is taken
from an older version that has the same file: of an earlier revision, or of the phone before this
one. What cannot be read is left out, with a reason for people.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from services.indexer.history.storage_rows import staged_attachments
from services.indexer.lineage.storage_view import fetch_shards_of
from services.indexer.runs.session_files import SessionFiles
from services.indexer.staging import StagedAttachment
from shared.bus import Bus
from shared.contracts.discovery import LocateBackup
from shared.contracts.identifiers import BackupId, FileId, SessionId
from shared.contracts.problems import ProblemError, locked
from shared.contracts.unlock import (
    READ_CHUNK_BYTES,
    DescribeSession,
    OpenFile,
    OpenSession,
    ReadFile,
    session_subject,
)

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection, Row

LOCKED = "The backup that holds the file is locked. Unlock it and export with its session."
GONE = "No backup that held the file is there any more."
NOT_THERE = "The file is not in the backup."
DAMAGED = "The file cannot be read: it is damaged in the backup."
BROKEN_OFF = "The file could only be read in part."

_WINDOW = 4
#: Attachments of what has none, as they lie in the table.
_NONE = "[]"
#: Versions that are held for one piece of rows.
_MOST_VERSIONS = 5_000
_TIMEOUT_SECONDS = 30.0
_OPEN_TIMEOUT_SECONDS = 120.0
#: Nobody answers right now; everything else is about the file or its backup.
_PASSING = (503, 504)


class OpenedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that can be read, from a session."""

    session_id: SessionId
    file_id: FileId
    size_bytes: int
    etag: str


class NoSession(NamedTuple):
    """Why a backup cannot be read."""

    reason: str


class Unread(NamedTuple):
    """Why a file is left out, and the locked backup that has it."""

    reason: str
    backup_id: str | None = None
    device: str | None = None


class BrokenOffError(Exception):
    """A file that was begun cannot be read to its end."""


class MediaSource:
    """Finds and reads files, for one export."""

    def __init__(
        self,
        bus: Bus,
        connection: Connection,
        session_ids: Sequence[str],
        *,
        devices_of: Callable[[str], Sequence[str]],
    ) -> None:
        """Read through these sessions; *devices_of* names the devices that one stands for."""
        self._bus = bus
        self._connection = connection
        self._devices_of = devices_of
        self._session_ids = [SessionId(one) for one in dict.fromkeys(session_ids)]
        #: By backup the session that was given; None before it was asked.
        self._given: dict[BackupId, SessionId] | None = None
        #: By backup: its session, or why there is none.
        self._sessions: dict[str, SessionId | NoSession] = {}
        self._own: list[SessionId] = []
        self._holders: dict[str, list[tuple[dt.datetime, str]]] = {}
        #: Of the piece that is looked at: all versions by their keys, the newest device's first.
        self._versions: dict[str, list[Row]] = {}

    async def look_around(self, rows: Sequence[Row]) -> None:
        """Look for other versions of *rows*, which are of one kind, that have files as well."""
        self._versions = {}
        wanted = [row["key"] for row in rows if row["attachments"] != _NONE]
        if not wanted:
            return
        kind = rows[0]["kind"]
        devices = list(
            dict.fromkeys(one for row in rows for one in self._devices_of(row["device"]))
        )
        shards = await fetch_shards_of(self._connection, devices, kind=kind)
        found = await self._connection.fetch(
            "select a.id, a.device, a.key, a.added_at, a.removed_at,"
            " a.attachments::text as attachments from artifact a"
            " where a.shard = any($1) and a.key = any($2) and a.device = any($3) and a.kind = $4"
            " and a.has_attachment order by a.added_at desc, a.id desc limit $5",
            [shard.number for shard in shards],
            wanted,
            devices,
            kind,
            _MOST_VERSIONS,
        )
        for row in sorted(found, key=lambda row: devices.index(row["device"]), reverse=True):
            self._versions.setdefault(row["key"], []).append(row)

    async def open(self, row: Row, staged: StagedAttachment) -> OpenedFile | Unread:
        """Return a file of the artifact in *row*, or why it is left out.

        Raises ``ProblemError`` while somebody does not answer who will.
        """
        found = await self._open_version(row, staged)
        if isinstance(found, OpenedFile):
            return found
        why = found
        for version in self._versions.get(row["key"], ()):
            if version["id"] == row["id"]:
                continue
            if version["device"] not in self._devices_of(row["device"]):
                continue
            for other in staged_attachments(version):
                if _is_same_file(staged, other):
                    found = await self._open_version(version, other)
                    if isinstance(found, OpenedFile):
                        return found
                    why = _worse(why, found)
        return why

    async def _open_version(self, row: Row, staged: StagedAttachment) -> OpenedFile | Unread:
        """Return a file out of a backup that was made of the phone in the time of *row*."""
        if staged.file_id is None or not staged.present:
            return Unread(staged.reason or NOT_THERE)
        why = Unread(GONE)
        for backup_id in await self._backups(row):
            session = await self._session(backup_id)
            if isinstance(session, NoSession):
                why = _worse(why, _unread(session.reason, backup_id, row))
                continue
            opened = await self._open(session, FileId(staged.file_id))
            if isinstance(opened, OpenedFile):
                return opened
            if opened == LOCKED:
                self._sessions[backup_id] = NoSession(LOCKED)
            why = _worse(why, _unread(opened, backup_id, row))
        return why

    async def pieces(self, file: OpenedFile) -> AsyncIterator[bytes]:
        """Yield exactly the bytes of *file*. Raises ``BrokenOffError`` when some do not come."""
        waiting: deque[tuple[int, asyncio.Task[bytes]]] = deque()
        offset = 0
        try:
            while offset < file.size_bytes or waiting:
                while offset < file.size_bytes and len(waiting) < _WINDOW:
                    length = min(READ_CHUNK_BYTES, file.size_bytes - offset)
                    waiting.append((length, asyncio.create_task(self._read(file, offset, length))))
                    offset += length
                length, reading = waiting.popleft()
                try:
                    piece = await reading
                except ProblemError:
                    raise BrokenOffError from None
                if len(piece) != length:
                    raise BrokenOffError
                yield piece
        finally:
            for _, reading in waiting:
                reading.cancel()
            await asyncio.gather(*(reading for _, reading in waiting), return_exceptions=True)

    async def close(self) -> None:
        """End the sessions that were opened for this export."""
        for session_id in self._own:
            await SessionFiles(self._bus, session_id).close()

    async def _open(self, session_id: SessionId, file_id: FileId) -> OpenedFile | str:
        try:
            content = await self._bus.request(
                OpenFile(file_id=file_id),
                subject=session_subject(session_id, OpenFile.subject),
                timeout_seconds=_TIMEOUT_SECONDS,
            )
        except ProblemError as error:
            found = error.problem
            if found.status in _PASSING:
                raise
            if found.type == locked().problem.type:
                return LOCKED
            return NOT_THERE if found.status == 404 else DAMAGED
        return OpenedFile(
            session_id=session_id,
            file_id=file_id,
            size_bytes=content.size_bytes,
            etag=content.etag,
        )

    async def _read(self, file: OpenedFile, offset: int, length: int) -> bytes:
        return await self._bus.request(
            ReadFile(file_id=file.file_id, offset=offset, length=length, etag=file.etag),
            subject=session_subject(file.session_id, ReadFile.subject),
            timeout_seconds=_TIMEOUT_SECONDS,
        )

    async def _backups(self, row: Row) -> list[str]:
        """Return the backups that held an artifact, the newest first."""
        device = row["device"]
        if device not in self._holders:
            rows = await self._connection.fetch(
                "select taken_at, backup_id::text from revision_backup where device = $1"
                " order by taken_at desc",
                device,
            )
            self._holders[device] = [(one["taken_at"], one["backup_id"]) for one in rows]
        return list(
            dict.fromkeys(
                backup_id
                for taken_at, backup_id in self._holders[device]
                if row["added_at"] <= taken_at
                and (row["removed_at"] is None or taken_at < row["removed_at"])
            )
        )

    async def _session(self, backup_id: str) -> SessionId | NoSession:
        known = self._sessions.get(backup_id)
        if known is None:
            known = self._sessions[backup_id] = await self._find_session(BackupId(backup_id))
        return known

    async def _find_session(self, backup_id: BackupId) -> SessionId | NoSession:
        if self._given is None:
            self._given = await self._backups_of_given()
        if backup_id in self._given:
            return self._given[backup_id]
        try:
            location = await self._bus.request(LocateBackup(backup_id=backup_id))
            if location.encrypted:
                return NoSession(LOCKED)
            opened = await self._bus.request(
                OpenSession(backup_id=backup_id, caller="indexer", unattended=True),
                timeout_seconds=_OPEN_TIMEOUT_SECONDS,
            )
        except ProblemError as error:
            if error.problem.status in _PASSING:
                raise
            return NoSession(GONE if error.problem.status == 404 else DAMAGED)
        self._own.append(opened.session_id)
        return opened.session_id

    async def _backups_of_given(self) -> dict[BackupId, SessionId]:
        """Return by backup the session that was given; those that are over are left out."""
        given: dict[BackupId, SessionId] = {}
        for session_id in self._session_ids:
            try:
                session = await self._bus.request(
                    DescribeSession(), subject=session_subject(session_id, DescribeSession.subject)
                )
            except ProblemError as error:
                if error.problem.status in _PASSING:
                    raise
                continue
            given.setdefault(session.backup_id, session_id)
        return given


def _is_same_file(staged: StagedAttachment, other: StagedAttachment) -> bool:
    """Return whether a file of another version is the same, by all that is known of the two."""
    sizes = {one.size_bytes for one in (staged, other)} - {None}
    return (
        other.present
        and other.file_id is not None
        and (staged.name, staged.media_type) == (other.name, other.media_type)
        and len(sizes) < 2
    )


def _unread(reason: str, backup_id: str, row: Row) -> Unread:
    return Unread(reason, backup_id, row["device"]) if reason == LOCKED else Unread(reason)


def _worse(before: Unread, now: Unread) -> Unread:
    """Return what a person can do something about: locked before everything else."""
    return now if now.reason == LOCKED and before.reason != LOCKED else before
