"""Finding an attachment's bytes: in which of the device's backups, through which session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from litestar import Request
from litestar.response.base import ASGIResponse

from gateway.content import ContentSource
from gateway.disposition import Disposition
from shared.bus import Bus
from shared.contracts.identifiers import ArtifactId, BackupId
from shared.contracts.indexer import LocateAttachment
from shared.contracts.problems import ProblemError, locked, problem

Found = TypeVar("Found")

#: Another backup of the device may still have what one of these says is not there.
_TRY_NEXT = frozenset(
    {
        "/problems/wrong-session",
        "/problems/locked",
        "/problems/not-found",
        "/problems/not-in-this-backup",
        "/problems/damaged",
    }
)


async def respond_with_attachment(
    request: Request[Any, Any, Any],
    bus: Bus,
    contents: ContentSource,
    *,
    artifact_id: ArtifactId,
    n: int,
    token: str | None,
    disposition: Disposition,
) -> ASGIResponse:
    """Try the backups that held the artifact, newest first.

    Raises what a person can do something about: locked before not-in-this-backup.
    """
    location = await bus.request(LocateAttachment(artifact_id=artifact_id, n=n))
    attachment = location.attachment
    if location.file_id is None:
        raise problem(
            "not-in-this-backup",
            "The attachment is not in the backup.",
            404,
            attachment.reason or "The phone did not keep the file.",
            reason=attachment.reason,
        )
    file_id = location.file_id

    def respond(backup_id: BackupId) -> Awaitable[ASGIResponse]:
        return contents.respond(
            request,
            backup_id=backup_id,
            token=token,
            file_id=file_id,
            disposition=disposition,
            name=attachment.name,
            media_type=attachment.media_type,
        )

    return await from_any(location.backup_ids, respond)


async def from_any(
    backup_ids: Iterable[BackupId], respond: Callable[[BackupId], Awaitable[Found]]
) -> Found:
    """Return what the first of some backups gives that can; raises as above."""
    refusals: list[ProblemError] = []
    for backup_id in backup_ids:
        try:
            return await respond(backup_id)
        except ProblemError as error:
            if error.problem.type not in _TRY_NEXT:
                raise
            refusals.append(error)
    raise _most_useful(refusals)


def _most_useful(refusals: list[ProblemError]) -> ProblemError:
    by_type = {error.problem.type: error for error in refusals}
    found = (
        by_type.get("/problems/locked")
        or by_type.get("/problems/damaged")
        or by_type.get("/problems/not-in-this-backup")
        or next(iter(refusals), None)
    )
    # Without any backup left on disk there is nothing to unlock, but that is what it looks like.
    return found or locked("No backup of this device that held it is there any more.")
