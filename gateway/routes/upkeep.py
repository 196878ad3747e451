"""Looking after what lies in destinations: the catalogue rebuilt, archives verified, deleted."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import JSONBody

from gateway.authentication import needs
from gateway.parameters import PROBLEMS, UUID_PATTERN, UuidPath, passed_through, problems
from gateway.parts import GivenParts
from gateway.tokens import Caller
from shared.contracts.archiver import Accepted, Archive, ArchiveId, DestinationId, SourceId
from shared.contracts.archiver_upkeep import (
    CollectDestination,
    DeleteArchive,
    DeletionPreview,
    ForgetKnown,
    Forgotten,
    PreviewDeletion,
    RebuildCatalogue,
    UndeleteArchive,
    VerifyArchive,
    VerifyDestination,
    VerifyLevel,
)
from shared.contracts.problems import problem

_CONFIRMATION = "DELETE"


class DeletionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deletion has to be confirmed with ``DELETE``."""

    confirm: Annotated[str, msgspec.Meta(max_length=20)] | None = None
    dry_run: bool = False


class VerificationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is read: nothing, some of it in turn, or every byte."""

    level: VerifyLevel


class ResetBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one source, or of all; and whether what is stored is listed as well."""

    source_id: Annotated[str, msgspec.Meta(pattern=UUID_PATTERN)] | None = None
    objects: bool = False


class CollectionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether what only archives need that cannot be read is given up."""

    gives_up_unreadable: bool = False


@post(
    "/api/destinations/{destination_id:str}/rebuild",
    status_code=202,
    opt=needs("admin"),
    responses=problems(409),
    tags=["archives"],
)
async def rebuild_catalogue(
    *, request: Request[Caller, Any, Any], parts: GivenParts, destination_id: UuidPath
) -> Response[Accepted]:
    """Take up the archives that lie there and are not listed, with their sources."""
    await parts.audit.record(request.user, "rebuild", f"destination {destination_id}")
    return passed_through(
        await parts.bus.request_bytes(
            RebuildCatalogue(destination_id=DestinationId(destination_id))
        )
    )


@get(
    "/api/archives/{archive_id:str}/deletion-preview",
    opt=needs("read"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def preview_deletion(*, parts: GivenParts, archive_id: UuidPath) -> Response[DeletionPreview]:
    """Tell what deleting an archive gives back, to the byte; nothing is changed."""
    return passed_through(
        await parts.bus.request_bytes(PreviewDeletion(archive_id=ArchiveId(archive_id)))
    )


@delete(
    "/api/archives/{archive_id:str}",
    status_code=202,
    opt=needs("admin"),
    responses=problems(409),
    tags=["archives"],
)
async def delete_archive(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    archive_id: UuidPath,
    data: JSONBody[DeletionBody],
) -> Response[DeletionPreview]:
    """Have an archive deleted after a grace; until then it can be kept. Not a protected one.

    What no other archive needs goes after a grace of its own. `dry_run` tells what that gives back.
    """
    wanted = PreviewDeletion(archive_id=ArchiveId(archive_id))
    if data.dry_run:
        return passed_through(await parts.bus.request_bytes(wanted))
    if data.confirm != _CONFIRMATION:
        preview = await parts.bus.request(wanted)
        raise problem(
            "confirmation-needed",
            "Deleting an archive has to be confirmed.",
            409,
            f'It gives back {preview.freed_bytes} bytes. Send "confirm": "{_CONFIRMATION}".',
            freed_bytes=preview.freed_bytes,
        )
    await parts.audit.record(request.user, "delete", f"archive {archive_id}")
    return passed_through(
        await parts.bus.request_bytes(DeleteArchive(archive_id=ArchiveId(archive_id)))
    )


@post(
    "/api/archives/{archive_id:str}/undelete",
    status_code=200,
    opt=needs("write"),
    responses=problems(409),
    tags=["archives"],
)
async def undelete_archive(
    *, request: Request[Caller, Any, Any], parts: GivenParts, archive_id: UuidPath
) -> Response[Archive]:
    """Keep an archive that was to be deleted."""
    await parts.audit.record(request.user, "undelete", f"archive {archive_id}")
    return passed_through(
        await parts.bus.request_bytes(UndeleteArchive(archive_id=ArchiveId(archive_id)))
    )


@post(
    "/api/destinations/{destination_id:str}/collect",
    status_code=202,
    opt=needs("admin"),
    responses=problems(409),
    tags=["archives"],
)
async def collect_destination(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    destination_id: UuidPath,
    data: JSONBody[CollectionBody],
) -> Response[Accepted]:
    """Delete now what is due in a destination: archives, and what no archive needs any more."""
    await parts.audit.record(request.user, "collect", f"destination {destination_id}")
    return passed_through(
        await parts.bus.request_bytes(
            CollectDestination(
                destination_id=DestinationId(destination_id),
                gives_up_unreadable=data.gives_up_unreadable,
            )
        )
    )


@post(
    "/api/archives/{archive_id:str}/verify",
    status_code=202,
    opt=needs("write"),
    responses=problems(409),
    tags=["archives"],
)
async def verify_archive(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    archive_id: UuidPath,
    data: JSONBody[VerificationBody],
) -> Response[Accepted]:
    """Look whether an archive is all there; what is not is stored again by the next one."""
    await parts.audit.record(request.user, "verify", f"archive {archive_id}")
    return passed_through(
        await parts.bus.request_bytes(
            VerifyArchive(archive_id=ArchiveId(archive_id), level=data.level)
        )
    )


@post(
    "/api/destinations/{destination_id:str}/verify",
    status_code=202,
    opt=needs("write"),
    responses=problems(409),
    tags=["archives"],
)
async def verify_destination(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    destination_id: UuidPath,
    data: JSONBody[VerificationBody],
) -> Response[Accepted]:
    """Look whether everything is there that should be in a destination."""
    await parts.audit.record(request.user, "verify", f"destination {destination_id}")
    return passed_through(
        await parts.bus.request_bytes(
            VerifyDestination(destination_id=DestinationId(destination_id), level=data.level)
        )
    )


@post(
    "/api/destinations/{destination_id:str}/reset",
    status_code=200,
    opt=needs("write"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def reset_destination(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    destination_id: UuidPath,
    data: JSONBody[ResetBody],
) -> Response[Forgotten]:
    """Forget what files consist of, so that the next archives there read everything again."""
    await parts.audit.record(request.user, "reset", f"destination {destination_id}")
    return passed_through(
        await parts.bus.request_bytes(
            ForgetKnown(
                source_id=None if data.source_id is None else SourceId(data.source_id),
                destination_id=DestinationId(destination_id),
                objects=data.objects,
            )
        )
    )


HANDLERS = (
    verify_archive,
    verify_destination,
    reset_destination,
    rebuild_catalogue,
    preview_deletion,
    delete_archive,
    undelete_archive,
    collect_destination,
)
