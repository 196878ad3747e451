"""The container format of iPhone backups: folders, property lists, keybags, manifests, blobs.

Everything here is synchronous and blocking, works on untrusted input within fixed bounds, and
neither logs nor keeps anything. ``BackupFolder`` is the way in.
"""

from shared.ios_backup.backup_folder import BackupFolder
from shared.ios_backup.content import FileReader
from shared.ios_backup.keybag import Keys
from shared.ios_backup.manifest_db import Manifest, ManifestPage
from shared.ios_backup.manifest_entry import ManifestEntry

__all__ = ["BackupFolder", "FileReader", "Keys", "Manifest", "ManifestEntry", "ManifestPage"]
