"""One backup folder: what it is, its keys for a passphrase, its manifest, its files.

Nothing is written below the folder. Whether a backup is encrypted is decided by its bytes, for
the flag in Manifest.plist is wrong in backups that other tools touched.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from shared.ios_backup import manifest_mbdb
from shared.ios_backup.content import FileReader
from shared.ios_backup.description import Description, describe
from shared.ios_backup.errors import (
    BackupFormatError,
    DamagedFile,
    DamagedKeybag,
    DamagedManifest,
    DamagedPropertyList,
    Incomplete,
    Locked,
    MissingFile,
    NotABackup,
    UnsupportedFormat,
    WrongPassphrase,
)
from shared.ios_backup.keybag import Keybag, Keys
from shared.ios_backup.manifest_db import Manifest
from shared.ios_backup.manifest_entry import ManifestEntry
from shared.ios_backup.manifest_staging import SQLITE_MAGIC, stage_manifest
from shared.ios_backup.property_lists import PropertyList, data, longest, read_property_list
from shared.ios_backup.safe_files import FILE_ID, open_with_status, open_within, read_within
from shared.ios_backup.stored_files import NO_KEY, StoredFile

_MANIFEST_DB = "Manifest.db"
_MANIFEST_MBDB = "Manifest.mbdb"
#: Where Manifest.plist has keys.
_KEYS_AT = ("BackupKeyBag", "ManifestKey")
_NO_BLOB = "The file's name is not one that backups have."
_PROPERTY_LISTS = ("Info.plist", "Manifest.plist", "Status.plist")


class BackupFolder:
    """A backup on disk, read once at ``open``; other methods read what they need when called."""

    def __init__(self, path: Path, property_lists: dict[str, PropertyList]) -> None:
        self.path = path
        manifest_plist = property_lists.get("Manifest.plist", {})
        # A session keeps this for hours: no more of it than is needed.
        self._manifest_plist = {
            key: manifest_plist[key] for key in _KEYS_AT if key in manifest_plist
        }
        #: Property lists that are there and readable.
        self.readable = frozenset(property_lists)
        #: What was found odd, in sentences.
        self.warnings: list[str] = []
        self.description: Description = describe(
            info=property_lists.get("Info.plist", {}),
            manifest=manifest_plist,
            status=property_lists.get("Status.plist", {}),
            folder_name=path.name,
        )
        self.format: Literal["manifest_db", "mbdb", "none"] = (
            "manifest_db"
            if _is_file(path / _MANIFEST_DB)
            else "mbdb"
            if _is_file(path / _MANIFEST_MBDB)
            else "none"
        )
        self.encrypted = self._is_encrypted()
        claim = self.description.encrypted_flag
        if claim is not None and claim != self.encrypted and self.format != "none":
            said = "encrypted" if claim else "not encrypted"
            self.warnings.append(f"The backup says that it is {said}, but its bytes say otherwise.")

    @classmethod
    def open(cls, path: Path) -> BackupFolder:
        """Read the property lists of *path*. Quick: nothing else is read but a few bytes.

        Missing and damaged ones become warnings. Raises NotABackup when there is neither a
        manifest nor Manifest.plist, UnsupportedFormat for backups of iOS 3.
        """
        lists: dict[str, PropertyList] = {}
        warnings = []
        for name in _PROPERTY_LISTS:
            try:
                content = read_within(path, name, max_bytes=longest(name))
                lists[name] = read_property_list(content)
            except MissingFile:
                warnings.append(f"{name} is missing.")
            except (DamagedFile, DamagedPropertyList):
                warnings.append(f"{name} is damaged.")
        folder = cls(path, lists)
        folder.warnings[:0] = warnings
        if folder.format == "none" and "Manifest.plist" not in lists:
            with contextlib.suppress(OSError), os.scandir(path) as items:
                if any(item.name.endswith((".mdinfo", ".mddata")) for item in items):
                    raise UnsupportedFormat("Backups of iOS 3 and before cannot be read.")
            if "Manifest.plist is damaged." not in warnings:
                raise NotABackup("There is no iPhone backup in this folder.")
        return folder

    @property
    def keybag_digest(self) -> str | None:
        """SHA-256 of the keybag in hex: equal digests have equal keys. None without a keybag."""
        keybag = self._keybag()
        return None if keybag is None else keybag.digest

    @property
    def derivation_digest(self) -> str | None:
        """SHA-256 of what passphrases are stretched with: equal in all copies of a backup."""
        keybag = self._keybag()
        return None if keybag is None else keybag.derivation_digest

    def _keybag(self) -> Keybag | None:
        keybag = data(self._manifest_plist, "BackupKeyBag")
        if keybag is None:
            return None
        try:
            return Keybag(keybag)
        except DamagedKeybag:
            return None

    def unlock(self, passphrase: str) -> Keys:
        """Return the keys of an encrypted backup. Takes seconds, releases the GIL meanwhile.

        Raises WrongPassphrase, DamagedKeybag, or Incomplete when the keybag is lost.
        """
        keybag = data(self._manifest_plist, "BackupKeyBag")
        if keybag is None:
            raise Incomplete("The backup's keys are lost: Manifest.plist is missing or damaged.")
        keys = Keybag(keybag).unlock(passphrase)
        wrapped = data(self._manifest_plist, "ManifestKey")
        if self.format == "manifest_db" and self.encrypted and wrapped is not None:
            try:
                keys.unwrap(wrapped)
            except DamagedKeybag:
                keys.wipe()
                # A keybag whose classes all open by chance is less likely than a wrong one.
                raise WrongPassphrase("The passphrase does not open this backup.") from None
        return keys

    def open_manifest(
        self, keys: Keys | None, scratch: Path, *, is_over: Callable[[], bool] = lambda: False
    ) -> Manifest:
        """Open the manifest with a private plaintext copy in *scratch*, an empty private folder.

        *keys* are None for a plain backup. ``Manifest.close`` removes the copy. Raises Locked (also
        soon after *is_over* says that nobody waits any more), Incomplete, DamagedManifest.
        """
        if self.format == "none":
            raise Incomplete("The backup's manifest is missing.")
        if self.encrypted and keys is None:
            raise Locked("The backup is encrypted and its keys are not here.")
        try:
            if self.format == "mbdb":
                return Manifest(
                    manifest_mbdb.stage_mbdb(self._mbdb(), scratch, is_over=is_over),
                    read_facts=manifest_mbdb.read_record,
                    sizes_of=manifest_mbdb.record_sizes,
                    is_over=is_over,
                )
            key = self._manifest_key(keys) if keys is not None and self.encrypted else None
            source = open_within(self.path, _MANIFEST_DB)
        except DamagedFile:
            raise DamagedManifest("The manifest cannot be opened.") from None
        try:
            staged = stage_manifest(source, scratch, key=key, is_over=is_over)
        finally:
            os.close(source)
        return Manifest(staged, is_over=is_over)

    def open_file(self, entry: ManifestEntry, keys: Keys | None) -> FileReader:
        """Open the content of *entry*, which must be of kind file.

        Raises MissingFile, DamagedFile, Locked. An empty file needs neither key nor blob.
        """
        stored = self.stored_file(entry, keys)
        try:
            descriptor, status = open_with_status(self.path, *self._blob(stored.file_id))
        except MissingFile:
            if not stored.may_be_absent:
                raise
            return FileReader(None, key=None, claimed=stored.claimed)
        if stored.must_be_empty:
            os.close(descriptor)
            if status.st_size:
                raise DamagedFile(NO_KEY)
            return FileReader(None, key=None, claimed=stored.claimed)
        return FileReader(descriptor, key=stored.key, claimed=stored.claimed, status=status)

    def stored_file(self, entry: ManifestEntry, keys: Keys | None) -> StoredFile:
        """Return what it takes to read the content of *entry*; the disk is not looked at.

        Raises DamagedFile and Locked as ``open_file`` does.
        """
        if entry.kind != "file":
            raise DamagedFile("Only files have content.")
        if FILE_ID.fullmatch(entry.file_id) is None:
            raise DamagedFile(_NO_BLOB)
        wrapped, claimed, key = entry.wrapped_key, entry.size_bytes, None
        if self.encrypted:
            if keys is None:
                raise Locked("The backup is encrypted and its keys are not here.")
            if wrapped is not None:
                try:
                    key = keys.unwrap(wrapped, protection_class=entry.protection_class)
                except DamagedKeybag:
                    raise DamagedFile("The file's key does not belong to this backup.") from None
        return StoredFile(
            entry.file_id,
            key,
            claimed,
            # Some writers store nothing for empty files.
            claimed == 0 or (claimed is None and self.encrypted and wrapped is None),
            self.encrypted and key is None,
        )

    def has_blob(self, entry: ManifestEntry) -> bool | None:
        """Whether the stored bytes of *entry* are there; None where nothing is stored."""
        if entry.kind != "file":
            return None
        try:
            # By string: a page asks this of every entry, and joining paths takes longer.
            status = os.lstat("/".join((str(self.path), *self._blob(entry.file_id))))
        except (OSError, BackupFormatError):
            return False
        return stat.S_ISREG(status.st_mode)

    def _blob(self, file_id: str) -> tuple[str, ...]:
        if FILE_ID.fullmatch(file_id) is None:
            raise DamagedFile(_NO_BLOB)
        return (file_id,) if self.format == "mbdb" else (file_id[:2], file_id)

    def _is_encrypted(self) -> bool:
        try:
            if self.format == "mbdb":
                return manifest_mbdb.has_wrapped_keys(self._mbdb())
            if self.format == "manifest_db":
                return self._manifest_head() != SQLITE_MAGIC
        except (DamagedFile, DamagedManifest, OSError):
            self.warnings.append("The manifest is damaged.")
        return self.description.encrypted_flag is True

    def _manifest_head(self) -> bytes:
        source = open_within(self.path, _MANIFEST_DB)
        try:
            return os.pread(source, len(SQLITE_MAGIC), 0)
        finally:
            os.close(source)

    def _mbdb(self) -> bytes:
        return read_within(self.path, _MANIFEST_MBDB, max_bytes=manifest_mbdb.MAX_BYTES)

    def _manifest_key(self, keys: Keys) -> bytes:
        wrapped = data(self._manifest_plist, "ManifestKey")
        if wrapped is None:
            raise DamagedManifest("The manifest is neither readable nor has it a key.")
        try:
            return keys.unwrap(wrapped)
        except DamagedKeybag:
            raise DamagedManifest("The manifest's key does not belong to this backup.") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A folder that may not be searched.
        return False
