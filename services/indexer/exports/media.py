"""The files of what is exported, out of whichever open backup still has them.

Plain backups are opened for the export alone; encrypted ones only through the session that came
with the request. What cannot be read is left out, with a reason for people.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

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


class BrokenOffError(Exception):
    """A file that was begun cannot be read to its end."""


class MediaSource:
    """Finds and reads files, for one export."""

    def __init__(self, bus: Bus, connection: Connection, session_id: str | None) -> None:
        self._bus = bus
        self._connection = connection
        self._given = None if session_id is None else SessionId(session_id)
        #: Which backup the given session is of; None when it is over.
        self._given_backup: BackupId | None = None
        self._is_given_known = False
        #: By backup: its session, or why there is none.
        self._sessions: dict[str, SessionId | NoSession] = {}
        self._own: list[SessionId] = []
        self._holders: dict[str, list[tuple[dt.datetime, str]]] = {}

    async def open(self, row: Row, staged: StagedAttachment) -> OpenedFile | str:
        """Return a file of the artifact in *row*, or why it is left out.

        Raises ``ProblemError`` while somebody does not answer who will.
        """
        if staged.file_id is None or not staged.present:
            return staged.reason or NOT_THERE
        why = GONE
        for backup_id in await self._backups(row):
            session = await self._session(backup_id)
            if isinstance(session, NoSession):
                why = _worse(why, session.reason)
                continue
            opened = await self._open(session, FileId(staged.file_id))
            if isinstance(opened, OpenedFile):
                return opened
            if opened == LOCKED:
                self._sessions[backup_id] = NoSession(LOCKED)
            why = _worse(why, opened)
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
        if not self._is_given_known:
            self._given_backup = await self._backup_of_given()
            self._is_given_known = True
        if self._given is not None and self._given_backup == backup_id:
            return self._given
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

    async def _backup_of_given(self) -> BackupId | None:
        if self._given is None:
            return None
        try:
            session = await self._bus.request(
                DescribeSession(), subject=session_subject(self._given, DescribeSession.subject)
            )
        except ProblemError as error:
            if error.problem.status in _PASSING:
                raise
            return None
        return session.backup_id


def _worse(before: str, now: str) -> str:
    """Return what a person can do something about: locked before everything else."""
    return LOCKED if LOCKED in (before, now) else now
