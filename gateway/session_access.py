"""How the gateway reaches open sessions: with a caller's token, or for plain backups by itself.

A plain backup needs no secret, so callers need no session for it: the gateway opens one, shares
it, and opens another when it is gone (expired, locked by somebody, or its replica restarted).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from shared.bus import Bus, RawReply
from shared.contracts.discovery import GetBackup
from shared.contracts.exports import MOST_SESSIONS
from shared.contracts.identifiers import BackupId, SessionId
from shared.contracts.problems import ProblemError, locked, problem
from shared.contracts.requests import Request
from shared.contracts.unlock import (
    BACKUP_HEADER,
    TOKEN_HEADER,
    CloseSession,
    DescribeSession,
    OpenSession,
    session_subject,
)

Reply = TypeVar("Reply")
Result = TypeVar("Result")

_TOKEN = re.compile(
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.([A-Za-z0-9_-]{20,200})"
)
#: Opening decrypts nothing of a plain backup, but a large manifest has to be copied and indexed.
_OPEN_SECONDS = 120.0
#: A shared session that says so is replaced: it is gone, or the phone backed up again since.
_REOPEN = frozenset({"/problems/locked", "/problems/backup-changed"})


class SessionRoute(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests of one caller to one backup go, and what they carry."""

    backup_id: BackupId
    session_id: SessionId
    headers: Mapping[str, str]
    is_shared: bool

    def __repr__(self) -> str:
        """Leave the token out of logs and tracebacks."""
        return f"SessionRoute(session_id={self.session_id!r})"


def session_id_of(token: str) -> SessionId:
    """Return the session that *token* names. Raises the 403 problem when it is no token at all."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise wrong_session()
    return SessionId(match[1])


def wrong_session() -> ProblemError:
    """The session token is malformed, or of another backup."""
    return problem(
        "wrong-session",
        "The session token is not valid for this backup.",
        403,
        "Send the session_token of this backup's unlock as X-Backup-Session.",
    )


def is_locked(error: ProblemError) -> bool:
    """Whether *error* says that no session answers."""
    return error.problem.type == "/problems/locked"


class SessionAccess:
    """Asks sessions on behalf of callers; knows the shared sessions of plain backups."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._shared: dict[BackupId, SessionId] = {}
        # One opening at a time per backup; the others wait and share its result.
        self._opening: defaultdict[BackupId, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ask(
        self,
        request: Request[Reply],
        *,
        backup_id: BackupId,
        token: str | None,
        timeout_seconds: float = 30.0,
    ) -> Reply:
        """Return the session's decoded answer. Raises ``ProblemError`` (423 when locked)."""

        async def send(route: SessionRoute) -> Reply:
            return await self._bus.request(
                request,
                subject=session_subject(route.session_id, request.subject),
                headers=route.headers,
                timeout_seconds=timeout_seconds,
            )

        return await self._through(send, backup_id=backup_id, token=token)

    async def ask_bytes(
        self,
        request: Request[Any],
        *,
        backup_id: BackupId,
        token: str | None,
        timeout_seconds: float = 30.0,
    ) -> RawReply:
        """Return the session's answer undecoded. Raises ``ProblemError`` (423 when locked)."""

        async def send(route: SessionRoute) -> RawReply:
            return await self._bus.request_bytes(
                request,
                subject=session_subject(route.session_id, request.subject),
                headers=route.headers,
                timeout_seconds=timeout_seconds,
            )

        return await self._through(send, backup_id=backup_id, token=token)

    async def check(self, *, backup_id: BackupId, token: str | None) -> SessionId:
        """Return the id of the open session that a caller may use for *backup_id*."""
        session = await self.ask(DescribeSession(), backup_id=backup_id, token=token)
        return session.session_id

    async def check_any(self, token: str) -> SessionId:
        """Return the id of the open session that *token* is of, whichever backup it opened."""
        session = await self._bus.request(
            DescribeSession(),
            subject=session_subject(session_id_of(token), DescribeSession.subject),
            headers={TOKEN_HEADER: token},
        )
        return session.session_id

    async def check_each(self, tokens: str) -> tuple[SessionId, ...]:
        """Return the open sessions of *tokens*, which are separated by commas.

        Raises ``ProblemError`` for what is no token, and when none of them is open any more.
        """
        given = list(dict.fromkeys(filter(None, map(str.strip, tokens.split(",")))))
        if not given or len(given) > MOST_SESSIONS:
            raise wrong_session()
        found: list[SessionId] = []
        refused: ProblemError | None = None
        for token in given:
            try:
                found.append(await self.check_any(token))
            except ProblemError as error:
                if not is_locked(error):
                    raise
                refused = error
        if refused is not None and not found:
            raise refused
        return tuple(found)

    async def _through(
        self,
        send: Callable[[SessionRoute], Awaitable[Result]],
        *,
        backup_id: BackupId,
        token: str | None,
    ) -> Result:
        if token is not None:
            return await send(
                SessionRoute(
                    backup_id=backup_id,
                    session_id=session_id_of(token),
                    headers={TOKEN_HEADER: token, BACKUP_HEADER: backup_id},
                    is_shared=False,
                )
            )
        route = await self._shared_route(backup_id)
        try:
            return await send(route)
        except ProblemError as error:
            if error.problem.type not in _REOPEN:
                raise
            is_gone = is_locked(error)
        # Forget that one, unless somebody has replaced it already.
        if self._shared.get(backup_id) == route.session_id:
            del self._shared[backup_id]
            if not is_gone:
                await self._close(route)
        return await send(await self._shared_route(backup_id))

    async def _close(self, route: SessionRoute) -> None:
        with contextlib.suppress(ProblemError):
            await self._bus.request(
                CloseSession(), subject=session_subject(route.session_id, CloseSession.subject)
            )

    async def _shared_route(self, backup_id: BackupId) -> SessionRoute:
        async with self._opening[backup_id]:
            session_id = self._shared.get(backup_id)
            if session_id is None:
                session_id = await self._open_shared(backup_id)
                self._shared[backup_id] = session_id
        return SessionRoute(
            backup_id=backup_id,
            session_id=session_id,
            headers={BACKUP_HEADER: backup_id},
            is_shared=True,
        )

    async def _open_shared(self, backup_id: BackupId) -> SessionId:
        try:
            backup = await self._bus.request(GetBackup(backup_id=backup_id))
        except ProblemError:
            # Made-up ids must not leave a lock behind each.
            self._opening.pop(backup_id, None)
            raise
        if backup.encrypted:
            raise locked()
        opened = await self._bus.request(
            OpenSession(backup_id=backup_id, caller="gateway", unattended=True),
            timeout_seconds=_OPEN_SECONDS,
        )
        return opened.session_id
