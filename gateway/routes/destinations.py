"""Where archives go."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import JSONBody, PathParameter

from gateway.authentication import needs
from gateway.disposition import content_disposition
from gateway.parameters import PROBLEMS, UuidPath, passed_through, problems
from gateway.parts import GivenParts
from gateway.routes.sources import Name, Path
from gateway.tokens import Caller
from shared.contracts.archiver import (
    CheckDestination,
    CreateDestination,
    CryptConfig,
    DeleteDestination,
    Destination,
    DestinationConfig,
    DestinationId,
    DestinationMode,
    DestinationType,
    GetDestination,
    ListDestinations,
    StoreCheck,
)
from shared.contracts.archiver_destinations import (
    Backend,
    BackendSummary,
    GetBackend,
    GetSheet,
    ListBackends,
    MadePassword,
    MakePassword,
    SheetFormat,
    Trial,
    TryDestination,
)
from shared.contracts.requests import Done, Page

#: A share may take its time, and a test write as well.
_CHECK_SECONDS = 120.0
#: rclone may have to be started for it.
_FORM_SECONDS = 60.0

Option = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,60}$")]
BackendPath = Annotated[
    str, PathParameter(pattern=r"^[a-z0-9 _-]{1,40}$", description="Name of the back end")
]
Value = Annotated[str, msgspec.Meta(min_length=1, max_length=1024, pattern=r"^[^\x00]*$")]


class DestinationConfigBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder; or a path below what an rclone back end reaches, with its options."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
    backend: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9 _-]{1,40}$")] | None = None
    options: Annotated[dict[Option, Value], msgspec.Meta(max_length=50)] = {}
    #: References to secrets (`file:/run/secrets/x`, `op://…`), never the secrets.
    secret_options: Annotated[dict[Option, Value], msgspec.Meta(max_length=50)] = {}


class CryptBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """References to the passwords that everything there is encrypted with."""

    password_ref: Value
    password2_ref: Value | None = None


class TriedDestination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place that may become a destination."""

    type: DestinationType
    config: DestinationConfigBody
    crypt: CryptBody | None = None

    def told(self) -> tuple[DestinationConfig, CryptConfig | None]:
        """Return it as the archiver takes it."""
        config = msgspec.convert(self.config, DestinationConfig, from_attributes=True)
        if self.crypt is None:
            return config, None
        return config, msgspec.convert(self.crypt, CryptConfig, from_attributes=True)


