"""An archive, or all of a destination, is looked through; what is wrong is struck out.

What lost its row is stored again by the next archive whose source still has it: that heals every
archive that needs it. Reading holds no lock; striking does, and only takes what was not stored
again meanwhile. Objects that were struck and are right after all, of a share that was half away,
are taken back.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import msgspec

from services.archiver.errors import CancelledByPersonError
from services.archiver.format.names import parse_object_path
from services.archiver.runs.upkeep_work import UpkeepWork
from services.archiver.storage.checking import (
    Known,
    KnownArchive,
    fetch_known_archives,
    fetch_known_objects,
    fetch_struck,
    record_bundles,
    record_checked,
    record_verified,
    strike_objects,
)
from services.archiver.storage.journal import PostgresJournal
from services.archiver.storage.states import refresh_states
from services.archiver.store.transport import Transport
from services.archiver.store.verification import (
    Verdict,
    path_of,
    read_right_object,
    verify_bundle,
    verify_object,
)

_MOST_TOLD = 200
_READERS = 3
#: How many objects are read before that is written down: an end costs as many.
_BATCH = 24
#: A sample is a twentieth of the bytes, and no less than this many objects.
_SAMPLE_SHARE = 20
_SAMPLE_OBJECTS = 4
_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


class _Found(msgspec.Struct, kw_only=True):
    """What looking came to."""

    wrong: dict[str, tuple[Known, Verdict]] = msgspec.field(default_factory=dict)
    bundles: dict[UUID, Verdict] = msgspec.field(default_factory=dict)
    read_count: int = 0
    read_bytes: int = 0
    taken_back: int = 0


async def verify(work: UpkeepWork) -> dict[str, Any]:
    """Look through what was asked for, at the level that was asked for."""
    level = work.wish.level or "listing"
    archives = await fetch_known_archives(work.pool, work.destination_id, work.job.archive_id)
    objects = await fetch_known_objects(work.pool, work.destination_id, work.job.archive_id)
    found = _Found()
    async with work.place.reached() as transport:
        work.pulse.begin("listing")
        listed = await asyncio.to_thread(_list, transport)
        _hold_against(listed, found, objects, archives)
        if level != "listing":
            there = [one for one in objects if one.stored.name not in found.wrong]
            chosen = _sample(there) if level == "sample" else _not_read(there, work.job.created_at)
            await _read_objects(work, transport, chosen, found)
            await _read_bundles(work, transport, archives, found)
        work.pulse.begin("waiting for the destination")
        async with work.alone():
            work.pulse.begin("writing it down")
            found.taken_back = await _take_back(work, transport, listed)
            async with work.pool.acquire() as connection, connection.transaction():
                await strike_objects(
                    connection, work.destination_id, [known for known, _ in found.wrong.values()]
                )
                await record_bundles(connection, found.bundles, was_read=level != "listing")
                damaged = await refresh_states(connection, work.destination_id)
                await record_verified(connection, [one.id for one in archives], level=level)
    return _report(found, archives, objects, damaged)


def _list(transport: Transport) -> dict[str, int]:
    return {
        one.path: one.size_bytes
        for folder in ("bundles", "objects", "packs")
        for one in transport.names(folder)
    }


def _hold_against(
    listed: dict[str, int],
    found: _Found,
    objects: Iterable[Known],
    archives: Iterable[KnownArchive],
) -> None:
    for known in objects:
        verdict = _by_listing(listed.get(path_of(known.stored)), known.stored.size_bytes)
        if verdict != "right":
            found.wrong[known.stored.name] = (known, verdict)
    for archive in archives:
        found.bundles[archive.id] = _by_listing(listed.get(archive.path), archive.bundle_bytes)


def _by_listing(size_bytes: int | None, expected_bytes: int) -> Verdict:
    if size_bytes is None:
        return "missing"
    return "right" if size_bytes == expected_bytes else "damaged"


def _sample(objects: list[Known]) -> list[Known]:
    """Return a twentieth of the bytes, of what was read longest ago: in time all is read."""
    wanted = sum(one.stored.size_bytes for one in objects) // _SAMPLE_SHARE
    chosen: list[Known] = []
    for one in sorted(objects, key=lambda one: (one.checked_at or _NEVER, one.stored.name)):
        if wanted <= 0 and len(chosen) >= _SAMPLE_OBJECTS:
            break
        chosen.append(one)
        wanted -= one.stored.size_bytes
    return chosen


def _not_read(objects: list[Known], since: dt.datetime) -> list[Known]:
    """Return what this job has not read yet: one that was interrupted goes on."""
    return [one for one in objects if one.checked_at is None or one.checked_at < since]


async def _read_objects(
    work: UpkeepWork, transport: Transport, objects: Sequence[Known], found: _Found
) -> None:
    position = work.pulse.position
    work.pulse.begin("reading objects")
    position.files_total = len(objects)
    position.bytes_total = sum(one.stored.size_bytes for one in objects)
    with ThreadPoolExecutor(_READERS, thread_name_prefix="archive verify") as threads:
        for start in range(0, len(objects), _BATCH):
            if work.pulse.is_stopping():
                raise CancelledByPersonError("The job was asked to stop.")
            batch = objects[start : start + _BATCH]
            verdicts = await asyncio.gather(
                *(
                    asyncio.get_running_loop().run_in_executor(
                        threads, verify_object, transport, one.stored
                    )
                    for one in batch
                )
            )
            for one, verdict in zip(batch, verdicts, strict=True):
                if verdict != "right":
                    found.wrong[one.stored.name] = (one, verdict)
                found.read_count += 1
                found.read_bytes += one.stored.size_bytes
                position.files_done += 1
                position.bytes_done += one.stored.size_bytes
            right = [
                one.stored.name
                for one, verdict in zip(batch, verdicts, strict=True)
                if verdict == "right"
            ]
            await record_checked(work.pool, work.destination_id, right)


async def _read_bundles(
    work: UpkeepWork, transport: Transport, archives: Sequence[KnownArchive], found: _Found
) -> None:
    work.pulse.begin("reading archives")
    for archive in archives:
        if work.pulse.is_stopping():
            raise CancelledByPersonError("The job was asked to stop.")
        if found.bundles[archive.id] == "right":
            found.bundles[archive.id] = await asyncio.to_thread(
                verify_bundle,
                transport,
                archive.path,
                key=work.place.key,
                sha256=archive.bundle_sha256.hex(),
            )


async def _take_back(work: UpkeepWork, transport: Transport, listed: dict[str, int]) -> int:
    struck = await fetch_struck(work.pool, work.destination_id)
    if not struck:
        return 0
    journal = PostgresJournal(
        work.pool,
        asyncio.get_running_loop(),
        destination_id=work.destination_id,
        # Only objects are written down, which are of all sources.
        source_id=work.destination_id,
    )
    return await asyncio.to_thread(
        _take_back_right, transport, sorted(listed), struck, journal, work.pulse.is_stopping
    )


def _take_back_right(
    transport: Transport,
    paths: Sequence[str],
    struck: set[str],
    journal: PostgresJournal,
    is_stopping: Callable[[], bool],
) -> int:
    count = 0
    for path in paths:
        parsed = parse_object_path(path)
        if parsed is None or parsed[0] not in struck:
            continue
        if is_stopping():
            raise CancelledByPersonError("The job was asked to stop.")
        right = read_right_object(transport, parsed[0], is_pack=parsed[1])
        if right is not None:
            journal.record(right)
            count += 1
    return count


def _report(
    found: _Found, archives: Sequence[KnownArchive], objects: Sequence[Known], damaged: int
) -> dict[str, Any]:
    wrong = [{"path": path_of(one.stored), "verdict": said} for one, said in found.wrong.values()]
    wrong += [
        {"path": archive.path, "verdict": found.bundles[archive.id]}
        for archive in archives
        if found.bundles[archive.id] != "right"
    ]
    return {
        "objects_listed": len(objects),
        "objects_read": found.read_count,
        "bytes_read": found.read_bytes,
        "archives_checked": len(archives),
        # Of all the destination, as others need the same objects.
        "archives_damaged": damaged,
        "missing": sum(one["verdict"] == "missing" for one in wrong),
        "damaged": sum(one["verdict"] == "damaged" for one in wrong),
        "taken_back": found.taken_back,
        "wrong": len(wrong),
        "wrong_items": wrong[:_MOST_TOLD],
    }
