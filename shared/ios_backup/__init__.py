"""The container format of iPhone backups: folders, property lists, keybags, manifests, blobs.

Everything here is synchronous and blocking, works on untrusted input within fixed bounds, and
neither logs nor keeps anything. ``BackupFolder`` is the way in.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.ios_backup.backup_folder import BackupFolder
    from shared.ios_backup.content import FileReader
    from shared.ios_backup.keybag import Keys
    from shared.ios_backup.manifest_db import Manifest, ManifestPage
    from shared.ios_backup.manifest_entry import ManifestEntry

__all__ = ["BackupFolder", "FileReader", "Keys", "Manifest", "ManifestEntry", "ManifestPage"]

_MODULES = {
    "BackupFolder": "backup_folder",
    "FileReader": "content",
    "Keys": "keybag",
    "Manifest": "manifest_db",
    "ManifestEntry": "manifest_entry",
    "ManifestPage": "manifest_db",
}


def __getattr__(name: str) -> Any:
    # Parsers of property lists start without what decrypts, which takes longer than they do.
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"shared.ios_backup.{_MODULES[name]}"), name)
