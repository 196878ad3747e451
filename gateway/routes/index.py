"""Asking for an index run, and which kinds there are."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody

from gateway.authentication import needs
from gateway.parameters import (
    INSIDE,
    PROBLEMS,
    Lineage,
    SessionHeader,
    UdidQuery,
    UuidPath,
    passed_through,
)
from gateway.parts import GivenParts
from shared.contracts.discovery import GetBackup
from shared.contracts.identifiers import BackupId, Udid
from shared.contracts.indexer import JobAccepted, KindSummary, ListKinds, RequestIndex
from shared.contracts.problems import locked
from shared.contracts.requests import Page

Kind = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,40}$")]


class IndexBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Null means every kind."""

    kinds: Annotated[list[Kind], msgspec.Meta(min_length=1, max_length=100)] | None = None


@post(
    "/api/backups/{backup_id:str}/index",
    status_code=202,
    opt=needs("write"),
    responses=INSIDE,
    tags=["index"],
)
async def index_backup(
    *,
    parts: GivenParts,
    backup_id: UuidPath,
    session_token: SessionHeader = None,
    data: JSONBody[IndexBody | None] = None,
) -> Response[JobAccepted]:
    """Index a backup in the background; watch the job. Encrypted backups need a session."""
    session_id = None
    if session_token is not None:
        # The job carries the session's id only; whether this caller may use it is decided here.
        session_id = await parts.sessions.check(backup_id=BackupId(backup_id), token=session_token)
    elif (await parts.bus.request(GetBackup(backup_id=BackupId(backup_id)))).encrypted:
        raise locked()
    reply = await parts.bus.request_bytes(
        RequestIndex(
            backup_id=BackupId(backup_id),
            session_id=session_id,
            kinds=data.kinds if data else None,
        )
    )
    return passed_through(reply)


@get("/api/kinds", opt=needs("read"), responses=PROBLEMS, tags=["index"])
async def list_kinds(
    *, parts: GivenParts, device: UdidQuery = None, lineage: Lineage = False
) -> Response[Page[KindSummary]]:
    """List kinds with counts, and what each covers."""
    return passed_through(
        await parts.bus.request_bytes(
            ListKinds(device=Udid(device.upper()) if device else None, lineage=lineage)
        )
    )


HANDLERS = (index_backup, list_kinds)
