"""Errors of the indexer.

IndexerError
├── WorkerFailed       a parser process crashed, hung, or said something that is not a frame
├── BackupChanged      the backup is not the revision that the run began with
└── RunCancelled       a person asked for the run to stop
"""

from __future__ import annotations


class IndexerError(Exception):
    """Base of everything that the indexer raises for itself to catch."""


class WorkerFailed(IndexerError):
    """The kind could not be read; the message is a sentence for people, without content."""


class BackupChanged(IndexerError):
    """The files under the run are another revision's now, so nothing read from them counts."""


class RunCancelled(IndexerError):
    """The job was cancelled while the run was going on."""
