"""Opened backups and what a session holds of them. One event loop; the work is in threads.

Sessions count: the backup is closed, and its plaintext manifest removed, with the last session on
that state of it; the keys are wiped with the last session on that keybag, and never earlier than
the backup that reads with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import msgspec

from services.unlock import errors
from services.unlock.key_cache import HeldKeys, KeyCache
from services.unlock.opened_backup import OpenedBackup, Signature, signature_of
from shared.ios_backup import BackupFolder, Keys
from shared.scratch import Scratch

Result = TypeVar("Result")


class _Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What two sessions must have in common to share an opened backup."""

    path: str
    signature: Signature
    keybag_digest: str | None


def _identity_of(folder: BackupFolder, *, is_encrypted: bool) -> _Identity:
    signature = signature_of(folder)
    if signature is None:
        raise errors.incomplete("Its manifest is missing. Copy the folder again.")
    return _Identity(
        path=str(folder.path),
        signature=signature,
        keybag_digest=folder.keybag_digest if is_encrypted else None,
    )


class _Shared:
    """One opened backup with its directory and the number of its sessions."""

    def __init__(self, backup: OpenedBackup, directory: Path) -> None:
        self.backup = backup
        self.directory = directory
        self.sessions = 0


class _Gate:
    """Lets one caller at a time open the same backup; kept while somebody waits."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class SessionContents:
    """What one session opened. Given back with ``OpenedBackups.let_go``."""

    def __init__(
        self,
        shared: _Shared,
        *,
        identity: _Identity,
        held: HeldKeys[Keys] | None,
        readers: Executor,
    ) -> None:
        self.backup = shared.backup
        self._readers = readers
        self._identity = identity
        self._held = held

    def run(self, question: Callable[[OpenedBackup], Result]) -> asyncio.Future[Result]:
        """Ask *question* of the backup in a thread."""
        return asyncio.get_running_loop().run_in_executor(self._readers, question, self.backup)

    def parts(self) -> tuple[_Identity, HeldKeys[Keys] | None]:
        """What is to be given back."""
        return self._identity, self._held


class OpenedBackups:
    """All backups that sessions of this process have open."""

    def __init__(self, *, scratch: Scratch, key_cache: KeyCache[Keys], readers: Executor) -> None:
        self._scratch = scratch
        self._key_cache = key_cache
        self._readers = readers
        self._shared: dict[_Identity, _Shared] = {}
        self._gates: dict[_Identity, _Gate] = {}

    async def open(self, folder: BackupFolder, held: HeldKeys[Keys] | None) -> SessionContents:
        """Open *folder*, or share what is open already. Takes over *held*, also when it raises."""
        try:
            identity = _identity_of(folder, is_encrypted=held is not None)
            shared = await self._take(identity, folder, held)
        except BaseException:
            if held is not None:
                self._key_cache.release(held)
            raise
        return SessionContents(shared, identity=identity, held=held, readers=self._readers)

    def let_go(self, contents: SessionContents, done: Callable[[], None]) -> None:
        """Give back what a session opened; *done* is called when nothing of it is left."""
        identity, held = contents.parts()
        shared = self._shared[identity]
        shared.sessions -= 1

        def release_keys() -> None:
            if held is not None:
                self._key_cache.release(held)
            done()

        if shared.sessions:
            release_keys()
            return
        del self._shared[identity]
        closing = asyncio.get_running_loop().run_in_executor(self._readers, self._close, shared)
        closing.add_done_callback(lambda _: release_keys())

    async def _take(
        self, identity: _Identity, folder: BackupFolder, held: HeldKeys[Keys] | None
    ) -> _Shared:
        gate = self._gates.setdefault(identity, _Gate())
        gate.users += 1
        try:
            async with gate.lock:
                shared = self._shared.get(identity)
                if shared is None:
                    shared = await self._open_in_thread(identity, folder, held)
                    self._shared[identity] = shared
                shared.sessions += 1
                return shared
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[identity]

    async def _open_in_thread(
        self, identity: _Identity, folder: BackupFolder, held: HeldKeys[Keys] | None
    ) -> _Shared:
        opening = asyncio.get_running_loop().run_in_executor(
            self._readers, self._open, identity.signature, folder, held
        )
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The thread goes on; what it opens must not stay behind.
            opening.add_done_callback(self._close_unwanted)
            raise

    def _open(
        self, signature: Signature, folder: BackupFolder, held: HeldKeys[Keys] | None
    ) -> _Shared:
        directory = self._scratch.make(uuid4().hex)
        try:
            backup = OpenedBackup(
                folder,
                keys=held.keys if held is not None else None,
                scratch=directory,
                signature=signature,
            )
        except BaseException:
            self._scratch.remove(directory)
            raise
        return _Shared(backup, directory)

    def _close(self, shared: _Shared) -> None:
        try:
            shared.backup.close()
        finally:
            self._scratch.remove(shared.directory)

    def _close_unwanted(self, opening: asyncio.Future[_Shared]) -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._close(opening.result())
