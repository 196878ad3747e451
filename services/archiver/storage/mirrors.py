"""The tables ``mirror`` and ``mirror_pass``: where plain files of a source lie, and lay before."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.archiver.store.mirrored import MirrorReader
from shared.contracts.problems import not_found

if TYPE_CHECKING:
    from services.archiver.storage import Connection

_ODD = re.compile(r"[^a-z0-9]+")
_LONGEST = 60


async def folder_of(
    connection: Connection, *, source_id: UUID, destination_id: UUID, name: str
) -> str:
    """Return the folder of a source in a mirror, which is called like it if it is a new one."""
    slug = _ODD.sub("-", name.lower()).strip("-")[:_LONGEST].strip("-") or "source"
    for folder in (slug, f"{slug}-{str(source_id)[:8]}", str(source_id)):
        await connection.execute(
            "insert into mirror (source_id, destination_id, folder) values ($1, $2, $3)"
            " on conflict do nothing",
            source_id,
            destination_id,
            folder,
        )
        found: str | None = await find_folder(
            connection, source_id=source_id, destination_id=destination_id
        )
        if found is not None:
            return found
    raise AssertionError("an id is nobody else's name")


async def find_folder(
    connection: Connection, *, source_id: UUID, destination_id: UUID
) -> str | None:
    """Return the folder of a source in a mirror, if it has one."""
    folder: str | None = await connection.fetchval(
        "select folder from mirror where source_id = $1 and destination_id = $2",
        source_id,
        destination_id,
    )
    return folder


async def begin_pass(
    connection: Connection, *, source_id: UUID, destination_id: UUID, number: int, now: str
) -> str:
    """Write down that files may be moved aside; return the folder, which no pass had before."""
    count = 1
    while True:
        aside = now if count == 1 else f"{now}-{count}"
        made = await connection.fetchval(
            "insert into mirror_pass (source_id, destination_id, number, aside)"
            " values ($1, $2, $3, $4) on conflict do nothing returning aside",
            source_id,
            destination_id,
            number,
            aside,
        )
        if made is not None:
            return aside
        count += 1


async def fetch_asides(
    connection: Connection, *, source_id: UUID, destination_id: UUID, after: int
) -> list[str]:
    """Return the folders of passes that worked for archives after number *after*, in order."""
    rows = await connection.fetch(
        "select aside from mirror_pass where source_id = $1 and destination_id = $2"
        " and number > $3 order by begun",
        source_id,
        destination_id,
        after,
    )
    return [row["aside"] for row in rows]


async def fetch_paths(
    connection: Connection, *, source_id: UUID, destination_id: UUID, after: bytes, limit: int
) -> list[bytes]:
    """Return the next paths of files that the newest archive holds, in order."""
    rows = await connection.fetch(
        "select path from tree_entry where source_id = $1 and destination_id = $2"
        " and until is null and type = 'file' and path > $3 order by path limit $4",
        source_id,
        destination_id,
        after,
        limit,
    )
    return [row["path"] for row in rows]


async def mirrored_reader(connection: Connection, archive: Any) -> Callable[..., MirrorReader]:
    """Return what makes a reader of *archive* (its row) from a transport."""
    ids = {"source_id": archive["source_id"], "destination_id": archive["destination_id"]}
    folder = await find_folder(connection, **ids)
    if folder is None:
        raise not_found("mirror")
    asides = await fetch_asides(connection, **ids, after=archive["number"])
    return partial(MirrorReader, folder=folder, asides=asides)
