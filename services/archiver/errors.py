"""Errors of the archiver.

ArchiverError
├── TransportError          a destination did not do what it was asked
│   ├── ObjectMissingError       there is nothing of that name
│   ├── DestinationAwayError     it does not answer, or its folder is not mounted; later it may
│   ├── DestinationFullError     it takes no more
│   └── DestinationRefusedError  it does not want us: keys, rights, limits
├── SourceError             the source cannot be read
│   ├── SourceMissingError       it is not there
│   ├── SourceUnmountedError     a part of it is not there that must be
│   ├── DumpRefusedError         it has no copy of its database that can be used
│   ├── MirrorRefusedError       a mirror of it would lose what it should not
│   ├── SourceAwayError          its server does not answer; later it may
│   ├── SourceRefusedError       it does not want us: logins, rights
│   └── SourceChangedError       it became another one while it was read
├── ScratchFullError             there is no room for what is about to be sent
├── DamagedArchiveError          what lies in a destination is not what was put there
└── CancelledByPersonError               somebody wants the work to stop

Whatever else is raised is a bug. Messages are sentences for people, without paths and secrets.
"""

from __future__ import annotations


class ArchiverError(Exception):
    """Base of all of them."""


class TransportError(ArchiverError):
    """A destination did not do what it was asked."""


class ObjectMissingError(TransportError):
    """There is nothing of that name."""


class DestinationAwayError(TransportError):
    """It does not answer, or its folder is not mounted; later it may."""


class DestinationFullError(TransportError):
    """It takes no more."""


class DestinationRefusedError(TransportError):
    """It does not want us: keys, rights, limits."""


class SourceError(ArchiverError):
    """The source cannot be read."""


class SourceMissingError(SourceError):
    """It is not there."""


class SourceUnmountedError(SourceError):
    """A part of it is not there that must be: its disk is not mounted."""


class DumpRefusedError(SourceError):
    """It has no copy of its database that can be used: none, an old one, one that is damaged."""


class MirrorRefusedError(SourceError):
    """A mirror of it would lose what it should not."""


class SourceAwayError(SourceError):
    """Its server does not answer; later it may."""


class SourceRefusedError(SourceError):
    """It does not want us: logins, rights."""


class SourceChangedError(SourceError):
    """It became another one while it was read."""


class ScratchFullError(ArchiverError):
    """There is no room for what is about to be sent."""


class DamagedArchiveError(ArchiverError):
    """What lies in a destination is not what was put there."""


class CancelledByPersonError(ArchiverError):
    """Somebody wants the work to stop."""
