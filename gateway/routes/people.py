"""People over all devices: who there is, and who is who by hand."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, patch, post
from litestar.params import JSONBody, PathParameter

from gateway.authentication import needs
from gateway.parameters import (
    PROBLEMS,
    Cursor,
    Limit,
    Lineage,
    Text,
    UdidQuery,
    UuidPath,
    passed_through,
    problems,
)
from gateway.parts import GivenParts
from gateway.tokens import Caller
from shared.contracts.identifiers import Udid
from shared.contracts.people import (
    GetPerson,
    ListPeople,
    ListPersonChanges,
    MergePeople,
    Person,
    PersonChange,
    PersonSummary,
    RenamePerson,
    SplitPerson,
    UndoPersonChange,
)
from shared.contracts.problems import bad_request
from shared.contracts.requests import DEFAULT_LIMIT, Page

PersonPath = Annotated[
    str,
    PathParameter(max_length=500, description="The id of a person, or one of the handles"),
]


class WithOther(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The other person, who becomes part of the one."""

    other_id: str = msgspec.field(name="with")


class SomeHandles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Handles that belong to somebody else."""

    handles: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=500)]],
        msgspec.Meta(min_length=1, max_length=1000),
    ]


class PersonName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name; null goes back to that of the cards."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None


@get("/api/people", opt=needs("read"), responses=PROBLEMS, tags=["people"])
async def list_people(
    *,
    parts: GivenParts,
    q: Text = None,
    device: UdidQuery = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[PersonSummary]]:
    """List people by name: those with a contact card, then those whom apps name, then the rest."""
    return passed_through(
        await parts.bus.request_bytes(
            ListPeople(
                q=q,
                device=Udid(device.upper()) if device else None,
                limit=limit,
                cursor=cursor,
            )
        )
    )


@get("/api/people/changes", opt=needs("read"), responses=PROBLEMS, tags=["people"])
async def list_changes(
    *, parts: GivenParts, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response[Page[PersonChange]]:
    """List what was merged, split and renamed by hand, newest first."""
    return passed_through(
        await parts.bus.request_bytes(ListPersonChanges(limit=limit, cursor=cursor))
    )


@get("/api/people/{person_id:str}", opt=needs("read"), responses=PROBLEMS, tags=["people"])
async def get_person(
    *, parts: GivenParts, person_id: PersonPath, lineage: Lineage = False
) -> Response[Person]:
    """Show one person: handles and where they come from, cards, conversations, changes."""
    return passed_through(
        await parts.bus.request_bytes(GetPerson(person_id=person_id, lineage=lineage))
    )


@patch("/api/people/{person_id:str}", opt=needs("write"), responses=PROBLEMS, tags=["people"])
async def rename_person(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    person_id: UuidPath,
    data: JSONBody[PersonName],
) -> PersonChange:
    """Give a person a name, or take it away again."""
    await parts.audit.record(request.user, "rename", f"person {person_id}")
    return await parts.bus.request(RenamePerson(person_id=person_id, name=data.name))


@post(
    "/api/people/{person_id:str}/merge",
    status_code=200,
    opt=needs("write"),
    responses=PROBLEMS,
    tags=["people"],
)
async def merge_people(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    person_id: UuidPath,
    data: JSONBody[WithOther],
) -> PersonChange:
    """Make one person of two; the one in the path keeps id and name."""
    other = _person_id(data.other_id)
    await parts.audit.record(request.user, "merge", f"person {person_id} with {other}")
    return await parts.bus.request(MergePeople(person_id=person_id, other_id=other))


@post(
    "/api/people/{person_id:str}/split",
    status_code=200,
    opt=needs("write"),
    responses=PROBLEMS,
    tags=["people"],
)
async def split_person(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    person_id: UuidPath,
    data: JSONBody[SomeHandles],
) -> PersonChange:
    """Make another person of some of the handles."""
    await parts.audit.record(request.user, "split", f"person {person_id}")
    return await parts.bus.request(SplitPerson(person_id=person_id, handles=data.handles))


@post(
    "/api/people/changes/{change_id:str}/undo",
    status_code=200,
    opt=needs("write"),
    responses=problems(409),
    tags=["people"],
)
async def undo_change(
    *, request: Request[Caller, Any, Any], parts: GivenParts, change_id: UuidPath
) -> PersonChange:
    """Take a change back; 409 while a later one is about the same handles."""
    await parts.audit.record(request.user, "undo", f"person change {change_id}")
    return await parts.bus.request(UndoPersonChange(change_id=change_id))


def _person_id(text: str) -> str:
    """Return an id as ids look, so that nothing else can get into the audit."""
    try:
        return str(UUID(text))
    except ValueError:
        raise bad_request("That is not the id of a person.", parameter="with") from None


HANDLERS = (
    list_people,
    list_changes,
    get_person,
    rename_person,
    merge_people,
    split_person,
    undo_change,
)
