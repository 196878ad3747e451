"""Files of an open session as private copies, read over the bus in a window of requests.

The indexer has no keys: when the session ends, the next request meets nobody and the run learns
that the backup is locked.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from services.indexer.errors import backup_changed
from services.indexer.kinds.protocol import NeededFile
from shared.bus import Bus
from shared.contracts.discovery import Location
from shared.contracts.identifiers import SessionId
from shared.contracts.problems import ProblemError, problem
from shared.contracts.requests import MAX_LIMIT
from shared.contracts.unlock import (
    READ_CHUNK_BYTES,
    CheckFiles,
    CloseSession,
    DescribeSession,
    File,
    FilePattern,
    FindFile,
    ListApps,
    ListFiles,
    OpenFile,
    ReadFile,
    session_subject,
)

_WINDOW = 4
_TIMEOUT_SECONDS = 30.0


class ListedLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the listing that a worker gets."""

    domain: str
    relative_path: str
    file_id: str
    size_bytes: int | None
    present: bool | None
    modified_at: dt.datetime | None = None
    created_at: dt.datetime | None = None
    attributes: dict[str, bytes] | None = None


class SessionFiles:
    """What one session lets us read."""

    def __init__(self, bus: Bus, session_id: str) -> None:
        self._bus = bus
        self._session_id = SessionId(session_id)

    async def check(self, location: Location) -> None:
        """Raise ``/problems/locked``, or that the session reads something else than *location*.

        What discovery saw last and what the session opened may be two runs of the phone: content
        must never be taken for another revision's.
        """
        session = await self._bus.request(
            DescribeSession(), subject=self._subject(DescribeSession.subject)
        )
        if session.backup_id != location.backup_id:
            raise problem(
                "wrong-session",
                "The session belongs to another backup.",
                403,
                "Unlock the backup that you want to index.",
            )
        if None not in (session.manifest, location.manifest) and (
            session.manifest != location.manifest
        ):
            raise backup_changed()

    async def find(self, domain: str, relative_path: str) -> File | None:
        """Return an entry of the manifest, or None when the backup has no such file."""
        try:
            return await self._bus.request(
                FindFile(domain=domain, relative_path=relative_path),
                subject=self._subject(FindFile.subject),
                timeout_seconds=_TIMEOUT_SECONDS,
            )
        except ProblemError as error:
            if error.problem.status == 404:
                return None
            raise

    async def check_patterns(self, patterns: Sequence[tuple[str, str]]) -> list[bool]:
        """Return of which of some patterns, each a domain and a path, the backup has anything."""
        holdings = await self._bus.request(
            CheckFiles(patterns=[FilePattern(*pattern) for pattern in patterns]),
            subject=self._subject(CheckFiles.subject),
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        return holdings.held

    async def find_matching(self, needed: NeededFile) -> list[File]:
        """Return the files that a pattern names, by domain and path; no directories or links."""
        found: list[File] = []
        async for page in self._pages(
            domain=None if "*" in needed.domain else needed.domain,
            path_like=needed.relative_path.replace("*", "%"),
        ):
            found += [file for file in page if needed.matches(file.domain, file.relative_path)]
        return found

    async def copy(self, file: File, target: Path) -> bytes:
        """Write a file's plaintext to *target*, readable for us only; return its SHA-256."""
        content = await self._bus.request(
            OpenFile(file_id=file.file_id),
            subject=self._subject(OpenFile.subject),
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        length = content.size_bytes
        offsets = iter(range(0, length, READ_CHUNK_BYTES))
        waiting: deque[asyncio.Task[bytes]] = deque()
        said = hashlib.sha256()
        with open_private(target) as copy:

            def take(chunk: bytes) -> None:
                said.update(chunk)
                copy.write(chunk)

            try:
                while True:
                    while len(waiting) < _WINDOW and (offset := next(offsets, None)) is not None:
                        waiting.append(
                            asyncio.create_task(self._read(file, offset), name="read of a file")
                        )
                    if not waiting:
                        break
                    chunk = await waiting[0]
                    waiting.popleft()
                    await asyncio.to_thread(take, chunk)
            finally:
                for task in waiting:
                    task.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
        return said.digest()

    async def write_listing(
        self,
        listings: Iterable[tuple[str, str]],
        target: Path,
        *,
        detailed: Collection[tuple[str, str]] = (),
        attributes: str | None = None,
    ) -> set[tuple[str, str]]:
        """Write one JSON line per file of the manifest under the domains' prefixes.

        Those under *detailed* come with their times and the extended *attributes* that begin like
        this. Returns the listings that have any file.
        """
        encode = msgspec.json.Encoder().encode
        filled: set[tuple[str, str]] = set()
        with open_private(target) as lines:
            for domain, prefix in listings:
                wanted = attributes if (domain, prefix) in detailed else None
                async for page in self._pages(
                    domain=domain, path_like=f"{prefix}%", attributes=wanted
                ):
                    found = [
                        encode(_line(file)) + b"\n"
                        for file in page
                        # LIKE takes an underscore for any character and ignores case.
                        if file.relative_path.startswith(prefix)
                    ]
                    if found:
                        filled.add((domain, prefix))
                    await asyncio.to_thread(lines.write, b"".join(found))
        return filled

    async def write_apps(self, target: Path, *, sizes: bool) -> None:
        """Write one JSON line per app of the backup, without their files' sums unless asked for."""
        page = await self._bus.request(
            ListApps(), subject=self._subject(ListApps.subject), timeout_seconds=_TIMEOUT_SECONDS
        )
        apps = page.items
        if not sizes:  # which are the largest changes all the time, and their order with it
            apps = [
                msgspec.structs.replace(app, file_count=0, size_bytes=None)
                for app in sorted(apps, key=lambda app: app.bundle_id)
            ]
        body = b"".join(msgspec.json.encode(app) + b"\n" for app in apps)
        with open_private(target) as lines:
            await asyncio.to_thread(lines.write, body)

    async def _pages(
        self, *, domain: str | None, path_like: str, attributes: str | None = None
    ) -> AsyncIterator[list[File]]:
        cursor: str | None = None
        while True:
            page = await self._bus.request(
                ListFiles(
                    domain=domain,
                    path_like=path_like,
                    kind="file",
                    attributes=attributes,
                    limit=MAX_LIMIT,
                    cursor=cursor,
                ),
                subject=self._subject(ListFiles.subject),
                timeout_seconds=_TIMEOUT_SECONDS,
            )
            yield page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    async def close(self) -> None:
        """End the session; one that has ended is fine."""
        try:
            await self._bus.request(
                CloseSession(), subject=self._subject(CloseSession.subject), timeout_seconds=2.0
            )
        except ProblemError:
            # Gone already, or unreachable: it expires by itself.
            return

    async def _read(self, file: File, offset: int) -> bytes:
        return await self._bus.request(
            ReadFile(file_id=file.file_id, offset=offset, length=READ_CHUNK_BYTES),
            subject=self._subject(ReadFile.subject),
            timeout_seconds=_TIMEOUT_SECONDS,
        )

    def _subject(self, verb: str) -> str:
        return session_subject(self._session_id, verb)


def _line(file: File) -> ListedLine:
    attributes = None if file.attributes is msgspec.UNSET else file.attributes
    return ListedLine(
        domain=file.domain,
        relative_path=file.relative_path,
        file_id=file.file_id,
        size_bytes=file.size_bytes,
        present=file.present,
        # Times and attributes are for the kinds that ask for them; for others they are a burden.
        modified_at=None if attributes is None else file.modified_at,
        created_at=None if attributes is None else file.created_at,
        attributes=attributes or None,
    )


def open_private(path: Path) -> BinaryIO:
    """Make a file that only we may read; one that exists already is an error."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "wb")
