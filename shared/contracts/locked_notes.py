"""What the indexer is asked about notes that are locked with a passphrase of their own."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from shared.contracts.identifiers import ArtifactId, BackupId, SessionId
from shared.contracts.requests import Request


class LockedNoteLocation(msgspec.Struct, frozen=True, kw_only=True):
    """The backups that held the note, the newest first."""

    backup_ids: list[BackupId]


class OpenedNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a locked note says, in the forms that other notes have; kept nowhere.

    Pictures, tables and files of it are locked one by one and are not among it.
    """

    artifact_id: ArtifactId
    title: str | None
    text: str | None
    html: str | None
    markdown: str | None
    #: The note is longer than what HTML and Markdown show of it.
    is_cut: bool = False

    def __repr__(self) -> str:
        """Leave the note out of logs and tracebacks."""
        return f"OpenedNote(artifact_id={self.artifact_id!r})"


class LocateLockedNote(Request[LockedNoteLocation], frozen=True, kw_only=True):
    """Where a locked note lies. 409 when the artifact is none, or when no passphrase opens it."""

    subject: ClassVar[str] = "cmd.indexer.locate_locked_note"
    reply: ClassVar[object] = LockedNoteLocation
    artifact_id: ArtifactId


class OpenLockedNote(Request[OpenedNote], frozen=True, kw_only=True):
    """Open a locked note of a backup whose session is open. 403 wrong passphrase."""

    subject: ClassVar[str] = "cmd.indexer.open_locked_note"
    reply: ClassVar[object] = OpenedNote
    artifact_id: ArtifactId
    session_id: SessionId
    passphrase: str

    def __repr__(self) -> str:
        """Leave the passphrase out of logs and tracebacks."""
        return f"OpenLockedNote(artifact_id={self.artifact_id!r})"
