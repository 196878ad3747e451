"""Types of path and query parameters, and the rule that unknown ones are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import Response
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import (
    FromQuery,
    HeaderParameter,
    PathParameter,
    QueryParameter,
)
from litestar.types import ASGIApp, Receive, Scope, Send

from shared.bus import RawReply
from shared.contracts.problems import Problem, bad_request
from shared.contracts.requests import DEFAULT_LIMIT, MAX_LIMIT

UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
UDID_PATTERN = r"^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{16})$"
_ROW = r"^[0-9]{1,19}$"

UuidPath = Annotated[str, PathParameter(pattern=UUID_PATTERN, description="UUID in lower case")]
UdidPath = Annotated[str, PathParameter(pattern=UDID_PATTERN, description="UDID of a device")]
FileIdPath = Annotated[str, PathParameter(pattern=r"^[0-9a-f]{40}$", description="40 hex digits")]
RowPath = Annotated[str, PathParameter(pattern=_ROW, description="Decimal number")]

UdidQuery = Annotated[
    str | None,
    QueryParameter(name="device", pattern=UDID_PATTERN, description="Only this device (UDID)"),
]
KindQuery = Annotated[
    str | None, QueryParameter(name="kind", pattern=r"^[a-z_]{1,40}$", description="Only this kind")
]
Limit = Annotated[
    int, QueryParameter(ge=1, le=MAX_LIMIT, description=f"Most items; default {DEFAULT_LIMIT}")
]
Cursor = Annotated[
    str | None,
    QueryParameter(max_length=2048, description="`next_cursor` of the page before; opaque"),
]
Reveal = Annotated[
    bool,
    QueryParameter(description="Show serial and phone numbers in full; needs scope admin, audited"),
]
Text = Annotated[str | None, QueryParameter(max_length=1024)]
PersonQuery = Annotated[
    str | None,
    QueryParameter(
        max_length=500,
        description="Only with this person: an id, or a number or address of whoever is meant",
    ),
]
Moment = Annotated[str | None, QueryParameter(max_length=40, description="RFC 3339, or a date")]
SessionHeader = Annotated[
    str | None,
    HeaderParameter(
        name="X-Backup-Session",
        max_length=512,
        description="`session_token` of the unlock; not needed for backups without encryption",
    ),
]
SessionsHeader = Annotated[
    str | None,
    HeaderParameter(
        name="X-Backup-Session",
        max_length=8192,
        description="`session_token` of the unlock, or those of several backups with commas between"
        " them; not needed for backups without encryption",
    ),
]
Lineage = Annotated[
    bool,
    QueryParameter(
        description="Devices that follow each other as one history, nothing twice; `device` is any"
        " of them"
    ),
]
Direction = FromQuery[Literal["forward", "backward", "around"]]
Removed = FromQuery[Literal["exclude", "include", "only"]]

_DESCRIPTIONS = {
    400: "A parameter or the body is not valid, or a query parameter is unknown",
    401: "No valid API token",
    403: "The token lacks the scope, or the passphrase or session token does not fit",
    404: "There is no such thing",
    408: "The request took too long to arrive",
    409: "The state of the thing does not allow it: incomplete, running, finished already",
    410: "It was there and is not any more",
    413: "The body, or the answer, is too large",
    414: "The address is too long",
    416: "The range lies outside of the file",
    421: "This host name is not served",
    422: "The backup, or this file of it, is damaged",
    423: "The backup is locked",
    429: "Too many attempts; see Retry-After",
    431: "The head of the request is too large",
    503: "A part of Keepsake is not answering, or too busy; see Retry-After",
    504: "A part of Keepsake took too long",
    507: "There is no room on a disk that this needs",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return what the document says of refusals: those of every operation, and *statuses*."""
    return {
        status: ResponseSpec(
            data_container=Problem,
            media_type="application/problem+json",
            description=_DESCRIPTIONS[status],
            generate_examples=False,
        )
        for status in sorted(
            {400, 401, 403, 404, 408, 413, 414, 421, 431, 503, 504, 507, *statuses}
        )
    }


#: What every operation may answer with.
PROBLEMS = problems()
#: The same for what is inside of a backup.
INSIDE = problems(409, 422, 423, 429, 507)
#: And for the bytes of one file.
CONTENT = problems(409, 416, 422, 423, 429, 507) | {
    206: ResponseSpec(
        data_container=bytes,
        media_type="application/octet-stream",
        description="The bytes of the Range",
        generate_examples=False,
    ),
    304: ResponseSpec(
        data_container=None, description="Unchanged since If-None-Match", generate_examples=False
    ),
}


class PassedThrough(Response[Any]):
    """A service's JSON on its way out: no headers to merge, nothing to encode."""

    __slots__ = ("body", "status")

    def __init__(self, body: bytes) -> None:
        self.body = body

    def to_asgi_response(  # type: ignore[override]
        self, *_: object, status_code: int | None = None, **__: object
    ) -> ASGIApp:
        """Return itself; *status_code* is the route's."""
        self.status = status_code or 200
        return self

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        """Send it."""
        length = str(len(self.body)).encode()
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [(b"content-type", b"application/json"), (b"content-length", length)],
            }
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def passed_through(reply: RawReply) -> Response[Any]:
    """Return a service's JSON as it came, without decoding it."""
    return PassedThrough(reply.body)


def refuse_unknown(connection: ASGIConnection[Any, Any, Any, Any], known: frozenset[str]) -> None:
    """Refuse names that are not *known*, and names given twice."""
    seen: set[str] = set()
    for name, _ in connection.query_params.multi_items():
        if name not in known:
            raise bad_request(
                "There is an unknown query parameter."
                + (f" Known are: {', '.join(sorted(known))}." if known else " None is known."),
                known=sorted(known),
            )
        if name in seen:
            raise bad_request(f"The query parameter {name} is given twice.", parameter=name)
        seen.add(name)


def query_names(handler: BaseRouteHandler) -> frozenset[str]:
    """Return the query parameters that *handler* takes."""
    return frozenset(
        field.kwarg_definition.name or name
        for name, field in handler.parsed_fn_signature.parameters.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    )
