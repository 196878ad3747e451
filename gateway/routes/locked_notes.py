"""Opening a note that is locked with a passphrase of its own. Neither is kept, shown or logged."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.params import JSONBody

from gateway.attachments import from_any
from gateway.authentication import needs
from gateway.parameters import INSIDE, RowPath, SessionHeader, passed_through
from gateway.parts import GivenParts
from gateway.tokens import Caller
from shared.bus import RawReply
from shared.contracts.identifiers import ArtifactId, BackupId
from shared.contracts.locked_notes import LocateLockedNote, OpenedNote, OpenLockedNote

#: The store is fetched and read anew each time.
_SECONDS = 180.0


class OpenNoteBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The passphrase of locked notes."""

    passphrase: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]

    def __repr__(self) -> str:
        """Leave the passphrase out of logs and tracebacks."""
        return "OpenNoteBody(…)"


@post(
    "/api/artifacts/{artifact_id:str}/open",
    status_code=200,
    opt=needs("unlock"),
    responses=INSIDE,
    tags=["history"],
)
async def open_locked_note(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    artifact_id: RowPath,
    data: JSONBody[OpenNoteBody],
    session_token: SessionHeader = None,
) -> Response[OpenedNote]:
    """Read a locked note with its own passphrase, out of a backup that is open."""
    note = ArtifactId(artifact_id)
    location = await parts.bus.request(LocateLockedNote(artifact_id=note))
    await parts.audit.record(request.user, "open-note", f"artifact {artifact_id}")

    async def ask(backup_id: BackupId) -> RawReply:
        session_id = await parts.sessions.check(backup_id=backup_id, token=session_token)
        return await parts.bus.request_bytes(
            OpenLockedNote(artifact_id=note, session_id=session_id, passphrase=data.passphrase),
            timeout_seconds=_SECONDS,
        )

    with parts.unlock_slots:
        return passed_through(await from_any(location.backup_ids, ask))


HANDLERS = (open_locked_note,)
