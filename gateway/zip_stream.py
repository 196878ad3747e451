"""A selection of a backup as one zip, made while it is sent; nothing is stored on the way.

A file that is missing or damaged does not spoil the rest: it is left out and named in the last
member, ``SKIPPED.txt``. When the session is gone the zip breaks off instead, without its end.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import stat
from collections.abc import AsyncIterator
from typing import Any

from litestar.types import Send
from stream_zip import ZIP_AUTO, async_stream_zip

from gateway import metrics
from gateway.ranges import Span
from gateway.session_access import SessionAccess
from gateway.streaming import Readahead
from shared.contracts.identifiers import BackupId
from shared.contracts.problems import Problem, ProblemError
from shared.contracts.requests import MAX_LIMIT, Page
from shared.contracts.unlock import File, FileContent, ListFiles, OpenFile, ReadFile
from shared.member_names import MemberNames, safe_member_name

SKIPPED_NAME = "SKIPPED.txt"

#: These concern one file; every other problem concerns the session and ends the zip.
_SKIPPABLE = frozenset(
    {
        "/problems/damaged",
        "/problems/not-found",
        "/problems/not-in-this-backup",
        "/problems/incomplete-backup",
    }
)
#: Compressing these again costs a core and gains nothing.
_COMPRESSED = tuple(
    f".{suffix}"
    for suffix in (
        *("aac", "aif", "avif", "gif", "gz", "heic", "heics", "heif", "jpeg", "jpg", "m4a", "m4v"),
        *("mov", "mp3", "mp4", "pdf", "png", "webp", "xz", "zip", "zst"),
    )
)
#: What a zip's clock can show.
_EARLIEST = dt.datetime(1980, 1, 1, tzinfo=dt.UTC)
_LATEST = dt.datetime(2107, 12, 31, tzinfo=dt.UTC)
_CHUNK_BYTES = 512 * 1024

Member = tuple[str, dt.datetime, int, Any, AsyncIterator[bytes]]


class ZipSource:
    """One zip on its way: pages through the manifest and opens file after file."""

    def __init__(
        self,
        sessions: SessionAccess,
        *,
        backup_id: BackupId,
        token: str | None,
        domain: str | None,
        path_like: str | None,
        chunk_bytes: int,
    ) -> None:
        self._sessions = sessions
        self._backup_id = backup_id
        self._token = token
        self._domain = domain
        self._path_like = path_like
        self._chunk_bytes = chunk_bytes
        self._names = MemberNames()
        self._skipped: list[str] = []
        # The name is taken first, so that no file of the phone can pass for ours.
        self._names.claim(SKIPPED_NAME)

    async def first_page(self) -> Page[File]:
        """Return the first files, so that what is wrong shows before the answer begins."""
        return await self._page(None)

    async def write(self, first: Page[File], send: Send, tasks: asyncio.TaskGroup) -> None:
        """Send the whole zip. Raises the problem that broke it off."""
        chunks = async_stream_zip(self._members(first, tasks), chunk_size=_CHUNK_BYTES)
        async for chunk in chunks:
            metrics.STREAMED_BYTES.inc(len(chunk))
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _page(self, cursor: str | None) -> Page[File]:
        return await self._sessions.ask(
            ListFiles(
                domain=self._domain,
                path_like=self._path_like,
                kind="file",
                limit=MAX_LIMIT,
                cursor=cursor,
            ),
            backup_id=self._backup_id,
            token=self._token,
        )

    async def _members(self, page: Page[File], tasks: asyncio.TaskGroup) -> AsyncIterator[Member]:
        while True:
            for file in page.items:
                content = await self._open(file)
                if content is not None:
                    yield self._member(file, content, tasks)
            if page.next_cursor is None:
                break
            page = await self._page(page.next_cursor)
        if self._skipped:
            yield _text_member(SKIPPED_NAME, self._skipped)

    def _member(self, file: File, content: FileContent, tasks: asyncio.TaskGroup) -> Member:
        name = self._names.claim(safe_member_name(file.domain, file.relative_path))
        level = 0 if name.lower().endswith(_COMPRESSED) else 1
        # ZIP_AUTO wants an upper bound and adds the 64-bit fields only where they are needed.
        return (
            name,
            _clock(file.modified_at),
            stat.S_IFREG | 0o600,
            ZIP_AUTO(content.size_bytes, level=level),
            self._bytes(file, content, tasks),
        )

    async def _open(self, file: File) -> FileContent | None:
        try:
            return await self._sessions.ask(
                OpenFile(file_id=file.file_id), backup_id=self._backup_id, token=self._token
            )
        except ProblemError as error:
            if error.problem.type not in _SKIPPABLE:
                raise
            self._skip(file, error.problem, "left out")
            return None

    async def _bytes(
        self, file: File, content: FileContent, tasks: asyncio.TaskGroup
    ) -> AsyncIterator[bytes]:
        async def read(offset: int, length: int) -> bytes:
            reply = await self._sessions.ask_bytes(
                ReadFile(file_id=file.file_id, offset=offset, length=length, etag=content.etag),
                backup_id=self._backup_id,
                token=self._token,
            )
            return reply.body

        ahead = Readahead(tasks, read, Span(0, content.size_bytes), chunk_bytes=self._chunk_bytes)
        try:
            async for chunk in ahead:
                yield chunk
        except ProblemError as error:
            if error.problem.type not in _SKIPPABLE:
                raise
            self._skip(file, error.problem, "incomplete in this zip")

    def _skip(self, file: File, problem: Problem, outcome: str) -> None:
        where = safe_member_name(file.domain, file.relative_path)
        self._skipped.append(f"{where}\t{outcome}\t{problem.title}")


def _text_member(name: str, lines: list[str]) -> Member:
    body = ("\n".join(["name\toutcome\treason", *lines]) + "\n").encode()

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    return (
        name,
        dt.datetime.now(dt.UTC),
        stat.S_IFREG | 0o600,
        ZIP_AUTO(len(body), level=1),
        chunks(),
    )


def _clock(moment: dt.datetime | None) -> dt.datetime:
    if moment is None:
        return _EARLIEST
    return min(max(moment, _EARLIEST), _LATEST)
