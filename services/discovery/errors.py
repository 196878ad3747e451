"""What can go wrong inside discovery.

DiscoveryError
├── FolderVanished    the folder went away, or stopped being a backup, while it was looked at
├── FolderUnreadable  the folder is there and cannot be read (permissions, a failing disk)
│   └── FolderSilent  its disk or network mount does not answer at all
└── Stopped           the service is stopping; the work is taken up again at the next start
"""

from __future__ import annotations

import os


class DiscoveryError(Exception):
    """Base of everything that discovery raises itself."""


class FolderVanished(DiscoveryError):  # noqa: N818 -- a fact, not an accident
    """The folder is not there any more; the next walk decides what that means."""


class FolderUnreadable(DiscoveryError):  # noqa: N818
    """The folder cannot be read now. ``reason`` is an error's name, never a path."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FolderSilent(FolderUnreadable):
    """A call to the file system does not come back. ``place`` is where, as a path."""

    def __init__(self, place: object) -> None:
        super().__init__("not-answering")
        self.place = place if isinstance(place, bytes) else os.fsencode(str(place))


class Stopped(DiscoveryError):  # noqa: N818
    """Work on disk was given up because the service is stopping."""