class NewDestination(TriedDestination, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place for archives, or for plain files: an empty one, or one that was set up already."""

    name: Name
    mode: DestinationMode = "store"


class PasswordBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a new password goes: a file that does not exist yet, or a vault of 1Password."""

    place: Literal["file", "one_password"]
    path: Path | None = None
    vault: Name | None = None
    title: Name | None = None


class SheetBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the sheet is wanted, and whether with the passwords, without which it saves nobody."""

    format: SheetFormat = "html"
    passwords: bool


class StoreChecks(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of a check, up to the first that failed."""

    items: list[StoreCheck]


@get("/api/destinations", opt=needs("read"), responses=PROBLEMS, tags=["archives"])
async def list_destinations(*, parts: GivenParts) -> Response[Page[Destination]]:
    """List where archives go, by name."""
    return passed_through(await parts.bus.request_bytes(ListDestinations()))


@post(
    "/api/destinations",
    status_code=201,
    opt=needs("admin"),
    responses=problems(409),
    tags=["archives"],
)
async def create_destination(
    *, request: Request[Caller, Any, Any], parts: GivenParts, data: JSONBody[NewDestination]
) -> Response[Destination]:
    """Set a destination up; a store that is there already is taken over."""
    await parts.audit.record(request.user, "create", "destination")
    config, crypt = data.told()
    return passed_through(
        await parts.bus.request_bytes(
            CreateDestination(
                name=data.name, type=data.type, mode=data.mode, config=config, crypt=crypt
            ),
            timeout_seconds=_CHECK_SECONDS,
        )
    )


@get("/api/destinations/backends", opt=needs("read"), responses=PROBLEMS, tags=["archives"])
async def list_backends(*, parts: GivenParts) -> Response[Page[BackendSummary]]:
    """List what rclone reaches, and which of it needs a token from a browser's login."""
    return passed_through(
        await parts.bus.request_bytes(ListBackends(), timeout_seconds=_FORM_SECONDS)
    )


@get(
    "/api/destinations/backends/{name:str}",
    opt=needs("read"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def get_backend(*, parts: GivenParts, name: BackendPath) -> Response[Backend]:
    """Show the form of one back end: its fields, which are required and which are secret."""
    return passed_through(
        await parts.bus.request_bytes(GetBackend(name=name), timeout_seconds=_FORM_SECONDS)
    )


@post(
    "/api/destinations/try",
    status_code=200,
    opt=needs("admin"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def try_destination(
    *, request: Request[Caller, Any, Any], parts: GivenParts, data: JSONBody[TriedDestination]
) -> Response[Trial]:
    """Go through all steps of a set-up with a test write, and keep nothing of it."""
    await parts.audit.record(request.user, "try", "destination")
    config, crypt = data.told()
    return passed_through(
        await parts.bus.request_bytes(
            TryDestination(type=data.type, config=config, crypt=crypt),
            timeout_seconds=_CHECK_SECONDS,
        )
    )


@post(
    "/api/destinations/passwords",
    status_code=201,
    opt=needs("admin"),
    responses=problems(409),
    tags=["archives"],
)
async def make_password(
    *, request: Request[Caller, Any, Any], parts: GivenParts, data: JSONBody[PasswordBody]
) -> Response[MadePassword]:
    """Make a password of 32 characters, and put it where a reference finds it; it is not shown."""
    await parts.audit.record(request.user, "create", f"password in {data.place}")
    return passed_through(
        await parts.bus.request_bytes(
            MakePassword(place=data.place, path=data.path, vault=data.vault, title=data.title),
            timeout_seconds=_CHECK_SECONDS,
        )
    )


@post(
    "/api/destinations/{destination_id:str}/sheet",
    status_code=200,
    opt=needs("admin"),
    responses=problems(409),
    tags=["archives"],
)
async def get_sheet(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    destination_id: UuidPath,
    data: JSONBody[SheetBody],
) -> Response[bytes]:
    """Send the recovery sheet: where it is, what gets it back, and the passwords if asked to."""
    what = "sheet with passwords" if data.passwords else "sheet"
    await parts.audit.record(request.user, "reveal", f"{what} of destination {destination_id}")
    sheet = await parts.bus.request(
        GetSheet(
            destination_id=DestinationId(destination_id),
            format=data.format,
            with_passwords=data.passwords,
        ),
        timeout_seconds=_FORM_SECONDS,
    )
    return Response(
        content=sheet.content.encode(),
        media_type=sheet.media_type,
        headers={
            "content-disposition": content_disposition(sheet.name, "attachment", "text/html"),
            "cache-control": "no-store",
        },
    )


@get(
    "/api/destinations/{destination_id:str}",
    opt=needs("read"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def get_destination(*, parts: GivenParts, destination_id: UuidPath) -> Response[Destination]:
    """Show one destination."""
    return passed_through(
        await parts.bus.request_bytes(GetDestination(destination_id=DestinationId(destination_id)))
    )


@delete(
    "/api/destinations/{destination_id:str}",
    status_code=200,
    opt=needs("admin"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def delete_destination(
    *, request: Request[Caller, Any, Any], parts: GivenParts, destination_id: UuidPath
) -> Response[Done]:
    """Forget a destination; what lies there stays there."""
    await parts.audit.record(request.user, "delete", f"destination {destination_id}")
    return passed_through(
        await parts.bus.request_bytes(
            DeleteDestination(destination_id=DestinationId(destination_id))
        )
    )


@post(
    "/api/destinations/{destination_id:str}/check",
    status_code=200,
    opt=needs("write"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def check_destination(*, parts: GivenParts, destination_id: UuidPath) -> StoreChecks:
    """Look whether a destination works, step by step, with a test write."""
    steps = await parts.bus.request(
        CheckDestination(destination_id=DestinationId(destination_id)),
        timeout_seconds=_CHECK_SECONDS,
    )
    return StoreChecks(items=steps)


HANDLERS = (
    list_backends,
    get_backend,
    try_destination,
    list_destinations,
    create_destination,
    get_destination,
    delete_destination,
    check_destination,
    make_password,
    get_sheet,
)
