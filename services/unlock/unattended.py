"""Backups that are opened while nobody is there: through the reference of their device.

A reference that gives a wrong passphrase is not tried again on the same keybag for most of a day,
so that no event, run or night makes a storm of it; setting the reference anew tries at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from services.unlock import errors, storage_references
from services.unlock.backup_disks import BackupDisks
from services.unlock.folder_check import open_folder
from services.unlock.storage import Pool
from shared.bus import Bus, RequestContext
from shared.contracts.discovery import LocateBackup
from shared.contracts.passphrase_references import (
    ListPassphraseReferences,
    OpenUnattended,
    PassphraseReference,
    SetPassphraseReference,
)
from shared.contracts.problems import ProblemError, bad_request, locked
from shared.contracts.requests import Done, Page
from shared.contracts.unlock import OpenedSession, OpenSession
from shared.secret_references import SecretReferenceError, parse_reference, resolve

log = structlog.get_logger(__name__)

#: Shorter than a day, so that every night tries once.
_REFUSED_FOR = dt.timedelta(hours=20)

Open = Callable[[OpenSession, RequestContext], Awaitable[OpenedSession]]


class Unattended:
    """The handlers of references, and of opening through them."""

    def __init__(
        self, *, bus: Bus, pool: Pool, disks: BackupDisks, open_session: Open, allow_commands: bool
    ) -> None:
        """*open_session* is what a person's request meets: the same limits hold here."""
        self._bus = bus
        self._pool = pool
        self._disks = disks
        self._open_session = open_session
        self._allow_commands = allow_commands

    async def set_reference(self, request: SetPassphraseReference, _: RequestContext) -> Done:
        """Keep a reference, or forget it. It is not resolved before it is needed."""
        if request.reference is not None:
            try:
                parse_reference(request.reference, allow_commands=self._allow_commands)
            except SecretReferenceError as error:
                raise bad_request(str(error), parameter="reference") from None
        async with self._pool.acquire() as connection, connection.transaction():
            changed = await storage_references.record_reference(
                connection, request.udid, request.reference
            )
        return Done(changed=changed)

    async def list_references(
        self, _: ListPassphraseReferences, __: RequestContext
    ) -> Page[PassphraseReference]:
        """The devices that have one, by UDID."""
        return Page(items=await storage_references.fetch_references(self._pool))

    async def open(self, request: OpenUnattended, context: RequestContext) -> OpenedSession:
        """Open a backup for the service that asks."""
        location = await self._bus.request(LocateBackup(backup_id=request.backup_id))
        udid = location.udid
        text = None if udid is None else await storage_references.find_reference(self._pool, udid)
        if udid is None or text is None:
            raise locked("Unlock the backup, or give its device a passphrase reference.")
        path = Path(location.path)
        openable = await self._disks.of(path).run(lambda: open_folder(path))
        keybag = openable.derivation_digest
        if await storage_references.was_refused(self._pool, udid, keybag, within=_REFUSED_FOR):
            raise errors.wrong_referenced_passphrase()
        try:
            reference = parse_reference(text, allow_commands=self._allow_commands)
            passphrase = await resolve(reference)
        except SecretReferenceError as error:
            log.info("reference_unresolved", backup_id=request.backup_id)
            raise errors.reference_unresolved(str(error)) from None
        try:
            return await self._open_session(
                OpenSession(
                    backup_id=request.backup_id,
                    passphrase=passphrase.reveal(),
                    # A device's wrong reference makes only that device wait.
                    caller=f"reference of {udid}",
                    unattended=True,
                ),
                context,
            )
        except ProblemError as error:
            if error.problem.type != errors.wrong_passphrase().problem.type:
                raise
            await storage_references.record_refused(self._pool, udid, keybag)
            raise errors.wrong_referenced_passphrase() from None
