"""Events that no handler could finish: look, run again, give up."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, delete, get, post
from litestar.params import PathParameter

from gateway.authentication import needs
from gateway.parameters import PROBLEMS, Cursor, Limit, problems
from gateway.parts import GivenParts
from gateway.tokens import Caller
from shared.bus import (
    DeadLetter,
    delete_dead_letter,
    list_dead_letters,
    retry_dead_letter,
)
from shared.contracts.requests import DEFAULT_LIMIT, Done, Page

Sequence = Annotated[int, PathParameter(ge=1, le=2**62, description="Place in the dead letters")]


@get("/api/dead-letters", opt=needs("admin"), responses=PROBLEMS, tags=["dead letters"])
async def list_letters(
    *, parts: GivenParts, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response[Page[DeadLetter]]:
    """List dead letters, oldest first."""
    return Response(await list_dead_letters(parts.bus, limit=limit, cursor=cursor))


@post(
    "/api/dead-letters/{sequence:int}/retry",
    status_code=200,
    opt=needs("admin"),
    responses=problems(409),
    tags=["dead letters"],
)
async def retry_letter(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    sequence: Sequence,
) -> Done:
    """Hand the event to the service that gave it up, once more."""
    await parts.audit.record(request.user, "retry", f"dead letter {sequence}")
    return await retry_dead_letter(parts.bus, sequence)


@delete(
    "/api/dead-letters/{sequence:int}",
    status_code=200,
    opt=needs("admin"),
    responses=PROBLEMS,
    tags=["dead letters"],
)
async def delete_letter(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    sequence: Sequence,
) -> Done:
    """Forget it."""
    await parts.audit.record(request.user, "delete", f"dead letter {sequence}")
    return await delete_dead_letter(parts.bus, sequence)


HANDLERS = (list_letters, retry_letter, delete_letter)
