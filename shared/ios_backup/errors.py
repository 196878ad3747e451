"""What can be wrong with a backup, as exceptions.

::

    BackupFormatError
    ├── NotABackup              the folder holds no backup
    ├── UnsupportedFormat       a backup, but of a kind nobody reads any more (iOS 3)
    ├── Incomplete              a part that is needed is not there
    ├── Locked                  the backup is encrypted and no keys were given, or they were wiped
    ├── WrongPassphrase         the passphrase does not open the keybag
    ├── DamagedPropertyList     a property list is garbage, too large or too deep
    ├── DamagedKeybag           the keybag is garbage or asks for absurd work
    ├── DamagedManifest         the manifest cannot be decrypted or read
    └── DamagedFile             the stored bytes of one file cannot be what was stored
        └── MissingFile         the stored bytes of one file are not there

Messages are sentences for people. They hold nothing from inside a backup and no paths.
"""

from __future__ import annotations


class BackupFormatError(Exception):
    """Base of everything that this package raises about a backup."""


class NotABackup(BackupFormatError):  # noqa: N818 -- a fact, not an accident
    """The folder holds no backup."""


class UnsupportedFormat(BackupFormatError):  # noqa: N818
    """A backup of a kind that Keepsake does not read."""


class Incomplete(BackupFormatError):  # noqa: N818
    """A part of the backup that is needed is not there."""


class Locked(BackupFormatError):  # noqa: N818
    """The backup is encrypted and its keys are not here."""


class WrongPassphrase(BackupFormatError):  # noqa: N818
    """The passphrase does not open the keybag."""


class DamagedPropertyList(BackupFormatError):  # noqa: N818
    """A property list is garbage, too large or too deep."""


class DamagedKeybag(BackupFormatError):  # noqa: N818
    """The keybag is garbage or asks for absurd work."""


class DamagedManifest(BackupFormatError):  # noqa: N818
    """The manifest cannot be decrypted or read."""


class DamagedFile(BackupFormatError):  # noqa: N818
    """The stored bytes of a file cannot be what was stored."""


class MissingFile(DamagedFile):
    """The stored bytes of a file are not there."""
