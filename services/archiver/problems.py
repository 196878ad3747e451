"""What people are told when an archive or a restore does not come to its end."""

from __future__ import annotations

import errno

from services.archiver.errors import (
    ArchiverError,
    DamagedArchiveError,
    DestinationAwayError,
    DestinationFullError,
    DestinationRefusedError,
    ObjectMissingError,
    SourceChangedError,
    SourceError,
    SourceMissingError,
)
from shared.contracts.jobs import JobState
from shared.contracts.problems import ProblemError, problem

#: What may pass by itself: such a job is tried again before it is said to be interrupted.
PASSING = (DestinationAwayError, SourceChangedError)


def problem_of(error: ArchiverError) -> ProblemError:
    """Return *error* as data; its sentence holds neither paths nor secrets."""
    for kind, (slug, title, status, advice) in _PROBLEMS.items():
        if isinstance(error, kind):
            return problem(slug, title, status, f"{error} {advice}".strip())
    return problem(
        "archive-failed", "The destination did not do what it was asked.", 502, f"{error}"
    )


def state_of(error: ArchiverError) -> JobState:
    """Return how a job ends that met *error*: running it again may help, or it will not."""
    return "failed" if isinstance(error, _FINAL) else "interrupted"


def no_space_here(error: OSError) -> ProblemError:
    """Return what is said when the disk takes no more that a restore or our own files go to."""
    slug, said = (
        ("no-space", "has no room") if error.errno in _FULL else ("io", "cannot be written")
    )
    return problem(
        slug,
        f"The disk {said}.",
        507,
        "Make room, or choose another folder, then run the job again: it goes on where it ended.",
    )


_FULL = (errno.ENOSPC, errno.EDQUOT)
_FINAL = (SourceMissingError, DamagedArchiveError)
_PROBLEMS: dict[type[ArchiverError], tuple[str, str, int, str]] = {
    SourceMissingError: (
        "source-missing",
        "The source is not there.",
        404,
        "Correct the source, or connect its disk.",
    ),
    SourceChangedError: (
        "source-changed",
        "The source changed while it was archived.",
        409,
        "Run the job again when nothing writes to it; what was stored is not stored twice.",
    ),
    SourceError: ("source-unreadable", "The source cannot be read.", 422, ""),
    ObjectMissingError: (
        "archive-damaged",
        "The destination lost a part of the archive.",
        422,
        "The next archive of the source stores it again, if the source still has it.",
    ),
    DestinationAwayError: (
        "destination-away",
        "The destination does not answer.",
        503,
        "Connect it, then run the job again: it goes on where it ended.",
    ),
    DestinationFullError: (
        "destination-full",
        "The destination has no room.",
        507,
        "Make room there, then run the job again: it goes on where it ended.",
    ),
    DestinationRefusedError: (
        "destination-refused",
        "The destination refuses.",
        403,
        "Correct its keys or rights, then run the job again.",
    ),
    DamagedArchiveError: (
        "archive-damaged",
        "The destination does not hold the archive as it was stored.",
        422,
        "The next archive of the source stores it again, if the source still has it.",
    ),
}
