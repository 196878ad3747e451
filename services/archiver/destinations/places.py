"""What can be set up as a destination: a folder, or a remote of rclone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import msgspec

from services.archiver.destinations.forms import problems, read_backends, warnings
from services.archiver.destinations.mount_points import missing_mount
from services.archiver.destinations.patience import Limits
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.rclone_transport import RcloneTransport
from services.archiver.destinations.remotes import RcloneRemote
from services.archiver.errors import (
    ArchiverError,
    DestinationAwayError,
    DestinationRefusedError,
    ObjectMissingError,
)
from services.archiver.store.local_folder import LocalFolder
from services.archiver.store.transport import Transport

#: What systems and network disks put into folders by themselves.
_NOBODYS = frozenset(
    {".DS_Store", ".Trashes", ".Spotlight-V100", ".fseventsd", ".snapshot", ".snapshots", ".zfs"}
    | {"#recycle", "#snapshot", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
)


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in a destination, at the top only."""

    names: frozenset[str]
    #: How much there is that our passwords cannot read.
    unreadable_count: int = 0


class Place(Protocol):
    """A destination that is set up, examined or used. Blocking; methods raise ``ArchiverError``."""

    def prerequisites(self) -> tuple[list[str], list[str]]:
        """Return what must be put right first, and what is worth knowing: sentences."""

    def top(self) -> Top:
        """Return what lies there now."""

    def open(self, *, is_new: bool = False) -> Transport:
        """Return the transport, which the caller closes; see ``check_store``."""


class LocalPlace:
    """A folder of this machine, or what is mounted there; not encrypted by us."""

    def __init__(self, path: Path) -> None:
        """Use the folder *path*."""
        self._path = path

    def prerequisites(self) -> tuple[list[str], list[str]]:
        """Look whether the folder is there and ours to write."""
        if not self._path.is_absolute():
            return ["The path of a folder begins with a slash."], []
        if not self._path.is_dir():
            return ["The folder does not exist, or is not mounted."], []
        if not os.access(self._path, os.R_OK | os.W_OK | os.X_OK):
            return ["The folder cannot be read and written by Keepsake."], []
        return missing_mount(self._path)

    def top(self) -> Top:
        """Return what lies in the folder."""
        try:
            names = {entry.name for entry in self._path.iterdir()}
        except OSError as error:
            said = os.strerror(error.errno) if error.errno else type(error).__name__
            raise DestinationAwayError(f"The folder cannot be read: {said}.") from None
        return Top(names=frozenset(names - _NOBODYS))

    def open(self, *, is_new: bool = False) -> Transport:
        """Return the folder as a transport."""
        return LocalFolder(self._path, is_new=is_new)


class RclonePlace:
    """Whatever rclone reaches, encrypted where *remote* says so."""

    def __init__(
        self, daemon: RcloneDaemon, remote: RcloneRemote, *, limits: Limits | None = None
    ) -> None:
        """Use *remote* over *daemon*."""
        self._daemon = daemon
        self._remote = remote
        self._limits = limits

    def prerequisites(self) -> tuple[list[str], list[str]]:
        """Look whether rclone is there, and knows what it is told."""
        try:
            backends = read_backends(self._daemon)
        except ArchiverError as error:
            return [str(error)], []
        found, known = problems(self._remote, backends), warnings(self._remote)
        if self._remote.backend == "local" and not found:
            # Else rclone makes it, on whatever disk that is.
            found, more = LocalPlace(Path(self._remote.path)).prerequisites()
            known += more
        return found, known

    def top(self) -> Top:
        """Return what lies there."""
        transport = RcloneTransport(self._daemon, self._remote, is_new=True, limits=self._limits)
        try:
            ours, plain = transport.top()
        except ObjectMissingError:
            raise DestinationRefusedError("The bucket does not exist.") from None
        finally:
            transport.close()
        if self._remote.crypt is None:
            return Top(names=frozenset(ours) - _NOBODYS)
        others = len([name for name in plain if name not in _NOBODYS])
        return Top(names=frozenset(ours), unreadable_count=max(others - len(ours), 0))

    def open(self, *, is_new: bool = False) -> Transport:
        """Return the remote as a transport."""
        return RcloneTransport(self._daemon, self._remote, is_new=is_new, limits=self._limits)
