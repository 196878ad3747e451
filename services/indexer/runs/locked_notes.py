"""Opening a locked note: a copy of the store from an open session, read in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import msgspec

from services.indexer.browsing.storage_artifacts import find_artifact, find_holders
from services.indexer.kinds.note import DOMAIN, STORE
from services.indexer.parsing.isolation import starting
from services.indexer.parsing.note_worker import NoteAnswer, NoteRequest
from services.indexer.runs.kind_files import fetch_store
from services.indexer.runs.session_files import SessionFiles
from shared.bus import Bus, RequestContext
from shared.contracts.identifiers import ArtifactId
from shared.contracts.locked_notes import (
    LocateLockedNote,
    LockedNoteLocation,
    OpenedNote,
    OpenLockedNote,
)
from shared.contracts.problems import ProblemError, problem
from shared.contracts.requests import Request
from shared.scratch import Scratch

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Row

_COMMAND = (sys.executable, "-m", "services.indexer.parsing.note_worker", str(os.getpid()))
_MEMORY_BYTES = 512 * 1024 * 1024
_CPU_SECONDS = 60
_WALL_SECONDS = 120.0
#: Each holds a copy of a store; whoever tries many passphrases waits in line.
_AT_A_TIME = 2


class LockedNotes:
    """Answers about locked notes. Neither a passphrase nor what it opened is kept."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus, scratch: Scratch) -> None:
        self._pool = pool
        self._bus = bus
        self._scratch = scratch
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {LocateLockedNote: self.locate, OpenLockedNote: self.open}

    async def locate(
        self, request: LocateLockedNote, _context: RequestContext
    ) -> LockedNoteLocation:
        """Return the backups that held it."""
        async with self._pool.acquire() as connection:
            row = await self._find(connection, request.artifact_id)
            return LockedNoteLocation(backup_ids=await find_holders(connection, row))

    async def open(self, request: OpenLockedNote, _context: RequestContext) -> OpenedNote:
        """Return what it says. The store is that of the backup as the session opened it."""
        async with self._pool.acquire() as connection:
            row = await self._find(connection, request.artifact_id)
        async with self._turns:
            folder = await asyncio.to_thread(self._scratch.make, f"note-{uuid4().hex}")
            try:
                files = SessionFiles(self._bus, request.session_id)
                store = await fetch_store(files, DOMAIN, STORE, folder)
                if store is None:
                    raise _not_there()
                answer = await _ask(
                    NoteRequest(
                        store=str(store),
                        key=row["key"],
                        passphrase=request.passphrase,
                        memory_bytes=_MEMORY_BYTES,
                        cpu_seconds=_CPU_SECONDS,
                    )
                )
            finally:
                await asyncio.shield(asyncio.to_thread(self._scratch.remove, folder))
        _check(answer)
        return OpenedNote(
            artifact_id=request.artifact_id,
            title=row["title"],
            text=answer.text,
            html=answer.html,
            markdown=answer.markdown,
            is_cut=answer.is_cut,
        )

    async def _find(self, connection: Any, artifact_id: ArtifactId) -> Row:
        row = await find_artifact(connection, artifact_id)
        lock = msgspec.json.decode(row["payload"]).get("lock") if row["kind"] == "note" else None
        if lock == "device_passcode":
            raise problem(
                "locked-by-device",
                "The note is locked with the passcode of the phone.",
                409,
                "Its key never leaves the phone and iCloud, so no backup can show it. Unlock it"
                " on the phone and give it a passphrase of its own.",
            )
        if lock is None:
            raise problem("not-locked", "This is no locked note.", 409)
        return row


async def _ask(request: NoteRequest) -> NoteAnswer:
    try:
        async with asyncio.timeout(_WALL_SECONDS), starting(_COMMAND) as process:
            said, _ = await process.communicate(msgspec.json.encode(request))
        # A process that broke down has said nothing, or not all of it.
        return msgspec.json.decode(said, type=NoteAnswer)
    except (TimeoutError, msgspec.MsgspecError):
        return NoteAnswer(outcome="unreadable")


def _check(answer: NoteAnswer) -> None:
    if answer.outcome == "wrong_passphrase":
        raise problem(
            "wrong-passphrase",
            "The passphrase is wrong.",
            403,
            "It is the passphrase of locked notes, not that of the backup. Notes that were locked"
            " before it was changed keep the old one.",
        )
    if answer.outcome == "no_such_note":
        raise _not_there()
    if answer.outcome == "not_openable":
        raise problem(
            "damaged",
            "The note is damaged, or locked in a way that is not known.",
            422,
            "An older backup may hold it whole.",
        )
    if answer.outcome == "unreadable":
        raise problem("damaged", "The store of notes cannot be read.", 422)


def _not_there() -> ProblemError:
    return problem(
        "not-in-this-backup",
        "The locked note is not in the backup any more.",
        404,
        "The phone has backed up since: it was deleted or unlocked on the phone.",
    )
