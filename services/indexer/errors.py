"""Errors of the indexer.

IndexerError
├── WorkerError       a parser process crashed, hung, or said something that is not a frame
├── BackupChangedError the backup is not the revision that the run began with
└── RunCancelledError  a person asked for the run to stop
"""

from __future__ import annotations

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


class RunCancelledError(IndexerError):
    """The job was cancelled while the run was going on."""
