"""Names for the identifiers that cross boundaries, so that no two are mixed up."""

from __future__ import annotations

from typing import NewType

#: Identity of one backup folder, given by discovery at first sight (UUID text).
BackupId = NewType("BackupId", str)
#: Apple's device identifier in upper case: 40 hex digits, or 8 and 16 hex digits with a dash.
Udid = NewType("Udid", str)
#: One unlock of one backup (UUID text). Not a secret; the session token is.
SessionId = NewType("SessionId", str)
#: One long-running piece of work (UUID text).
JobId = NewType("JobId", str)
#: Lower-case hex SHA-1 of ``<domain>-<relative path>``: the name of a blob in a backup.
FileId = NewType("FileId", str)
#: Decimal text of the indexer's row number of an artifact.
ArtifactId = NewType("ArtifactId", str)
#: Decimal text of the indexer's row number of a thread.
ThreadId = NewType("ThreadId", str)
