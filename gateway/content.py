"""One file's bytes over HTTP: conditional and partial, named and typed safely."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request
from litestar.response.base import ASGIResponse
from litestar.types import Send

from gateway.disposition import Disposition, content_disposition, content_policy, safe_media_type
from gateway.ranges import (
    Span,
    UnsatisfiableRangeError,
    http_date,
    is_unchanged,
    parse_range,
    quoted_etag,
    range_still_holds,
)
from gateway.session_access import SessionAccess
from gateway.streaming import Limit, ReadAt, StreamedResponse, send_span
from shared.contracts.identifiers import BackupId, FileId
from shared.contracts.problems import Problem
from shared.contracts.unlock import FileContent, OpenFile, ReadFile


class ContentSource:
    """Builds responses that stream files out of sessions."""

    def __init__(self, sessions: SessionAccess, *, slots: Limit, chunk_bytes: int) -> None:
        self._sessions = sessions
        self._slots = slots
        self._chunk_bytes = chunk_bytes

    async def respond(
        self,
        request: Request[Any, Any, Any],
        *,
        backup_id: BackupId,
        token: str | None,
        file_id: FileId,
        disposition: Disposition,
        name: str | None = None,
        media_type: str | None = None,
    ) -> ASGIResponse:
        """Return 200, 206, 304 or 416 for the file; *name* and *media_type* override its own.

        Raises ``ProblemError``: locked, not in this backup, damaged.
        """
        content = await self._sessions.ask(
            OpenFile(file_id=file_id), backup_id=backup_id, token=token
        )

        async def read(offset: int, length: int) -> bytes:
            reply = await self._sessions.ask_bytes(
                ReadFile(file_id=file_id, offset=offset, length=length, etag=content.etag),
                backup_id=backup_id,
                token=token,
            )
            return reply.body

        return self.send(
            request,
            content=msgspec.structs.replace(
                content,
                name=name or content.name,
                media_type=media_type or content.media_type,
            ),
            read=read,
            disposition=disposition,
        )

    def send(
        self,
        request: Request[Any, Any, Any],
        *,
        content: FileContent,
        read: ReadAt,
        disposition: Disposition,
    ) -> ASGIResponse:
        """Return 200, 206, 304 or 416 for *content*, whose bytes come from *read*."""
        media_type = safe_media_type(content.media_type)
        headers = _headers(content, media_type, disposition)
        etag = headers["etag"]
        if is_unchanged(request.headers.get("if-none-match"), etag):
            return ASGIResponse(status_code=304, headers=headers)
        is_head = request.method == "HEAD"
        span = None
        # A Range on HEAD has no meaning (RFC 9110, 14.2).
        if not is_head and range_still_holds(
            request.headers.get("if-range"), etag, content.modified_at
        ):
            try:
                span = parse_range(request.headers.get("range"), content.size_bytes)
            except UnsatisfiableRangeError:
                return _unsatisfiable(content.size_bytes)
        whole = Span(0, content.size_bytes)
        wanted = span or whole
        headers["content-length"] = str(wanted.size)
        if span is not None:
            headers["content-range"] = f"bytes {span.start}-{span.stop - 1}/{content.size_bytes}"
        if is_head:
            headers["content-type"] = media_type
            return ASGIResponse(status_code=200, headers=headers, is_head_response=True)

        async def write_body(send: Send, tasks: Any) -> None:
            await send_span(send, tasks, read, wanted, chunk_bytes=self._chunk_bytes)

        return StreamedResponse(
            write_body,
            slots=self._slots,
            status_code=206 if span else 200,
            headers=headers,
            media_type=media_type,
        )


def _headers(content: FileContent, media_type: str, disposition: Disposition) -> dict[str, str]:
    headers = {
        "accept-ranges": "bytes",
        "etag": quoted_etag(content.etag),
        "content-disposition": content_disposition(content.name, disposition, media_type),
        "content-security-policy": content_policy(media_type),
    }
    if content.modified_at is not None:
        headers["last-modified"] = http_date(content.modified_at)
    return headers


def _unsatisfiable(size_bytes: int) -> ASGIResponse:
    from gateway.problems import MEDIA_TYPE, encode_problem

    body, headers = encode_problem(
        Problem(
            type="/problems/range-not-satisfiable",
            title="The range lies outside the file.",
            status=416,
            fields={"size_bytes": size_bytes},
        )
    )
    return ASGIResponse(
        body=body,
        status_code=416,
        headers={**headers, "content-range": f"bytes */{size_bytes}"},
        media_type=MEDIA_TYPE,
    )
