"""Looking into why things went, at every border that a merge moved.

Runs inside the merge's transaction, on the connection that holds the device's lock. What is read
is what went, not what is there: a revision without losses costs two small statements per kind.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.history.departures import HOLDERS, traits_of, went_away
from services.indexer.history.reasons import (
    AGED_KINDS,
    CONVERSATIONS,
    OFFLOADED,
    RULES,
    TRASH_CAUSES,
    Border,
    Case,
    Left,
    Verdict,
    judge,
)
from services.indexer.history.storage_shards import fetch_shards
from services.indexer.sql import statement
from services.indexer.staging import StagedAttachment
from shared.contracts.indexer import KindReport

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy[Any]
    Place = tuple[str, str, dt.datetime]

#: Verdicts that are written at once.
_BATCH = 5_000
#: Apps and accounts that are looked for; a phone has some.
_MOST_HOLDERS = 50
_attachments = msgspec.json.Decoder(list[StagedAttachment]).decode


async def look_into(
    connection: Connection, device: str, kind: str, moments: Iterable[dt.datetime | None]
) -> None:
    """Say anew why things went, when these revisions of a kind came, went or changed. Idempotent.

    Those that begin there and stood in the trash since went later, when their days were over:
    which of them, follows from when they were put there.
    """
    known = [moment for moment in moments if moment is not None]
    for moment in known:
        await _look_into(connection, (device, kind, moment))
    later = await connection.fetch(
        statement("reasons", "from_trash"), device, kind, known, TRASH_CAUSES
    )
    for row in later:
        await _look_into(connection, (device, kind, row["removed_at"]))


async def look_into_rest(connection: Connection, device: str) -> None:
    """Look into revisions of a device that nobody has looked into by the rules of today."""
    rows = await connection.fetch(statement("reasons", "not_looked_into"), device, RULES)
    for row in rows:
        async with connection.transaction():
            await _look_into(connection, (device, row["kind"], row["taken_at"]))


async def _look_into(connection: Connection, place: Place) -> None:
    await connection.execute(statement("reasons", "forget"), *place)
    row = await connection.fetchrow(statement("reasons", "border"), *place)
    if row is None:  # the revision was taken out
        return
    kind = place[1]
    has_ended = await connection.fetchval(statement("reasons", "has_ended"), *place)
    left = Left()
    if has_ended or kind in AGED_KINDS:
        left = await _left(connection, place)
    if has_ended:
        border = await _border(connection, place, row, left)
        await _judge_gone(connection, place, border, left)
        await _note_offloaded(connection, place, "parser" if border.is_other_parser else None)
    oldest = left.oldest_at if kind in AGED_KINDS else None
    await connection.execute(statement("reasons", "finish"), *place, RULES, oldest)


async def _left(connection: Connection, place: Place) -> Left:
    shards = await fetch_shards(connection, device=place[0], kind=place[1])
    row = await connection.fetchrow(
        statement("reasons", "left"), *place, [shard.number for shard in shards]
    )
    assert row is not None
    return Left(oldest_at=row["oldest_at"], newest_at=row["newest_at"])


async def _border(connection: Connection, place: Place, row: asyncpg.Record, left: Left) -> Border:
    kind = place[1]
    after = msgspec.convert(row["report"], KindReport)
    before = (
        None if row["report_before"] is None else msgspec.convert(row["report_before"], KindReport)
    )
    keeps_days = after.keeps_days
    if keeps_days is None and before is not None:
        keeps_days = before.keeps_days
    newest_of_oldest = None
    if kind == "message" and not keeps_days and left.oldest_at is not None:
        newest_of_oldest = await connection.fetchval(
            statement("reasons", "newest_of_oldest"), *place, left.oldest_at
        )
    return Border(
        kind=kind,
        gone_at=place[2],
        left_count=after.kept,
        keeps_days=keeps_days,
        newest_of_oldest_at=newest_of_oldest,
        has_icloud=kind != "photo"
        or await connection.fetchval(statement("reasons", "has_icloud"), *place),
        is_other_parser=row["parser_before"] not in (None, row["parser_version"]),
        has_unread=_unread(after) > (0 if before is None else _unread(before)),
    )


def _unread(report: KindReport) -> int:
    return report.undecodable + report.skipped


async def _judge_gone(connection: Connection, place: Place, border: Border, left: Left) -> None:
    rows = await connection.fetch(statement("reasons", "gone"), *place)
    if not rows:
        return
    kind = place[1]
    path = HOLDERS.get(kind)
    traits = [traits_of(kind, row["payload"]) for row in rows]
    together = Counter(one.holder for one in traits if one.holder is not None)
    holders_gone: set[str] = set()
    left_of: dict[str, Left] = {}
    if path is not None and together:
        holders_gone = await _holders_gone(connection, place, path, together)
        if kind in AGED_KINDS:
            left_of = await _left_by_holder(connection, place, path)
    conversations: set[int] = set()
    if kind in CONVERSATIONS:
        found = await connection.fetch(statement("reasons", "empty_conversations"), *place)
        conversations = {row["thread_id"] for row in found}
    cleared = (
        await connection.fetch(statement("reasons", "cleared"), *place)
        if kind == "web_visit"
        else []
    )
    verdicts: list[tuple[str, Verdict]] = []
    for row, one in zip(rows, traits, strict=True):
        holder = one.holder or ""
        case = Case(
            traits=one,
            occurred_at=row["occurred_at"],
            seen_since=row["added_at"],
            seen_before=row["seen_before"],
            left=left_of.get(holder, left),
            went_together=together[holder],
            is_holder_gone=holder in holders_gone,
            is_conversation_gone=row["thread_id"] in conversations,
            is_cleared=any(_covers(span, row["occurred_at"], one.url, holder) for span in cleared),
        )
        verdicts.append((row["key"], judge(case, border)))
    await _write(connection, place, verdicts)


async def _holders_gone(
    connection: Connection, place: Place, path: tuple[str, ...], together: Counter[str]
) -> set[str]:
    rows = await connection.fetch(
        statement("reasons", "holders_gone"),
        *place,
        list(path),
        [holder for holder, _ in together.most_common(_MOST_HOLDERS)],
    )
    return {row["holder"] for row in rows}


async def _left_by_holder(
    connection: Connection, place: Place, path: tuple[str, ...]
) -> dict[str, Left]:
    rows = await connection.fetch(statement("reasons", "left_by_holder"), *place, list(path))
    return {
        row["holder"]: Left(oldest_at=row["oldest_at"], newest_at=row["newest_at"])
        for row in rows
        if row["holder"] is not None
    }


def _covers(span: asyncpg.Record, at: dt.datetime | None, url: str | None, app: str) -> bool:
    if at is None or span["until"] is None or at > span["until"] or span["app"] != app:
        return False
    return (span["since"] is None or at >= span["since"]) and span["url"] in (None, url)


async def _note_offloaded(connection: Connection, place: Place, doubt: str | None) -> None:
    rows = await connection.fetch(statement("reasons", "perhaps_offloaded"), *place)
    found = [
        (row["key"], Verdict(OFFLOADED, doubt))
        for row in rows
        if went_away(_attachments(row["before"]), _attachments(row["after"]))
    ]
    await _write(connection, place, found)


async def _write(
    connection: Connection, place: Place, verdicts: Sequence[tuple[str, Verdict]]
) -> None:
    for start in range(0, len(verdicts), _BATCH):
        batch = verdicts[start : start + _BATCH]
        await connection.execute(
            statement("reasons", "note"),
            *place,
            [key for key, _ in batch],
            [verdict.cause for _, verdict in batch],
            [verdict.doubt for _, verdict in batch],
        )
