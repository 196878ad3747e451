"""What is archived."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter

from gateway.authentication import needs
from gateway.parameters import (
    PROBLEMS,
    UDID_PATTERN,
    UUID_PATTERN,
    UuidPath,
    passed_through,
    problems,
)
from gateway.parts import GivenParts
from gateway.tokens import Caller
from shared.contracts.archiver import (
    CreateSource,
    DatabaseType,
    DeleteSource,
    DestinationId,
    GetSource,
    ListSources,
    Preset,
    Source,
    SourceConfig,
    SourceId,
    SourceType,
    UpdateSource,
)
from shared.contracts.archiver_dry_runs import DryRun, DryRunSource
from shared.contracts.identifiers import Udid
from shared.contracts.requests import Done, Page

#: Walking a tree takes as long as it is large.
_WALK_SECONDS = 120.0
_MOST_PATTERNS = 100

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
Path = Annotated[str, msgspec.Meta(min_length=1, max_length=4096, pattern=r"^/[^\x00]*$")]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, pattern=r"^[^\x00]*[^/\x00]")]
Patterns = Annotated[list[Pattern], msgspec.Meta(max_length=_MOST_PATTERNS)]
Paths = Annotated[list[Path], msgspec.Meta(max_length=_MOST_PATTERNS)]
#: Where a secret is kept, never the secret.
Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=1024, pattern=r"^[^\x00-\x1f]+$")]
Url = Annotated[
    str, msgspec.Meta(min_length=1, max_length=2048, pattern=r"^https?://[^\x00-\x20]+$")
]
Priority = Annotated[int, msgspec.Meta(ge=-1000, le=1000)]


class SourceConfigBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By type: ``udid`` of a device_backup; ``path`` of a directory; ``dsn_ref`` of a postgres."""

    udid: Annotated[str, msgspec.Meta(pattern=UDID_PATTERN)] | None = None
    path: Path | None = None
    include: Patterns = []
    exclude: Patterns = []
    regenerable: bool = False
    dump_hours: Annotated[int, msgspec.Meta(ge=1, le=8784)] | None = None
    dsn_ref: Reference | None = None
    container: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    types: Annotated[list[DatabaseType], msgspec.Meta(max_length=4)] = []
    config_files: Paths = []
    ssl_files: Paths = []
    service_url: Url | None = None
    service_key_ref: Reference | None = None
    encryption_key_ref: Reference | None = None

    def config(self) -> SourceConfig:
        """Return it as the archiver takes it."""
        return SourceConfig(
            udid=None if self.udid is None else Udid(self.udid.upper()),
            path=self.path,
            include=self.include,
            exclude=self.exclude,
            regenerable=self.regenerable,
            dump_hours=self.dump_hours,
            dsn_ref=self.dsn_ref,
            container=self.container,
            types=self.types,
            config_files=self.config_files,
            ssl_files=self.ssl_files,
            service_url=self.service_url,
            service_key_ref=self.service_key_ref,
            encryption_key_ref=self.encryption_key_ref,
        )


class NewSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is to be archived."""

    name: Name
    type: SourceType
    preset: Preset | None = None
    config: SourceConfigBody
    priority: Priority = 0


class SourceChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    config: SourceConfigBody | msgspec.UnsetType = msgspec.UNSET
    priority: Priority | msgspec.UnsetType = msgspec.UNSET


@get("/api/sources", opt=needs("read"), responses=PROBLEMS, tags=["archives"])
async def list_sources(*, parts: GivenParts) -> Response[Page[Source]]:
    """List what is archived, by name."""
    return passed_through(await parts.bus.request_bytes(ListSources()))


@post(
    "/api/sources",
    status_code=201,
    opt=needs("admin"),
    responses=problems(409),
    tags=["archives"],
)
async def create_source(
    *, request: Request[Caller, Any, Any], parts: GivenParts, data: JSONBody[NewSource]
) -> Response[Source]:
    """Say what is to be archived."""
    await parts.audit.record(request.user, "create", "source")
    return passed_through(
        await parts.bus.request_bytes(
            CreateSource(
                name=data.name,
                type=data.type,
                preset=data.preset,
                config=data.config.config(),
                priority=data.priority,
            )
        )
    )


@get("/api/sources/{source_id:str}", opt=needs("read"), responses=PROBLEMS, tags=["archives"])
async def get_source(*, parts: GivenParts, source_id: UuidPath) -> Response[Source]:
    """Show one source."""
    return passed_through(await parts.bus.request_bytes(GetSource(source_id=SourceId(source_id))))


@patch(
    "/api/sources/{source_id:str}", opt=needs("admin"), responses=problems(409), tags=["archives"]
)
async def update_source(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    source_id: UuidPath,
    data: JSONBody[SourceChange],
) -> Response[Source]:
    """Change a source; its archives stay as they are."""
    await parts.audit.record(request.user, "change", f"source {source_id}")
    return passed_through(
        await parts.bus.request_bytes(
            UpdateSource(
                source_id=SourceId(source_id),
                name=data.name,
                config=data.config.config()
                if isinstance(data.config, SourceConfigBody)
                else msgspec.UNSET,
                priority=data.priority,
            )
        )
    )


@delete(
    "/api/sources/{source_id:str}",
    status_code=200,
    opt=needs("admin"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def delete_source(
    *, request: Request[Caller, Any, Any], parts: GivenParts, source_id: UuidPath
) -> Response[Done]:
    """Archive it no more; its archives stay."""
    await parts.audit.record(request.user, "delete", f"source {source_id}")
    return passed_through(
        await parts.bus.request_bytes(DeleteSource(source_id=SourceId(source_id)))
    )


@post(
    "/api/sources/{source_id:str}/dry-run",
    status_code=200,
    opt=needs("read"),
    responses=problems(409, 422),
    tags=["archives"],
)
async def dry_run_source(
    *,
    parts: GivenParts,
    source_id: UuidPath,
    destination: Annotated[str | None, QueryParameter(pattern=UUID_PATTERN)] = None,
) -> Response[DryRun]:
    """Tell how many files and bytes there are, and which are new to a destination."""
    return passed_through(
        await parts.bus.request_bytes(
            DryRunSource(
                source_id=SourceId(source_id),
                destination_id=None if destination is None else DestinationId(destination),
            ),
            timeout_seconds=_WALK_SECONDS,
        )
    )


HANDLERS = (
    list_sources,
    create_source,
    get_source,
    update_source,
    delete_source,
    dry_run_source,
)
