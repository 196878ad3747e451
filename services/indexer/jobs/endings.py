"""What the end of a job's run means: try later, let a person retry it, or give it up."""

from __future__ import annotations

from services.indexer.errors import backup_changed
from shared.bus import Delivery, Retry
from shared.contracts.problems import Problem, problem

#: Somebody who did not answer is asked again; the run has lost nothing.
PASSING = (503, 504)
#: Ten tries of 3, 6, 12 … 300 seconds: a quarter of an hour, longer than the longest run.
_RETRY_SECONDS = 3.0
_LONGEST_RETRY_SECONDS = 300.0


def later(delivery: Delivery) -> Retry:
    """Return what asks for the same event again, later each time."""
    return Retry(min(_RETRY_SECONDS * 2.0 ** (delivery.attempt - 1), _LONGEST_RETRY_SECONDS))


def can_be_retried(error: Problem) -> bool:
    """Whether it is a matter of when and with which session, not of what is in the backup."""
    return error.status in (423, 507, *PASSING) or error.type == backup_changed().problem.type


def broken() -> Problem:
    """Return what people are told of an error of ours."""
    return problem(
        "internal",
        "Something went wrong inside Keepsake.",
        500,
        "It was logged; trying again may help.",
    ).problem
