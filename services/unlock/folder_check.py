"""Whether a folder can be opened as it lies there now. Blocking.

Discovery's view may be a quarter of an hour old, or wait for the folder to be quiet; a person who
unlocks gets an answer about this moment.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from services.unlock import errors
from services.unlock.key_cache import PassphraseMismatchError
from services.unlock.problems_of_format import told_as_problems
from shared.contracts.problems import problem
from shared.ios_backup import BackupFolder, Keys
from shared.ios_backup.errors import BackupFormatError, WrongPassphrase
from shared.ios_backup.property_lists import data, longest, read_property_list
from shared.ios_backup.safe_files import read_within

_KEYBAG_LIST = "Manifest.plist"
_STILL_RUNS = (
    "The phone is still backing up, or its last run broke off. Let it finish, or back up again."
)


class OpenableFolder:
    """A backup that is whole enough to be opened."""

    def __init__(self, folder: BackupFolder, *, keybag_digest: str) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        #: Both are empty for a plain backup.
        self.keybag_digest = keybag_digest
        self.derivation_digest = (folder.derivation_digest or "") if keybag_digest else ""

    def derive(self, passphrase: str) -> Keys:
        """Derive the keys; seconds of one core, without the GIL."""
        with told_as_problems():
            try:
                return self.folder.unlock(passphrase)
            except WrongPassphrase:
                raise PassphraseMismatchError from None


def open_folder(path: Path) -> OpenableFolder:
    """Read what the folder says about itself; raises ``ProblemError`` when it cannot be opened."""
    if not path.is_dir():
        raise problem(
            "not-found",
            "The backup's folder is not there.",
            404,
            "It was moved or removed, or its disk is not mounted. Rescan the backups.",
        )
    with told_as_problems():
        folder = BackupFolder.open(path)
    state = folder.description.snapshot_state
    if (state is not None and state != "finished") or _has_snapshot(path):
        raise errors.incomplete(_STILL_RUNS)
    if folder.format == "none":
        raise errors.incomplete(
            "Its manifest is missing, so the copy is not whole. Copy the folder again, or let the "
            "phone back up once more."
        )
    digest = ""
    if folder.encrypted:
        digest = folder.keybag_digest or ""
        if not _can_be_encrypted(folder):
            raise errors.damaged(
                "The manifest can be neither read nor decrypted. Copy the folder again, or let the "
                "phone back up once more.",
                part="manifest",
            )
        if not digest and "Manifest.plist" not in folder.readable:
            raise errors.incomplete(
                "The backup is encrypted and Manifest.plist, which holds its keys, is missing or "
                "damaged. Copy it again from where the backup was made."
            )
        if not digest:
            raise errors.damaged(
                "The keybag in Manifest.plist cannot be read, so no passphrase can open the "
                "backup. Copy Manifest.plist again from where the backup was made.",
                part="keybag",
            )
    openable = OpenableFolder(folder, keybag_digest=digest)
    if state is None:
        openable.warnings.append("Nothing says whether the last run of this backup was finished.")
    return openable


def _has_snapshot(path: Path) -> bool:
    """Whether a run's unfinished part lies there; an empty folder is only left over."""
    with contextlib.suppress(OSError), os.scandir(path / "Snapshot") as items:
        return next(items, None) is not None
    return False


def _can_be_encrypted(folder: BackupFolder) -> bool:
    """Whether there is a key that unreadable bytes of the manifest could be decrypted with."""
    if folder.format == "mbdb":
        return True
    try:
        content = read_within(folder.path, _KEYBAG_LIST, max_bytes=longest(_KEYBAG_LIST))
        return data(read_property_list(content), "ManifestKey") is not None
    except BackupFormatError:
        # Lost, not absent: unlocking says so.
        return True
