"""Two revisions of a device beside each other: what was added, removed and changed, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from services.indexer.history.reasons import NOT_LOOKED_INTO, reason_of, to_removal
from services.indexer.history.storage_rows import ARTIFACT_COLUMNS, to_artifacts
from services.indexer.lineage.storage_comparison import (
    Side,
    count_between,
    fetch_between,
    find_sides,
)
from services.indexer.pages import Cut, assemble, shorten_artifact
from services.indexer.sql import statement
from shared.contracts.comparison import CompareRevisions, KindDifference, RevisionComparison
from shared.contracts.indexer import Artifact, DiffEntry, DiffRevisions
from shared.contracts.problems import bad_request, problem
from shared.contracts.removals import ReasonCounts
from shared.cursors import read_cursor, read_limit, write_cursor

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection


class DiffPlace(msgspec.Struct, frozen=True, array_like=True):
    """The key that a page of differences ended with."""

    key: str


class Counts(msgspec.Struct):
    """Differences of one kind, counted."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    offloaded: int = 0
    reasons: dict[str, int] = msgspec.field(default_factory=dict)


async def diff_revisions(
    connection: Connection, request: DiffRevisions, *, most_bytes: int
) -> bytes:
    """Return what changed between two revisions of one kind, by natural key."""
    limit = read_limit(request.limit)
    place = None if request.cursor is None else read_cursor(request.cursor, DiffPlace)
    if place is not None and "\0" in place.key:
        raise bad_request("The cursor is not one that was given out.")
    sides = await find_sides(
        connection, request.device, (request.from_revision, request.to_revision)
    )
    for side in sides:
        await _require(connection, side.device, request.kind, side.taken_at)
    counts, rows = await _look(
        connection,
        request.kind,
        *sides,
        key=None if place is None else place.key,
        limit=limit + 1,
    )
    # Between two devices, nobody can say why something is not there.
    forwards = sides[0].device == sides[1].device and sides[0].taken_at < sides[1].taken_at
    page = rows[:limit]
    cut = Cut(
        await _entries(connection, page, forwards=forwards),
        most_bytes=most_bytes,
        shorten=_shorten_entry,
    )
    more = len(rows) > cut.count
    return assemble(
        cut.parts,
        {
            "next_cursor": write_cursor(DiffPlace(page[cut.count - 1]["key"]))
            if more and cut.count
            else None,
            **{name: getattr(counts, name) for name in ("added", "removed", "changed")},
            **_explained(counts, forwards=forwards),
        },
    )


async def _look(
    connection: Connection, kind: str, before: Side, after: Side, *, key: str | None, limit: int
) -> tuple[Counts, list[Any]]:
    if before.device != after.device:
        async with connection.transaction(readonly=True):
            between = await count_between(connection, kind, before, after)
            return msgspec.convert(between, Counts), await fetch_between(
                connection, kind, before, after, key=key, limit=limit
            )
    device, earlier, later = before.device, before.taken_at, after.taken_at
    counted = await _count(connection, device, [kind], earlier, later)
    rows: list[Any] = await connection.fetch(
        statement("comparison", "differences"), device, kind, earlier, later, key, limit
    )
    return counted.get(kind, Counts()), rows


async def compare_revisions(
    connection: Connection,
    request: CompareRevisions,
    *,
    most_bytes: int,  # noqa: ARG001 -- as all answers are made; this one is small
) -> bytes:
    """Return how much of each kind changed between two revisions."""
    sides = await find_sides(
        connection, request.device, (request.from_revision, request.to_revision)
    )
    before, after = [side.taken_at for side in sides]
    is_one = sides[0].device == sides[1].device
    states = await connection.fetch(
        statement("comparison", "states" if is_one else "states of two"),
        *(sides[0].device, before, after, *([] if is_one else [sides[1].device])),
    )
    compared = [
        row["kind"]
        for row in states
        if row["from_state"] == "indexed" and row["to_state"] == "indexed"
    ]
    if is_one:
        counts = await _count(connection, sides[0].device, compared, before, after)
    else:
        async with connection.transaction(readonly=True):
            counts = {
                kind: msgspec.convert(await count_between(connection, kind, *sides), Counts)
                for kind in compared
            }
    return msgspec.json.encode(
        RevisionComparison(
            from_revision=request.from_revision,
            to_revision=request.to_revision,
            from_at=before,
            to_at=after,
            kinds=[
                _difference(
                    row,
                    counts.get(row["kind"], Counts()) if row["kind"] in compared else None,
                    forwards=is_one and before < after,
                )
                for row in states
            ],
        )
    )


def _difference(row: Any, counts: Counts | None, *, forwards: bool) -> KindDifference:
    known = KindDifference(kind=row["kind"], from_state=row["from_state"], to_state=row["to_state"])
    if counts is None:
        return known
    return msgspec.structs.replace(
        known,
        added=counts.added,
        removed=counts.removed,
        changed=counts.changed,
        **_explained(counts, forwards=forwards),
    )


def _explained(counts: Counts, *, forwards: bool) -> dict[str, Any]:
    # From the later revision to the earlier one, nothing went: it had not come yet.
    if not forwards:
        return {"offloaded": None, "reasons": None}
    return {"offloaded": counts.offloaded, "reasons": ReasonCounts(**counts.reasons)}


async def _count(
    connection: Connection,
    device: str,
    kinds: Sequence[str],
    before: dt.datetime,
    after: dt.datetime,
) -> dict[str, Counts]:
    rows = await connection.fetch(
        statement("comparison", "count"), device, list(kinds), before, after
    )
    found: dict[str, Counts] = {}
    for row in rows:
        counts = found.setdefault(row["kind"], Counts())
        change: Literal["added", "removed", "changed"] = row["change"]
        setattr(counts, change, getattr(counts, change) + row["count"])
        if row["is_offloaded"]:
            counts.offloaded += row["count"]
        if change == "removed":
            reason = reason_of(row["cause"] or NOT_LOOKED_INTO)
            counts.reasons[reason] = counts.reasons.get(reason, 0) + row["count"]
    return found


async def _entries(
    connection: Connection, page: Sequence[Any], *, forwards: bool
) -> list[DiffEntry]:
    ids = [row[side] for row in page for side in ("before_id", "after_id") if row[side]]
    found = await connection.fetch(
        f"select {ARTIFACT_COLUMNS} from artifact a where a.id = any($1)",  # noqa: S608 -- constant
        ids,
    )
    artifacts = {int(one.id): one for one in await to_artifacts(connection, found)}
    entries = []
    for row in page:
        before, after = artifacts.get(row["before_id"]), artifacts.get(row["after_id"])
        removal = None if row["removal"] is None else to_removal(*row["removal"])
        if removal is None and after is None and forwards:
            removal = to_removal(NOT_LOOKED_INTO, None)
        entries.append(
            DiffEntry(
                change="added" if before is None else "removed" if after is None else "changed",
                before=before,
                after=after,
                removal=removal,
            )
        )
    return entries


async def _require(connection: Connection, device: str, kind: str, moment: dt.datetime) -> None:
    if not await connection.fetchval(statement("comparison", "is_known"), device, kind, moment):
        raise problem(
            "conflict",
            "That revision does not say anything about this kind.",
            409,
            "The kind was absent from the backup or could not be read whole.",
        )


def _shorten_entry(entry: DiffEntry) -> DiffEntry:
    def shorten(artifact: Artifact | None) -> Artifact | None:
        return None if artifact is None else shorten_artifact(artifact)

    return msgspec.structs.replace(entry, before=shorten(entry.before), after=shorten(entry.after))
