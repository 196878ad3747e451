"""A small picture of an artifact: the phone's own, else one made of a picture; never kept."""

from __future__ import annotations

from collections.abc import Awaitable
from importlib.util import find_spec
from typing import Any

from litestar import Request
from litestar.response.base import ASGIResponse

from gateway.attachments import from_any
from gateway.content import ContentSource
from gateway.disposition import content_disposition, content_policy
from gateway.pictures import Pictures
from gateway.ranges import is_unchanged, quoted_etag
from gateway.session_access import SessionAccess
from gateway.streaming import Limit
from shared.bus import Bus
from shared.contracts.identifiers import ArtifactId, BackupId, FileId
from shared.contracts.indexer import LocateThumbnail
from shared.contracts.problems import ProblemError, problem
from shared.contracts.unlock import FileContent, OpenFile, ReadFile

#: Larger ones than any camera's are not fetched as a whole.
_MOST_BYTES = 64 * 1024 * 1024
_MEDIA_TYPE = "image/jpeg"
#: Whether there is a library that reads films.
_READS_FILMS = find_spec("av") is not None
#: Part of the ETag: raised whenever the same picture would be made smaller in another way.
_MADE = "small-1"


class Thumbnails:
    """Builds responses with small pictures."""

    def __init__(
        self, sessions: SessionAccess, contents: ContentSource, *, chunk_bytes: int, slots: Limit
    ) -> None:
        self._sessions = sessions
        self._contents = contents
        self._chunk_bytes = chunk_bytes
        self._slots = slots
        self.pictures = Pictures()

    async def respond(
        self,
        request: Request[Any, Any, Any],
        bus: Bus,
        *,
        artifact_id: ArtifactId,
        token: str | None,
    ) -> ASGIResponse:
        """Return the picture, from the newest backup that has it and is open.

        Raises ``ProblemError``: locked, not in this backup with the reason, no small picture.
        """
        location = await bus.request(LocateThumbnail(artifact_id=artifact_id))
        file_id = location.file_id
        assert file_id is not None

        media_type = location.attachment.media_type or ""
        if media_type.startswith("video/") and not _READS_FILMS:
            raise _no_thumbnail()  # before a film is fetched for nothing

        def respond(backup_id: BackupId) -> Awaitable[ASGIResponse]:
            if not location.is_small:
                return self._made(request, backup_id=backup_id, token=token, file_id=file_id)
            return self._contents.respond(
                request,
                backup_id=backup_id,
                token=token,
                file_id=file_id,
                disposition="inline",
                name=location.attachment.name,
                media_type=location.attachment.media_type,
            )

        return await from_any(location.backup_ids, respond)

    async def _made(
        self,
        request: Request[Any, Any, Any],
        *,
        backup_id: BackupId,
        token: str | None,
        file_id: FileId,
    ) -> ASGIResponse:
        content = await self._sessions.ask(
            OpenFile(file_id=file_id), backup_id=backup_id, token=token
        )
        etag = quoted_etag(f"{content.etag}-{_MADE}")
        headers = {
            "etag": etag,
            "content-disposition": content_disposition("thumbnail.jpg", "inline", _MEDIA_TYPE),
            "content-security-policy": content_policy(_MEDIA_TYPE),
        }
        if is_unchanged(request.headers.get("if-none-match"), etag):
            return ASGIResponse(status_code=304, headers=headers)
        made = None
        if content.size_bytes <= _MOST_BYTES:
            with self._slots:
                made = await self.pictures.make(
                    lambda: self._read(content, backup_id=backup_id, token=token)
                )
        if made is None:
            raise _no_thumbnail()
        if request.method == "HEAD":
            headers |= {"content-type": _MEDIA_TYPE, "content-length": str(len(made))}
            return ASGIResponse(headers=headers, is_head_response=True)
        return ASGIResponse(body=made, media_type=_MEDIA_TYPE, headers=headers)

    async def _read(self, content: FileContent, *, backup_id: BackupId, token: str | None) -> bytes:
        pieces = bytearray()
        while len(pieces) < content.size_bytes:
            reply = await self._sessions.ask_bytes(
                ReadFile(
                    file_id=content.file_id,
                    offset=len(pieces),
                    length=min(self._chunk_bytes, content.size_bytes - len(pieces)),
                    etag=content.etag,
                ),
                backup_id=backup_id,
                token=token,
            )
            if not reply.body:
                raise problem("damaged", "The file changed or is damaged.", 422)
            pieces += reply.body
        return bytes(pieces)


def _no_thumbnail() -> ProblemError:
    return problem(
        "no-thumbnail",
        "No small picture can be made of it.",
        404,
        "It is damaged, too large, or of a format that Keepsake does not read.",
    )
