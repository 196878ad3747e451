"""Backups as discovery knows them, with the state of their index beside each."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response, delete, get, patch, post
from litestar.params import JSONBody

from gateway.authentication import needs
from gateway.parameters import (
    PROBLEMS,
    Cursor,
    Limit,
    Reveal,
    UdidQuery,
    UuidPath,
    passed_through,
    problems,
)
from gateway.parts import GivenParts
from gateway.tokens import Caller
from shared.bus import Bus
from shared.contracts.discovery import (
    Backup,
    ForgetBackup,
    GetBackup,
    ListBackups,
    RefreshBackups,
    RefreshReport,
    UpdateBackup,
)
from shared.contracts.identifiers import BackupId, Udid
from shared.contracts.indexer import BackupIndex, GetIndexStates
from shared.contracts.problems import ProblemError, bad_request
from shared.contracts.requests import DEFAULT_LIMIT, Done, Page

_log = structlog.get_logger("gateway")

#: Walking every root of a large disk, and checking blobs, takes its time.
_REFRESH_SECONDS = 600.0
_STATES_SECONDS = 5.0


class BackupChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person may say about a backup. Null removes it; what is left out stays."""

    label: Annotated[str, msgspec.Meta(max_length=200)] | msgspec.UnsetType | None = msgspec.UNSET
    notes: Annotated[str, msgspec.Meta(max_length=10000)] | msgspec.UnsetType | None = msgspec.UNSET


@get("/api/backups", opt=needs("read"), responses=PROBLEMS, tags=["backups"])
async def list_backups(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    device: UdidQuery = None,
    reveal: Reveal = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[Backup]]:
    """List backups, newest run first."""
    await parts.audit.reveal(request.user, "backups", wanted=reveal)
    page = await parts.bus.request(
        ListBackups(
            device=Udid(device.upper()) if device else None,
            reveal=reveal,
            limit=limit,
            cursor=cursor,
        )
    )
    items, headers = await _with_index_states(parts.bus, page.items)
    return Response(Page(items=items, next_cursor=page.next_cursor), headers=headers)


@post(
    "/api/backups/refresh",
    status_code=200,
    opt=needs("write"),
    responses=PROBLEMS,
    tags=["backups"],
)
async def refresh_backups(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    reveal: Reveal = False,
) -> Response[RefreshReport]:
    """Scan every root now; return the list and what changed."""
    await parts.audit.reveal(request.user, "backups", wanted=reveal)
    report = await parts.bus.request(
        RefreshBackups(reveal=reveal), timeout_seconds=_REFRESH_SECONDS
    )
    items, headers = await _with_index_states(parts.bus, report.items)
    return Response(msgspec.structs.replace(report, items=items), headers=headers)


@get("/api/backups/{backup_id:str}", opt=needs("read"), responses=PROBLEMS, tags=["backups"])
async def get_backup(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    backup_id: UuidPath,
    reveal: Reveal = False,
) -> Response[Backup]:
    """Show one backup."""
    await parts.audit.reveal(request.user, f"backup {backup_id}", wanted=reveal)
    backup = await parts.bus.request(GetBackup(backup_id=BackupId(backup_id), reveal=reveal))
    items, headers = await _with_index_states(parts.bus, [backup])
    return Response(items[0], headers=headers)


@patch(
    "/api/backups/{backup_id:str}",
    opt=needs("write"),
    responses=problems(409),
    tags=["backups"],
)
async def update_backup(
    *, parts: GivenParts, backup_id: UuidPath, data: JSONBody[BackupChanges]
) -> Response[Backup]:
    """Change label or notes."""
    if data.label is msgspec.UNSET and data.notes is msgspec.UNSET:
        raise bad_request("Give label, notes or both.")
    backup = await parts.bus.request(
        UpdateBackup(backup_id=BackupId(backup_id), label=data.label, notes=data.notes)
    )
    items, headers = await _with_index_states(parts.bus, [backup])
    return Response(items[0], headers=headers)


@delete(
    "/api/backups/{backup_id:str}",
    status_code=200,
    opt=needs("write"),
    responses=problems(409),
    tags=["backups"],
)
async def forget_backup(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    backup_id: UuidPath,
) -> Response[Done]:
    """Forget a backup and let its index go. Files on disk are never touched."""
    await parts.audit.record(request.user, "forget", f"backup {backup_id}")
    return passed_through(
        await parts.bus.request_bytes(ForgetBackup(backup_id=BackupId(backup_id)))
    )


async def _with_index_states(
    bus: Bus, backups: list[Backup]
) -> tuple[list[Backup], dict[str, str]]:
    """Put the indexer's states in; without the indexer the list is still worth showing."""
    if not backups:
        return [], {}
    try:
        states = await bus.request(
            GetIndexStates(backup_ids=[backup.id for backup in backups]),
            timeout_seconds=_STATES_SECONDS,
        )
    except ProblemError as error:
        _log.warning("index_states_unknown", problem=error.problem.type)
        return backups, {"keepsake-degraded": "indexer"}
    return [_with_state(backup, states.get(backup.id)) for backup in backups], {}


def _with_state(backup: Backup, state: BackupIndex | None) -> Backup:
    if state is None:
        return backup
    return msgspec.structs.replace(backup, index_state=state.state, indexed_at=state.indexed_at)


HANDLERS = (
    list_backups,
    refresh_backups,
    get_backup,
    update_backup,
    forget_backup,
)
