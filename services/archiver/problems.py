"""What people are told when an archive or a restore does not come to its end."""

from __future__ import annotations

import errno

import msgspec

from services.archiver.errors import (
    ArchiverError,
    DamagedArchiveError,
    DestinationAwayError,
    DestinationFullError,
    DestinationRefusedError,
    DumpRefusedError,
    MirrorRefusedError,
    ObjectMissingError,
    ScratchFullError,
    SourceAwayError,
    SourceChangedError,
    SourceError,
    SourceMissingError,
    SourceRefusedError,
    SourceUnmountedError,
)
from shared.contracts.jobs import JobState
from shared.contracts.problems import ProblemError, problem

#: What may pass by itself: such a job is tried again before it is said to be interrupted.
PASSING = (DestinationAwayError, SourceAwayError, SourceChangedError)


def problem_of(error: ArchiverError) -> ProblemError:
    """Return *error* as data; its sentence holds neither paths nor secrets."""
    for kind, said in _PROBLEMS.items():
        if isinstance(error, kind):
            return problem(said.slug, said.title, said.status, f"{error} {said.advice}".strip())
    return problem(
        "archive-failed", "The destination did not do what it was asked.", 502, f"{error}"
    )


def state_of(error: ArchiverError) -> JobState:
    """Return how a job ends that met *error*: running it again may help, or it will not."""
    return "failed" if isinstance(error, _FINAL) else "interrupted"


def no_space_here(error: OSError) -> ProblemError:
    """Return what is said when the disk takes no more that a restore or our own files go to."""
    advice = "Then run the job again: it goes on where it ended."
    if error.errno in _FULL:
        return problem(
            "no-space", "The disk has no room.", 507, f"Make room, or choose another. {advice}"
        )
    return problem(
        "io", "The disk cannot be written.", 507, f"Correct that, or choose another. {advice}"
    )


def no_space_in_scratch(error: OSError) -> ProblemError:
    """Return what is said when the disk takes no more that holds what is about to be sent."""
    if error.errno in _FULL:
        return problem_of(ScratchFullError("The scratch folder has no room."))
    return no_space_here(error)


def nobody_works() -> ProblemError:
    """Return what is said of a job whose run ended without a word."""
    return problem(
        "job-stale",
        "Nobody works on the job any more.",
        500,
        "Its run ended without a word. Run it again: it goes on where it ended.",
    )


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    slug: str
    title: str
    status: int
    advice: str


def _problem(slug: str, title: str, status: int, advice: str) -> _Said:
    return _Said(slug=slug, title=title, status=status, advice=advice)


_FULL = (errno.ENOSPC, errno.EDQUOT)
_FINAL = (SourceMissingError, SourceRefusedError, DamagedArchiveError)
_PROBLEMS: dict[type[ArchiverError], _Said] = {
    SourceMissingError: _problem(
        "source-missing",
        "The source is not there.",
        404,
        "Correct the source, or connect its disk.",
    ),
    SourceChangedError: _problem(
        "source-changed",
        "The source changed while it was archived.",
        409,
        "Run the job again when nothing writes to it; what was stored is not stored twice.",
    ),
    SourceUnmountedError: _problem(
        "source-not-mounted",
        "A part of the source is not there.",
        409,
        "Mount it, or correct the source, then run the job again.",
    ),
    DumpRefusedError: _problem(
        "database-dump",
        "The library has no database dump that can be used.",
        409,
        "Have Immich make one (Administration, Jobs, Create Job), then run the job again.",
    ),
    MirrorRefusedError: _problem(
        "mirror-refused",
        "The mirror is left as it is.",
        409,
        "See whether the source's disk is mounted. If all is as it should be, ask again and allow"
        " for it.",
    ),
    SourceAwayError: _problem(
        "source-away",
        "The source does not answer.",
        503,
        "Start its server, or correct its address, then run the job again.",
    ),
    SourceRefusedError: _problem(
        "source-refused",
        "The source refuses.",
        403,
        "Correct its login or rights, then run the job again.",
    ),
    ScratchFullError: _problem(
        "scratch-full", "There is no room for what is about to be archived.", 507, ""
    ),
    SourceError: _problem("source-unreadable", "The source cannot be read.", 422, ""),
    ObjectMissingError: _problem(
        "archive-damaged",
        "The destination lost a part of the archive.",
        422,
        "The next archive of the source stores it again, if the source still has it.",
    ),
    DestinationAwayError: _problem(
        "destination-away",
        "The destination does not answer.",
        503,
        "Connect it, then run the job again: it goes on where it ended.",
    ),
    DestinationFullError: _problem(
        "destination-full",
        "The destination has no room.",
        507,
        "Make room there, then run the job again: it goes on where it ended.",
    ),
    DestinationRefusedError: _problem(
        "destination-refused",
        "The destination refuses.",
        403,
        "Correct its keys or rights, then run the job again.",
    ),
    DamagedArchiveError: _problem(
        "archive-damaged",
        "The destination does not hold the archive as it was stored.",
        422,
        "The next archive of the source stores it again, if the source still has it.",
    ),
}
