"""What an open session answers: the handlers of ``unlock.session.<session id>.<verb>``.

Every request is checked against the session first, then works in a thread on what the session
opened. A reply is a page, a struct or raw bytes; what goes wrong is a problem.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from services.unlock import answers, metrics
from services.unlock.opened_backup import OpenedBackup
from services.unlock.opened_backups import SessionContents
from services.unlock.sessions import LiveSession
from shared.bus import Bus, RequestContext, Serialized, Serving
from shared.contracts.identifiers import SessionId
from shared.contracts.requests import Done, Request
from shared.contracts.unlock import (
    AppSummary,
    CheckFiles,
    CloseSession,
    DescribeSession,
    DomainSummary,
    File,
    FileContent,
    FindFile,
    Holdings,
    ListApps,
    ListDomains,
    ListFiles,
    OpenFile,
    ReadFile,
    Session,
    StatFile,
    Summaries,
    session_subject,
)

Result = TypeVar("Result")
Handler = Callable[[Any, RequestContext], Awaitable[object]]

#: Left of a message for its header lines.
_HEADER_ROOM_BYTES = 4096


class SessionVerbs:
    """The handlers of one session."""

    def __init__(
        self,
        live: LiveSession[SessionContents],
        *,
        lock: Callable[[SessionId], Awaitable[None]],
        max_reply_bytes: int,
    ) -> None:
        self._live = live
        self._lock = lock
        self._max_reply_bytes = max_reply_bytes - _HEADER_ROOM_BYTES

    async def serve(self, bus: Bus) -> list[Serving]:
        """Subscribe every verb, without a queue group: only this process holds the keys.

        When one subscription fails, none is left.
        """
        verbs: dict[type[Request[Any]], Handler] = {
            CloseSession: self.close,
            DescribeSession: self.describe,
            ListDomains: self.list_domains,
            ListApps: self.list_apps,
            ListFiles: self.list_files,
            StatFile: self.stat_file,
            FindFile: self.find_file,
            CheckFiles: self.check_files,
            OpenFile: self.open_file,
            ReadFile: self.read_file,
        }
        results = await asyncio.gather(
            *(
                bus.serve(
                    request_type,
                    handler,
                    subject=session_subject(self._live.session_id, request_type.subject),
                    queue=None,
                )
                for request_type, handler in verbs.items()
            ),
            return_exceptions=True,
        )
        servings = [one for one in results if isinstance(one, Serving)]
        failures = [one for one in results if isinstance(one, BaseException)]
        if failures:
            for serving in servings:
                await serving.stop()
            raise failures[0]
        return servings

    async def close(self, _: CloseSession, context: RequestContext) -> Done:
        """Lock the backup: the keys are gone when this is answered."""
        self._admit(context)
        await self._lock(self._live.session_id)
        return Done()

    async def describe(self, _: DescribeSession, context: RequestContext) -> Session:
        """Describe the session."""
        self._admit(context)
        return msgspec.structs.replace(self._live.facts, last_used_at=self._live.last_used_at)

    async def list_domains(
        self, request: ListDomains, context: RequestContext
    ) -> Summaries[DomainSummary]:
        """All domains by name."""
        return await self._ask(context, lambda backup: backup.domains(request.sizes))

    async def list_apps(self, request: ListApps, context: RequestContext) -> Summaries[AppSummary]:
        """All apps, largest first."""
        return await self._ask(context, lambda backup: backup.apps(request.sizes))

    async def list_files(self, request: ListFiles, context: RequestContext) -> Serialized:
        """Return a page of the manifest, cut to what one message holds."""
        self._admit(context)
        answers.check_list(request)
        after = answers.read_cursor(request)
        body = await self._ask(
            context,
            lambda backup: _page_body(
                backup, request, after=after, max_bytes=self._max_reply_bytes
            ),
        )
        return Serialized(body=body)

    async def stat_file(self, request: StatFile, context: RequestContext) -> File:
        """One entry by its file id."""
        self._admit(context)
        answers.check_file_id(request.file_id)
        return await self._ask(context, lambda backup: backup.stat(request.file_id))

    async def find_file(self, request: FindFile, context: RequestContext) -> File:
        """One entry by domain and path."""
        return await self._ask(
            context, lambda backup: backup.find(request.domain, request.relative_path)
        )

    async def check_files(self, request: CheckFiles, context: RequestContext) -> Holdings:
        """Of which patterns there is anything."""
        self._admit(context)
        answers.check_patterns(request)
        return await self._ask(context, lambda backup: Holdings(backup.check(request.patterns)))

    async def open_file(self, request: OpenFile, context: RequestContext) -> FileContent:
        """Length, type and ETag of a file's plaintext."""
        self._admit(context)
        answers.check_file_id(request.file_id)
        return await self._ask(context, lambda backup: backup.open_file(request.file_id))

    async def read_file(self, request: ReadFile, context: RequestContext) -> bytes:
        """Return plaintext bytes; only the blocks they lie in are decrypted."""
        self._admit(context)
        answers.check_file_id(request.file_id)
        answers.check_read(request)
        content = await self._ask(
            context,
            lambda backup: backup.read(
                request.file_id,
                offset=request.offset,
                length=request.length,
                etag=request.etag,
            ),
        )
        metrics.BYTES_READ.inc(len(content))
        return content

    def _admit(self, context: RequestContext) -> None:
        self._live.admit(context.headers, now=dt.datetime.now(dt.UTC))

    async def _ask(
        self, context: RequestContext, question: Callable[[OpenedBackup], Result]
    ) -> Result:
        """Run *question* in a thread and keep the backup open until that is done.

        A thread cannot be interrupted, so what it works on outlives a request that is cancelled.
        """
        self._admit(context)
        return await self._live.enter().run(question, on_end=self._live.leave)


def _page_body(
    backup: OpenedBackup, request: ListFiles, *, after: int | None, max_bytes: int
) -> bytes:
    page = backup.page(request, after=after)

    def cursor_after(count: int) -> str | None:
        if count == len(page.files) and page.is_last:
            return None
        return answers.make_cursor(request, after=page.positions[count - 1])

    return answers.fit_page(page.files, max_bytes=max_bytes, cursor_after=cursor_after).body
