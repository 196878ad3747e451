"""Opening and listing sessions, and what follows from a backup that was removed.

``open_session`` in order: where the backup lies, whether it is whole, the passphrase (counted
before it is tried), the manifest, the session. What was opened is let go when a later step fails.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import structlog

from services.unlock import errors, metrics, session_token, storage
from services.unlock.backup_disks import BackupDisks
from services.unlock.folder_check import OpenableFolder, open_folder
from services.unlock.keeper import SessionKeeper
from services.unlock.key_cache import HeldKeys, KeyCache, PassphraseMismatchError
from services.unlock.opened_backups import OpenedBackups, SessionContents
from services.unlock.openings import EVERYTHING, Openings
from services.unlock.sessions import LiveSession
from services.unlock.storage import Guess, Pool, Reservation
from services.unlock.throttle import Limit, wait_seconds
from shared import postgres
from shared.bus import Bus, Delivery, RequestContext
from shared.contracts.discovery import LocateBackup, Location, ManifestMark
from shared.contracts.events import BackupRemoved
from shared.contracts.identifiers import BackupId, SessionId
from shared.contracts.problems import ProblemError, bad_request, not_found, unavailable
from shared.contracts.requests import Done, Page
from shared.contracts.unlock import (
    AbandonOpenings,
    ListSessions,
    OpenedSession,
    OpenSession,
    Session,
)
from shared.ios_backup import Keys

Result = TypeVar("Result")

log = structlog.get_logger(__name__)

#: No phone takes a longer one; a megabyte of passphrase would only cost hashing time.
_LONGEST_PASSPHRASE = 1024
_LONGEST_NAME = 100
#: Sessions of one process. Each holds subscriptions and open files.
_MOST_SESSIONS = 200


class Commands:
    """The handlers of ``cmd.unlock.*`` and of events."""

    def __init__(
        self,
        *,
        bus: Bus,
        pool: Pool,
        keeper: SessionKeeper,
        key_cache: KeyCache[Keys],
        opened: OpenedBackups,
        openings: Openings,
        derivers: Executor,
        disks: BackupDisks,
        replica_id: str,
        longest_ttl_seconds: int,
        per_keybag: Limit,
        per_caller: Limit,
    ) -> None:
        self._bus = bus
        self._pool = pool
        self._keeper = keeper
        self._key_cache = key_cache
        self._opened = opened
        self._openings = openings
        self._derivers = derivers
        self._disks = disks
        self._replica_id = replica_id
        self._longest_ttl_seconds = longest_ttl_seconds
        self._per_keybag = per_keybag
        self._per_caller = per_caller

    async def open_session(self, request: OpenSession, _: RequestContext) -> OpenedSession:
        """Open a backup and return the token of its new session."""
        try:
            opening = self._open_session(request)
            if not request.unattended:
                # What services open for themselves they begin again; their jobs need not fail.
                opening = self._openings.run(opening, name=request.opening)
            opened = await opening
        except ProblemError as error:
            metrics.count_refused(error.problem)
            raise
        metrics.count_opened()
        return opened

    async def abandon_openings(self, request: AbandonOpenings, _: RequestContext) -> Done:
        """Give up what is being opened, whichever replica is at it."""
        name = EVERYTHING if request.opening is None else request.opening
        if len(name) > _LONGEST_NAME:
            raise bad_request(f"opening must be at most {_LONGEST_NAME} characters long.")
        self._openings.abandon(name)
        await storage.announce_abandoned(self._pool, name)
        return Done()

    async def _open_session(self, request: OpenSession) -> OpenedSession:
        started = time.monotonic()
        ttl_seconds = self._ttl_seconds(request)
        backup_id = _checked_backup_id(request.backup_id)
        if request.passphrase is not None and len(request.passphrase) > _LONGEST_PASSPHRASE:
            raise bad_request(f"passphrase must be at most {_LONGEST_PASSPHRASE} characters long.")
        if self._keeper.is_stopping:
            raise unavailable("unlock")
        if len(self._keeper) >= _MOST_SESSIONS:
            raise errors.too_many_sessions()
        location = await self._bus.request(LocateBackup(backup_id=backup_id))
        path = Path(location.path)
        openable = await self._disks.of(path).run(lambda: open_folder(path))
        warnings = list(openable.warnings)
        if location.state == "partial":
            warnings.append("Some files of this backup are missing on disk.")
        held: HeldKeys[Keys] | None = None
        try:
            if openable.folder.encrypted:
                held = await self._unlock(request, backup_id, openable)
            elif request.passphrase:
                warnings.append("The backup is not encrypted; the passphrase was not needed.")
            contents = await self._opened.open(openable.folder, held)
        except postgres.AWAY as error:
            log.warning("session_not_opened", error=type(error).__name__)
            raise unavailable("unlock") from None
        opened = await self._take_up(
            backup_id, location, contents, ttl_seconds, unattended=request.unattended
        )
        log.info(
            "session_opened",
            session_id=opened.session_id,
            backup_id=backup_id,
            encrypted=opened.encrypted,
            file_count=opened.file_count,
            seconds=round(time.monotonic() - started, 3),
        )
        opened.warnings.extend(warnings)
        return opened

    async def list_sessions(self, _: ListSessions, __: RequestContext) -> Page[Session]:
        """Every open session; those of dead replicas are closed first."""
        await storage.record_crashed(self._pool, own_replica_id=self._replica_id)
        return Page(items=await storage.fetch_open(self._pool))

    async def on_backup_removed(self, event: BackupRemoved, delivery: Delivery) -> None:
        """Close the backup's sessions, whichever replica holds them."""
        async with delivery.transaction() as connection:
            # The replicas that hold them are told by the commit.
            await storage.record_backup_locked(connection, event.backup_id)

    async def _take_up(
        self,
        backup_id: BackupId,
        location: Location,
        contents: SessionContents,
        ttl_seconds: int,
        *,
        unattended: bool,
    ) -> OpenedSession:
        session_id = SessionId(str(uuid4()))
        minted = session_token.mint(session_id)
        opened_at = dt.datetime.now(dt.UTC)
        backup = contents.backup
        facts = Session(
            session_id=session_id,
            backup_id=backup_id,
            udid=location.udid,
            encrypted=backup.folder.encrypted,
            opened_at=opened_at,
            expires_at=opened_at + dt.timedelta(seconds=ttl_seconds),
            last_used_at=opened_at,
            manifest=ManifestMark(
                size_bytes=backup.signature.size_bytes, mtime_ns=backup.signature.mtime_ns
            ),
        )
        live = LiveSession(
            facts,
            token_digest=minted.digest,
            contents=contents,
            let_go=self._opened.let_go,
        )
        try:
            await self._keeper.take_up(live, token_digest=minted.digest, unattended=unattended)
        except postgres.AWAY as error:
            log.warning("session_not_opened", error=type(error).__name__)
            raise unavailable("unlock") from None
        return OpenedSession(
            session_token=minted.token,
            session_id=session_id,
            backup_id=backup_id,
            ttl_seconds=ttl_seconds,
            expires_at=facts.expires_at,
            encrypted=facts.encrypted,
            file_count=backup.file_count,
            warnings=list(backup.warnings),
        )

    async def _unlock(
        self, request: OpenSession, backup_id: BackupId, openable: OpenableFolder
    ) -> HeldKeys[Keys]:
        passphrase = request.passphrase
        if not passphrase:
            raise errors.passphrase_missing()
        caller_digest = (
            hashlib.sha256(request.caller.encode("utf-8", "surrogatepass")).digest()
            if request.caller
            else None
        )
        guess = Guess(
            backup_id=backup_id, keybag=openable.derivation_digest, caller_digest=caller_digest
        )
        try:
            return await self._key_cache.acquire(
                openable.keybag_digest,
                passphrase,
                attempt=partial(self._counted, guess=guess),
                derive=lambda: openable.derive(passphrase),
                in_thread=lambda work: self._in(self._derivers, work),
            )
        except PassphraseMismatchError:
            raise errors.wrong_passphrase() from None

    async def _counted(
        self,
        work: Callable[[], Awaitable[HeldKeys[Keys]]],
        *,
        guess: Guess,
    ) -> HeldKeys[Keys]:
        """Run one attempt, counted before it is made.

        A process that dies meanwhile leaves the attempt counted.
        """
        reservation = await storage.reserve_attempt(
            self._pool, guess, is_allowed=lambda before: self._wait_seconds(before) == 0
        )
        if reservation.attempt_id is None:
            log.info("passphrase_throttled", backup_id=guess.backup_id)
            raise errors.throttled(
                self._wait_seconds(reservation),
                longest_seconds=self._per_keybag.longest_delay_seconds,
            )
        try:
            held = await work()
        except PassphraseMismatchError:
            log.info("passphrase_wrong", backup_id=guess.backup_id)
            await storage.record_wrong_passphrase(self._pool, reservation.attempt_id)
            raise
        except (ProblemError, OSError):
            # Something else is wrong with the backup: the passphrase was not tried.
            await storage.forget_attempt(self._pool, reservation.attempt_id)
            raise
        await storage.record_right_passphrase(self._pool, reservation.attempt_id, guess)
        return held

    def _wait_seconds(self, reservation: Reservation) -> int:
        return max(
            wait_seconds(reservation.keybag, limit=self._per_keybag, now=reservation.now),
            wait_seconds(reservation.caller, limit=self._per_caller, now=reservation.now),
        )

    def _ttl_seconds(self, request: OpenSession) -> int:
        if request.ttl_seconds is None:
            return self._longest_ttl_seconds
        if request.ttl_seconds < 1:
            raise bad_request("ttl_seconds must be at least 1.")
        return min(request.ttl_seconds, self._longest_ttl_seconds)

    @staticmethod
    async def _in(executor: Executor, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(executor, work)


def _checked_backup_id(backup_id: str) -> BackupId:
    try:
        return BackupId(str(UUID(backup_id)))
    except ValueError:
        raise not_found("backup") from None
