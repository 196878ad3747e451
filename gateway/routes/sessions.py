"""Unlocking and locking. A passphrase passes through memory and is never kept, shown, logged."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import JSONBody

from gateway.authentication import needs
from gateway.parameters import PROBLEMS, SessionHeader, UuidPath, passed_through, problems
from gateway.parts import GivenParts
from gateway.session_access import is_locked, session_id_of
from gateway.tokens import Caller
from shared.bus import Bus, RawReply
from shared.contracts.identifiers import BackupId, SessionId
from shared.contracts.problems import ProblemError, not_found, problem
from shared.contracts.requests import Done, Page
from shared.contracts.unlock import (
    BACKUP_HEADER,
    TOKEN_HEADER,
    AbandonOpenings,
    CloseSession,
    ListSessions,
    OpenedSession,
    OpenSession,
    Session,
    session_subject,
)

#: Ten million rounds take a second on a good machine and most of a minute on a small one. Nobody is
#: left to answer a request that a killed process had taken, so this is also how long that hangs.
_UNLOCK_SECONDS = 90.0


class UnlockBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The passphrase of an encrypted backup; null for a plain one."""

    passphrase: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=31_536_000)] | None = None

    def __repr__(self) -> str:
        """Leave the passphrase out of logs and tracebacks."""
        return "UnlockBody(…)"


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions were locked."""

    closed: int


@post(
    "/api/backups/{backup_id:str}/unlock",
    status_code=200,
    opt=needs("unlock"),
    responses=problems(409, 422, 429, 507),
    tags=["sessions"],
)
async def unlock_backup(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    backup_id: UuidPath,
    data: JSONBody[UnlockBody | None] = None,
) -> Response[OpenedSession]:
    """Open a backup; the session token in the answer is shown this once.

    Who hangs up meanwhile gives the opening up.
    """
    body = data or UnlockBody()
    wanted = OpenSession(
        backup_id=BackupId(backup_id),
        passphrase=body.passphrase,
        ttl_seconds=body.ttl_seconds,
        caller=request.user.token_id,
        opening=str(uuid4()),
    )
    with parts.unlock_slots:
        reply = await _open_while_heard(parts.bus, wanted, request)
    return passed_through(reply)


async def _open_while_heard(
    bus: Bus, wanted: OpenSession, request: Request[Caller, Any, Any]
) -> RawReply:
    """Return the reply. When nobody will hear it, let nothing be opened."""
    asking = asyncio.create_task(bus.request_bytes(wanted, timeout_seconds=_UNLOCK_SECONDS))
    leaving = asyncio.create_task(_until_gone(request))
    try:
        await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            await _abandon(bus, wanted)
        return await asking
    except ProblemError as error:
        if error.problem.status == 504:
            # Whoever tries again should not wait for what nobody gets.
            await _abandon(bus, wanted)
        raise
    finally:
        asking.cancel()
        leaving.cancel()


async def _until_gone(request: Request[Caller, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _abandon(bus: Bus, wanted: OpenSession) -> None:
    # Away: the session is in the list, and ends with its time.
    with contextlib.suppress(ProblemError):
        await bus.request(AbandonOpenings(opening=wanted.opening))


@post(
    "/api/backups/{backup_id:str}/lock",
    status_code=200,
    opt=needs("unlock"),
    responses=PROBLEMS,
    tags=["sessions"],
)
async def lock_backup(
    *, parts: GivenParts, backup_id: UuidPath, session_token: SessionHeader = None
) -> Done:
    """Forget the keys of the session whose token is sent. Repeating it does no harm."""
    if session_token is None:
        raise problem(
            "session-token-required",
            "The session token is missing.",
            401,
            "Send the session_token of this backup's unlock as X-Backup-Session.",
        )
    session_id = session_id_of(session_token)
    headers = {TOKEN_HEADER: session_token, BACKUP_HEADER: backup_id}
    return Done(changed=await _close(parts.bus, session_id, headers))


@get("/api/sessions", opt=needs("read"), responses=PROBLEMS, tags=["sessions"])
async def list_sessions(*, parts: GivenParts) -> Response[Page[Session]]:
    """List open sessions, newest first. Tokens are not among it."""
    return passed_through(await parts.bus.request_bytes(ListSessions()))


@delete(
    "/api/sessions/{session_id:str}",
    status_code=200,
    opt=needs("unlock"),
    responses=PROBLEMS,
    tags=["sessions"],
)
async def lock_session(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    session_id: UuidPath,
) -> Done:
    """Lock one session, whoever opened it."""
    await parts.audit.record(request.user, "lock", f"session {session_id}")
    if not await _close(parts.bus, SessionId(session_id), {}):
        raise not_found("session")
    return Done()


@delete(
    "/api/sessions",
    status_code=200,
    opt=needs("unlock"),
    responses=PROBLEMS,
    tags=["sessions"],
)
async def lock_all_sessions(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
) -> Closed:
    """Lock everything, what is being opened included."""
    await parts.audit.record(request.user, "lock", "all sessions")
    await parts.bus.request(AbandonOpenings())
    page = await parts.bus.request(ListSessions())
    closed = [await _close(parts.bus, session.session_id, {}) for session in page.items]
    return Closed(closed=sum(closed))


async def _close(bus: Bus, session_id: SessionId, headers: dict[str, str]) -> bool:
    """Return whether the session was open."""
    try:
        done = await bus.request(
            CloseSession(),
            subject=session_subject(session_id, CloseSession.subject),
            headers=headers,
        )
    except ProblemError as error:
        if is_locked(error):
            return False
        raise
    return done.changed


HANDLERS = (unlock_backup, lock_backup, list_sessions, lock_session, lock_all_sessions)
