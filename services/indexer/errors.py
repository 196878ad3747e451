"""Errors of the indexer.

IndexerError
├── WorkerError       a parser process crashed, hung, or said something that is not a frame
├── BackupChangedError the backup is not the revision that the run began with
└── RunCancelledError  a person asked for the run to stop
"""

from __future__ import annotations


class IndexerError(Exception):
    """Base of everything that the indexer raises for itself to catch."""


class WorkerError(IndexerError):
    """The kind could not be read; the message is a sentence for people, without content."""


class BackupChangedError(IndexerError):
    """The files under the run are another revision's now, so nothing read from them counts."""


class RunCancelledError(IndexerError):
    """The job was cancelled while the run was going on."""
