"""Opened backups and what a session holds of them. One event loop; the work is in threads.

Sessions count: the backup is closed, and its plaintext manifest removed, with the last session on
that state of it; the keys are wiped with the last session on that keybag, and never earlier than
the backup that reads with them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import msgspec

from services.unlock import errors
from services.unlock.backup_disks import BackupDisk, BackupDisks
from services.unlock.key_cache import HeldKeys, KeyCache
from services.unlock.opened_backup import OpenedBackup, Signature, signature_of
from shared.contracts.problems import ProblemError
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

    def __init__(self, backup: OpenedBackup, directory: Path, disk: BackupDisk) -> None:
        self.backup = backup
        self.directory = directory
        self.disk = disk
        self.sessions = 0


class _Gate:
    """Lets one caller at a time open the same backup; kept while somebody waits."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class SessionContents:
    """What one session opened. Given back with ``OpenedBackups.let_go``."""

    def __init__(
        self, shared: _Shared, *, identity: _Identity, held: HeldKeys[Keys] | None
    ) -> None:
        self.backup = shared.backup
        self._disk = shared.disk
        self._identity = identity
        self._held = held

    async def run(
        self, question: Callable[[OpenedBackup], Result], *, on_end: Callable[[], None]
    ) -> Result:
        """Ask *question* of the backup in a thread.

        *on_end* is called once, when the thread is done, which may be after the caller was
        cancelled or told that the disk does not answer.
        """
        return await self._disk.run(lambda: question(self.backup), on_end=on_end)

    def parts(self) -> tuple[_Identity, HeldKeys[Keys] | None]:
        """What is to be given back."""
        return self._identity, self._held


class OpenedBackups:
    """All backups that sessions of this process have open."""

    def __init__(
        self,
        *,
        scratch: Scratch,
        key_cache: KeyCache[Keys],
        disks: BackupDisks,
        closers: Executor,
    ) -> None:
        """*closers* remove plaintext, whatever the disks of the backups do meanwhile."""
        self._scratch = scratch
        self._key_cache = key_cache
        self._disks = disks
        self._closers = closers
        self._background: set[asyncio.Task[None]] = set()
        self._shared: dict[_Identity, _Shared] = {}
        self._gates: dict[_Identity, _Gate] = {}

    async def open(self, folder: BackupFolder, held: HeldKeys[Keys] | None) -> SessionContents:
        """Open *folder*, or share what is open already. Takes over *held*, also when it raises."""
        try:
            disk = self._disks.of(folder.path)
            identity = await disk.run(lambda: _identity_of(folder, is_encrypted=held is not None))
            shared = await self._take(identity, folder, held, disk)
        except BaseException:
            if held is not None:
                self._key_cache.release(held)
            raise
        return SessionContents(shared, identity=identity, held=held)

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
        self._close(shared).add_done_callback(lambda _: release_keys())

    async def _take(
        self,
        identity: _Identity,
        folder: BackupFolder,
        held: HeldKeys[Keys] | None,
        disk: BackupDisk,
    ) -> _Shared:
        gate = self._gates.setdefault(identity, _Gate())
        gate.users += 1
        try:
            async with gate.lock:
                shared = self._shared.get(identity)
                if shared is None:
                    shared = await self._open_in_thread(identity, folder, held, disk)
                    self._shared[identity] = shared
                shared.sessions += 1
                return shared
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[identity]

    async def _open_in_thread(
        self,
        identity: _Identity,
        folder: BackupFolder,
        held: HeldKeys[Keys] | None,
        disk: BackupDisk,
    ) -> _Shared:
        opened: list[_Shared] = []
        is_unwanted = False

        def open_it() -> None:
            opened.append(
                self._open(identity.signature, folder, held, disk, is_over=lambda: is_unwanted)
            )

        def let_go() -> None:
            while is_unwanted and opened:
                self._close(opened.pop())

        try:
            await disk.run(open_it, on_end=let_go)
        except BaseException:
            # The thread goes on for a moment; what it opens must not stay behind.
            is_unwanted = True
            let_go()
            raise
        return opened.pop()

    def _open(
        self,
        signature: Signature,
        folder: BackupFolder,
        held: HeldKeys[Keys] | None,
        disk: BackupDisk,
        *,
        is_over: Callable[[], bool],
    ) -> _Shared:
        directory = self._scratch.make(uuid4().hex)
        try:
            backup = OpenedBackup(
                folder,
                keys=held.keys if held is not None else None,
                scratch=directory,
                signature=signature,
                is_over=is_over,
            )
        except BaseException:
            self._scratch.remove(directory)
            raise
        return _Shared(backup, directory, disk)

    def _close(self, shared: _Shared) -> asyncio.Future[None]:
        """Remove the plaintext; then close the backup's own files, which may hang on their disk."""
        closing = asyncio.create_task(self._close_files(shared), name="close files of a backup")
        self._background.add(closing)
        closing.add_done_callback(self._background.discard)
        loop = asyncio.get_running_loop()
        try:
            return loop.run_in_executor(self._closers, self._forget, shared)
        except RuntimeError:
            # Stopping: its threads are gone already, and plaintext must not wait for anything.
            forgotten: asyncio.Future[None] = loop.create_future()
            self._forget(shared)
            forgotten.set_result(None)
            return forgotten

    def _forget(self, shared: _Shared) -> None:
        try:
            shared.backup.forget()
        finally:
            self._scratch.remove(shared.directory)

    async def _close_files(self, shared: _Shared) -> None:
        # Silent, or stopping: the files are closed with the process.
        with contextlib.suppress(ProblemError, RuntimeError):
            await shared.disk.run(shared.backup.close_files)
