"""Errors of the indexer.

IndexerError
├── WorkerError        a process of ours crashed, hung, or said something that is not a frame
├── BackupChangedError the backup is not the revision that the run began with
├── JobIsOverError     somebody else ended the job while it waited for its turn
└── RunCancelledError  a person asked for the run to stop
"""

from __future__ import annotations

import errno

from shared.contracts.problems import ProblemError, problem


class IndexerError(Exception):
    """Base of everything that the indexer raises for itself to catch."""


class WorkerError(IndexerError):
    """The kind could not be read; the message is a sentence for people, without content."""


class BackupChangedError(IndexerError):
    """The files under the run are another revision's now, so nothing read from them counts."""


def backup_changed() -> ProblemError:
    """The same, as people are told it."""
    return problem(
        "backup-changed",
        "The backup changed while it was being read.",
        409,
        "The phone has backed up into this folder again. Unlock and index it when that is done.",
    )


def is_no_space(error: BaseException) -> bool:
    """Whether a disk is full, ours or the database's."""
    # 53100 is disk_full; domain modules do not import the driver.
    return getattr(error, "sqlstate", None) == "53100" or (
        isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    )


def no_space() -> ProblemError:
    """The copies that a run needs, or its rows, found no room."""
    return problem(
        "no-space",
        "There is no room for indexing.",
        507,
        "Make room in the scratch folder (KEEPSAKE_SCRATCH_DIR) or for the database, then index"
        " the backup again. What was indexed before is as it was.",
    )


class RunCancelledError(IndexerError):
    """The job was cancelled while the run was going on."""


class JobIsOverError(IndexerError):
    """Somebody else ended the job while it waited for its turn."""
