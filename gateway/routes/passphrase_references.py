"""Where a device's passphrase lies, so that rules can index it while nobody is there."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import msgspec
from litestar import Request, get, put
from litestar.params import JSONBody

from gateway.authentication import needs
from gateway.parameters import PROBLEMS, UdidPath
from gateway.parts import GivenParts
from gateway.tokens import Caller
from shared.contracts.discovery import GetDevice
from shared.contracts.identifiers import Udid
from shared.contracts.index_rules import CheckIndexRules
from shared.contracts.passphrase_references import (
    ListPassphraseReferences,
    PassphraseReference,
    SetPassphraseReference,
)
from shared.contracts.problems import ProblemError
from shared.contracts.requests import Done


class ReferenceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Such as ``file:/etc/keepsake/phone`` or ``op://vault/item/field``; null forgets it."""

    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)] | None

    def __repr__(self) -> str:
        """Leave the reference out of logs and tracebacks."""
        return "ReferenceBody(…)"


@get(
    "/api/devices/{udid:str}/passphrase-reference",
    opt=needs("read"),
    responses=PROBLEMS,
    tags=["devices"],
)
async def show_passphrase_reference(*, parts: GivenParts, udid: UdidPath) -> PassphraseReference:
    """Show whether a device has a passphrase reference, and of which sort; never the rest of it."""
    device = Udid(udid.upper())
    page = await parts.bus.request(ListPassphraseReferences())
    return next(
        (one for one in page.items if one.udid == device),
        PassphraseReference(udid=device, scheme=None, set_at=None),
    )


@put(
    "/api/devices/{udid:str}/passphrase-reference",
    status_code=200,
    opt=needs("admin"),
    responses=PROBLEMS,
    tags=["devices"],
)
async def set_passphrase_reference(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    udid: UdidPath,
    data: JSONBody[ReferenceBody],
) -> Done:
    """Say where a device's passphrase lies. Whoever may set this lets rules open its backups."""
    device = Udid(udid.upper())
    await parts.bus.request(GetDevice(udid=device))
    action = "remove" if data.reference is None else "set"
    await parts.audit.record(request.user, action, f"passphrase reference of device {device}")
    done = await parts.bus.request(SetPassphraseReference(udid=device, reference=data.reference))
    if data.reference is not None:
        # Without an answer it is looked at in the night.
        with suppress(ProblemError):
            await parts.bus.request(CheckIndexRules())
    return done


HANDLERS = (show_passphrase_reference, set_passphrase_reference)
