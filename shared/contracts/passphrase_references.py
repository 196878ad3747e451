"""Where the passphrases of devices lie, for backups that are opened while nobody is there."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

import msgspec

from shared.contracts.identifiers import BackupId, Udid
from shared.contracts.requests import Done, Page, Request
from shared.contracts.unlock import OpenedSession


class PassphraseReference(msgspec.Struct, frozen=True, kw_only=True):
    """That a device has a reference, and of which sort; the rest of it is never shown."""

    udid: Udid
    #: ``file``, ``op`` and so on; null when there is none.
    scheme: str | None
    set_at: dt.datetime | None


class SetPassphraseReference(Request[Done], frozen=True, kw_only=True):
    """Keep where a device's passphrase lies; null forgets it. 400 when it cannot be meant."""

    subject: ClassVar[str] = "cmd.unlock.set_passphrase_reference"
    reply: ClassVar[object] = Done
    udid: Udid
    reference: str | None

    def __repr__(self) -> str:
        """Leave the reference out of logs and tracebacks."""
        return f"SetPassphraseReference(udid={self.udid!r})"


class ListPassphraseReferences(Request[Page[PassphraseReference]], frozen=True, kw_only=True):
    """The devices that have one."""

    subject: ClassVar[str] = "cmd.unlock.list_passphrase_references"
    reply: ClassVar[object] = Page[PassphraseReference]


class OpenUnattended(Request[OpenedSession], frozen=True, kw_only=True):
    """Open an encrypted backup through its device's reference, for work of the asking service.

    423 without a reference, 409 when it gives no passphrase, 403 when that is a wrong one. The
    gateway may not ask this: a person who wants to read gives the passphrase.
    """

    subject: ClassVar[str] = "cmd.unlock.open_unattended"
    reply: ClassVar[object] = OpenedSession
    backup_id: BackupId
