"""Every error leaves as ``application/problem+json`` (RFC 9457), whatever raised it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from gateway import validation_words
from shared.contracts.problems import Problem, ProblemError, database_full, unavailable
from shared.postgres import is_away, is_full

MEDIA_TYPE = "application/problem+json"

_log = structlog.get_logger("gateway")

#: Slug and title for what the framework itself refuses.
_BY_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "The request is not valid."),
    401: ("unauthorized", "A valid API token is needed."),
    403: ("forbidden", "The token may not do this."),
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This address does not know the method."),
    408: ("slow-request", "The request did not arrive whole."),
    413: ("too-large", "The request is too large."),
    414: ("address-too-long", "The address is too long."),
    415: ("bad-request", "The body has a media type that is not understood."),
    421: ("wrong-host", "This host name is not served here."),
    429: ("throttled", "Too many requests."),
    503: ("service-unavailable", "A part of Keepsake is not answering."),
}

#: What Litestar 2.25 calls a body that ends with its connection.
_CALLER_GONE = "client disconnected prematurely"

#: Fields of the envelope; a problem's own fields never replace them.
_RESERVED = frozenset({"type", "title", "status", "detail", "instance"})


def encode_problem(problem: Problem) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of *problem*."""
    body: dict[str, Any] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    body.update((k, v) for k, v in problem.fields.items() if k not in _RESERVED)
    headers = {"cache-control": "no-store"}
    if problem.retry_after_seconds is not None:
        body["retry_after_seconds"] = problem.retry_after_seconds
        headers["retry-after"] = str(problem.retry_after_seconds)
    if problem.status == 401:
        headers["www-authenticate"] = 'Bearer realm="keepsake"'
    return msgspec.json.encode(body), headers


def problem_response(problem: Problem, extra: Mapping[str, str] | None = None) -> Response[Any]:
    """Return *problem* as a response."""
    body, headers = encode_problem(problem)
    return Response(
        content=body,
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={**headers, **(extra or {})},
    )


def on_problem(_: Request[Any, Any, Any], error: ProblemError) -> Response[Any]:
    """Show what a service, or the gateway, refused."""
    return problem_response(error.problem)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Show what the framework refused, without quoting what was sent."""
    status = error.status_code
    if status == 500 and error.detail == _CALLER_GONE:
        # Nobody reads it, but it is no failure of ours that somebody should look for.
        status = 408
    elif status not in _BY_STATUS:
        status = 500 if status >= 500 else 400
    if status == 500:
        return problem_response(_internal(error))
    slug, title = _BY_STATUS[status]
    fields: dict[str, Any] = {}
    if isinstance(error, ValidationException):
        fields["errors"] = validation_words.told(error, request.scope.get("route_handler"))
    allowed = (error.headers or {}).get("Allow") or (error.headers or {}).get("allow")
    return problem_response(
        Problem(
            type=f"/problems/{slug}",
            title=title,
            status=status,
            detail=_detail(status, fields),
            fields=fields,
        ),
        {"allow": allowed} if allowed else None,
    )


def on_recursion(request: Request[Any, Any, Any], error: RecursionError) -> Response[Any]:
    """Show that a body was nested too deep to be read; elsewhere it is a bug like any other."""
    if not any(frame.name == "decode_json" for frame in traceback.extract_tb(error.__traceback__)):
        return on_exception(request, error)
    slug, title = _BY_STATUS[400]
    return problem_response(
        Problem(
            type=f"/problems/{slug}", title=title, status=400, detail="The body is nested too deep."
        )
    )


def on_exception(_: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Show a bug as one sentence; the log gets its type and place, never its message.

    A database that is away is no bug.
    """
    if is_full(error):
        _log.warning("request_without_room", error=type(error).__name__)
        return problem_response(database_full().problem)
    if is_away(error):
        _log.warning("request_not_answered", error=type(error).__name__)
        return problem_response(unavailable("gateway").problem)
    return problem_response(_internal(error))


def _internal(error: Exception) -> Problem:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    _log.error(
        "request_failed",
        error=type(error).__name__,
        at=f"{place.tb_frame.f_code.co_name}:{place.tb_lineno}" if place else None,
    )
    return Problem(
        type="/problems/internal",
        title="Something went wrong inside Keepsake.",
        status=500,
        detail="The log names the error. Repeating the request does no harm.",
    )


def _detail(status: int, fields: Mapping[str, Any]) -> str:
    errors = fields.get("errors")
    if errors:
        return validation_words.sentence(errors)
    return {
        400: "The body or a parameter could not be read.",
        413: "The body may have at most 1 MiB.",
    }.get(status, "")
