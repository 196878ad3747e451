"""What the end of a job's run means: try later, let a person retry it, or give it up."""

from __future__ import annotations

import msgspec
import structlog

from services.indexer.errors import (
    BackupChangedError,
    JobIsOverError,
    RunCancelledError,
    backup_changed,
    is_no_space,
)
from shared.bus import Delivery, Retry
from shared.contracts.jobs import JobState
from shared.contracts.problems import Problem, ProblemError, broken

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Somebody who did not answer is asked again; the run has lost nothing.
_PASSING = (503, 504)
#: Ten tries of 3, 6, 12 … 300 seconds: a quarter of an hour, longer than the longest run.
_RETRY_SECONDS = 3.0
_LONGEST_RETRY_SECONDS = 300.0


class Ending(msgspec.Struct, frozen=True):
    """How a job ends that did not go through, and what people are told of it."""

    state: JobState
    error: Problem | None = None


def ending_of(error: Exception, delivery: Delivery, *, no_room: Problem) -> Ending | None:
    """Return how a job ends whose run raised *error*; None where somebody else has ended it.

    Raises instead what has the event delivered again, while that may help. *no_room* is what people
    are told when a disk is full: nothing that trying again soon would change.
    """
    if isinstance(error, JobIsOverError):
        return None
    if isinstance(error, RunCancelledError):
        return Ending("cancelled")
    if isinstance(error, BackupChangedError):
        return Ending("interrupted", backup_changed().problem)
    if isinstance(error, ProblemError):
        if error.problem.status in _PASSING and not delivery.is_last_attempt:
            raise later(delivery) from error
        return Ending("interrupted" if _can_be_retried(error.problem) else "failed", error.problem)
    if is_no_space(error):
        log.warning("job_without_room", error=type(error).__name__)
        return Ending("interrupted", no_room)
    if not delivery.is_last_attempt:
        raise error
    log.error("job_broken", error=type(error).__name__)  # no content
    return Ending("failed", broken().problem)


def later(delivery: Delivery) -> Retry:
    """Return what asks for the same event again, later each time."""
    return Retry(min(_RETRY_SECONDS * 2.0 ** (delivery.attempt - 1), _LONGEST_RETRY_SECONDS))


def _can_be_retried(error: Problem) -> bool:
    """Whether it is a matter of when and with which session, not of what is in the backup."""
    return error.status in (423, 507, *_PASSING) or error.type == backup_changed().problem.type
