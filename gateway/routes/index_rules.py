"""Rules by which backups are indexed without being asked for."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.params import JSONBody

from gateway.authentication import needs
from gateway.parameters import PROBLEMS, UDID_PATTERN, UuidPath, passed_through, problems
from gateway.parts import GivenParts
from gateway.routes.index import Kind
from gateway.tokens import Caller
from shared.contracts.identifiers import Udid
from shared.contracts.index_rules import (
    CreateIndexRule,
    DeleteIndexRule,
    IndexRule,
    ListIndexRules,
    UpdateIndexRule,
)
from shared.contracts.requests import Done, Page

Device = Annotated[str, msgspec.Meta(pattern=UDID_PATTERN)]
Kinds = Annotated[list[Kind], msgspec.Meta(min_length=1, max_length=100)]


class NewRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Null means every device, and every kind."""

    device: Device | None = None
    kinds: Kinds | None = None
    enabled: bool = True


class RuleChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    device: Device | msgspec.UnsetType | None = msgspec.UNSET
    kinds: Kinds | msgspec.UnsetType | None = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


@get("/api/index-rules", opt=needs("read"), responses=PROBLEMS, tags=["index"])
async def list_index_rules(*, parts: GivenParts) -> Response[Page[IndexRule]]:
    """List the rules by which backups are indexed, oldest first."""
    return passed_through(await parts.bus.request_bytes(ListIndexRules()))


@post(
    "/api/index-rules",
    status_code=201,
    opt=needs("admin"),
    responses=problems(409),
    tags=["index"],
)
async def create_index_rule(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    data: JSONBody[NewRule],
) -> Response[IndexRule]:
    """Add a rule: backups that it fits are indexed from now on, those that are there at once."""
    await parts.audit.record(request.user, "create", "index rule")
    return passed_through(
        await parts.bus.request_bytes(
            CreateIndexRule(
                device=None if data.device is None else Udid(data.device.upper()),
                kinds=data.kinds,
                enabled=data.enabled,
            )
        )
    )


@patch(
    "/api/index-rules/{rule_id:str}",
    opt=needs("admin"),
    responses=PROBLEMS,
    tags=["index"],
)
async def update_index_rule(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    rule_id: UuidPath,
    data: JSONBody[RuleChange],
) -> Response[IndexRule]:
    """Change a rule, or switch it off and on."""
    await parts.audit.record(request.user, "change", f"index rule {rule_id}")
    return passed_through(
        await parts.bus.request_bytes(
            UpdateIndexRule(
                rule_id=rule_id,
                device=Udid(data.device.upper()) if isinstance(data.device, str) else data.device,
                kinds=data.kinds,
                enabled=data.enabled,
            )
        )
    )


@delete(
    "/api/index-rules/{rule_id:str}",
    status_code=200,
    opt=needs("admin"),
    responses=PROBLEMS,
    tags=["index"],
)
async def delete_index_rule(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    rule_id: UuidPath,
) -> Response[Done]:
    """Remove a rule; what was indexed by it stays."""
    await parts.audit.record(request.user, "delete", f"index rule {rule_id}")
    return passed_through(await parts.bus.request_bytes(DeleteIndexRule(rule_id=rule_id)))


HANDLERS = (list_index_rules, create_index_rule, update_index_rule, delete_index_rule)
