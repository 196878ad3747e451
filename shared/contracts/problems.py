"""Errors as data (RFC 9457): what a caller is told, on the bus and over HTTP alike.

``ProblemError`` is the one exception that may cross a boundary. A title is a constant sentence;
a detail says what was wrong and what a person can do. Neither may hold a secret, anything from
inside a backup, a path outside the vault, or a stack trace.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One problem. ``type`` is stable; ``fields`` are flattened beside it over HTTP."""

    type: str
    title: str
    status: int
    detail: str = ""
    #: Seconds after which the same request may succeed; becomes ``Retry-After``.
    retry_after_seconds: int | None = None
    fields: dict[str, Any] = msgspec.field(default_factory=dict)


class ProblemError(Exception):
    """A failure that the caller should see as *problem*."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


def problem(
    slug: str,
    title: str,
    status: int,
    detail: str = "",
    *,
    retry_after_seconds: int | None = None,
    **fields: Any,
) -> ProblemError:
    """Return an error of type ``/problems/<slug>``, ready to raise."""
    return ProblemError(
        Problem(
            type=f"/problems/{slug}",
            title=title,
            status=status,
            detail=detail,
            retry_after_seconds=retry_after_seconds,
            fields=fields,
        )
    )


def bad_request(detail: str, **fields: Any) -> ProblemError:
    """The request itself is wrong; repeating it will not help."""
    return problem("bad-request", "The request is not valid.", 400, detail, **fields)


def not_found(what: str) -> ProblemError:
    """No *what* (a noun of the word list) has that identifier."""
    return problem("not-found", f"There is no such {what}.", 404)


def broken() -> ProblemError:
    """An error of ours ended a job, or a request to a service."""
    return problem(
        "internal",
        "Something went wrong inside Keepsake.",
        500,
        "It was logged; trying again may help.",
    )


def locked(detail: str = "Unlock the backup and send its session token.") -> ProblemError:
    """No open session holds this backup's keys."""
    return problem("locked", "The backup is locked.", 423, detail)


def export_gone() -> ProblemError:
    """Nobody holds the export any more: removed, out of time, or lost with the indexer."""
    return problem(
        "export-gone",
        "The export is not there any more.",
        410,
        "Exports are kept for a while, and until Keepsake is restarted. Make it again: retry its"
        " job.",
    )


def database_full() -> ProblemError:
    """Nothing can be written down; what was, is safe."""
    return problem(
        "no-space",
        "There is no room on the database's disk.",
        507,
        "Make room on the disk that holds Keepsake's data, then try again. Nothing is lost.",
        retry_after_seconds=30,
    )


def unavailable(service: str) -> ProblemError:
    """*service* did not answer; the request may be repeated."""
    return problem(
        "service-unavailable",
        "A part of Keepsake is not answering.",
        503,
        f"The {service} service is starting or stopped. Nothing is lost; try again.",
        retry_after_seconds=2,
        service=service,
    )
