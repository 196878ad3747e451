"""Archives that lie in a destination and not in the catalogue are taken up into it.

That is all of them when the database was lost, or when the store comes from another Keepsake, and
one when a run ended between its bundle and its row. Each is taken up in one transaction, so going
on after an end costs what was in hand. One that is damaged, or not signed with the destination's
key, costs itself only. Whoever calls holds the store's lock.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import asyncpg
import msgspec

from services.archiver.errors import (
    CancelledByPersonError,
    DamagedArchiveError,
    ObjectMissingError,
)
from services.archiver.format.bundle import BundleError
from services.archiver.format.manifest import ITEMS_MEMBER, TREE_MEMBER, Manifest
from services.archiver.format.names import parse_bundle_path
from services.archiver.format.standalone import standalone_files
from services.archiver.runs.pulse import Pulse
from services.archiver.storage.archives import NewArchive
from services.archiver.storage.items import record_items
from services.archiver.storage.states import refresh_states
from services.archiver.storage.taking_up import (
    adopt_source,
    fetch_known_paths,
    keep_listing,
    record_taken,
)
from services.archiver.store.bundle_reading import ReadBundle, read_claims, read_whole_bundle
from services.archiver.store.transport import StoredName, Transport
from shared.contracts.archiver import Preset, SourceType

_MOST_TOLD = 200
_FOLDERS = ("objects", "packs")


class TakenUp(msgspec.Struct, kw_only=True):
    """What taking up came to."""

    #: Bundles that lie there, and those of them that the catalogue knew.
    found_count: int = 0
    known_count: int = 0
    added_count: int = 0
    source_count: int = 0
    object_count: int = 0
    #: Archives of the destination that lack something now.
    damaged_count: int = 0
    left_out_count: int = 0
    #: The first of them, with the reason as a sentence.
    left_out: list[dict[str, str]] = msgspec.field(default_factory=list)

    def leave_out(self, path: str, reason: str) -> None:
        """Tell of a bundle that is not taken up."""
        self.left_out_count += 1
        if len(self.left_out) < _MOST_TOLD:
            self.left_out.append({"path": path, "reason": reason})

    def report(self) -> dict[str, Any]:
        """Return it for the report of a job."""
        return {
            "archives_found": self.found_count,
            "archives_known": self.known_count,
            "archives_added": self.added_count,
            "sources_added": self.source_count,
            "objects_added": self.object_count,
            "archives_damaged": self.damaged_count,
            "left_out": self.left_out_count,
            "left_out_items": self.left_out,
        }


async def take_up(
    connection: asyncpg.Connection[Any],
    transport: Transport,
    *,
    destination_id: UUID,
    store_id: str,
    key: bytes | None,
    folder: Path,
    pulse: Pulse,
    except_archive: UUID | None = None,
) -> TakenUp:
    """Take up what the catalogue does not know. *connection* is nobody else's meanwhile.

    Raises ``TransportError`` and ``CancelledByPersonError``; what was taken up until then stays.
    The run of *except_archive* leaves its own bundle to itself: it writes it anew.
    """
    taken = TakenUp()
    pulse.begin("listing archives")
    bundles = await asyncio.to_thread(list_bundles, transport)
    known = await fetch_known_paths(connection, destination_id)
    unknown = [one for one in bundles if one.path not in known]
    taken.found_count, taken.known_count = len(bundles), len(bundles) - len(unknown)
    if not unknown:
        return taken
    pulse.begin("listing objects")
    await keep_listing(connection, await asyncio.to_thread(_list_objects, transport))
    pulse.begin("reading archives")
    pulse.position.bytes_total = sum(one.size_bytes for one in unknown)
    for stored in unknown:
        if pulse.is_stopping():
            raise CancelledByPersonError("The job was asked to stop.")
        try:
            read = await asyncio.to_thread(
                read_whole_bundle, transport, stored, key=key, store_id=store_id, folder=folder
            )
            if UUID(read.manifest.archive_id) != except_archive:
                await _record(connection, taken, stored.path, read, destination_id=destination_id)
        except (BundleError, ObjectMissingError, DamagedArchiveError) as error:
            taken.leave_out(stored.path, str(error))
        except ValueError:
            taken.leave_out(stored.path, "The manifest has an id that is none.")
        except asyncpg.DataError:
            taken.leave_out(stored.path, "The manifest holds what no catalogue can.")
        except asyncpg.UniqueViolationError:
            taken.leave_out(stored.path, "The catalogue has that archive in another place.")
        pulse.position.bytes_done += stored.size_bytes
    taken.damaged_count = await refresh_states(connection, destination_id)
    return taken


async def _record(
    connection: asyncpg.Connection[Any],
    taken: TakenUp,
    path: str,
    read: ReadBundle,
    *,
    destination_id: UUID,
) -> None:
    source = read.manifest.source
    if source.type not in get_args(SourceType) or (
        source.preset is not None and source.preset not in get_args(Preset)
    ):
        raise BundleError("Its source is of a type that this Keepsake does not know.")
    archive = _archive_of(read, path, destination_id)
    with ExitStack() as files:
        seen = None if read.seen is None else files.enter_context(read.seen.open("rb"))
        claims = None if read.claims is None else files.enter_context(read.claims.open("rb"))
        async with connection.transaction():
            is_new = await adopt_source(connection, read.manifest.source)
            recorded = await record_taken(
                connection,
                archive,
                claims=iter(()) if claims is None else read_claims(claims),
                seen=seen,
            )
            await record_items(connection, archive.id, read.items)
    taken.added_count += 1
    taken.source_count += is_new
    taken.object_count += recorded.object_count


def _archive_of(read: ReadBundle, path: str, destination_id: UUID) -> NewArchive:
    manifest = read.manifest
    own = _own_members(manifest)
    tree = manifest.tree
    own_bytes = sum(member.size_bytes for member in own)
    return NewArchive(
        id=UUID(manifest.archive_id),
        source_id=UUID(manifest.source.id),
        destination_id=destination_id,
        # Given when it is written down.
        number=0,
        kind=manifest.kind,
        path=path,
        created_at=manifest.created_at,
        bundle_sha256=read.sha256,
        bundle_bytes=read.size_bytes,
        source_bytes=own_bytes + (0 if tree is None else tree.size_bytes),
        added_bytes=read.size_bytes,
        file_count=len(own) + (0 if tree is None else tree.file_count),
        torn_count=0 if tree is None else tree.torn_count,
        skipped_count=0 if tree is None else tree.skipped_count,
        format_version=manifest.version,
        manifest=msgspec.to_builtins(manifest),
    )


def _own_members(manifest: Manifest) -> list[Any]:
    """Return the members that come from the source."""
    custom = {file.path for file in standalone_files()} | {TREE_MEMBER, ITEMS_MEMBER}
    return [member for member in manifest.members if member.path not in custom]


def list_bundles(transport: Transport) -> list[StoredName]:
    """Return the bundles of a destination in the order of their making."""
    found = [
        (parsed[1], one.path, one)
        for one in transport.names("bundles")
        if (parsed := parse_bundle_path(one.path)) is not None
    ]
    return [one for _, _, one in sorted(found, key=lambda entry: entry[:2])]


def _list_objects(transport: Transport) -> list[StoredName]:
    return [found for folder in _FOLDERS for found in transport.names(folder)]
