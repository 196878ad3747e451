"""Reading threads: their list, and pages of one from any moment in both directions."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from services.indexer.cursors import (
    TimePlace,
    place_of,
    read_cursor,
    read_id,
    read_limit,
    write_cursor,
)
from services.indexer.folding import fold
from services.indexer.pages import Cut, assemble, shorten_artifact
from services.indexer.storage_rows import (
    ARTIFACT_COLUMNS,
    Conditions,
    to_artifacts,
    to_threads,
)
from shared.contracts.indexer import ListThreadArtifacts, ListThreads
from shared.contracts.problems import bad_request, not_found

if TYPE_CHECKING:
    from services.indexer.storage_rows import Connection, Row

THREAD_COLUMNS = """
    t.id, t.device, t.kind, t.key, t.title, t.is_group, t.participants, t.services,
    t.artifact_count, t.first_at, t.last_at, t.last_text, t.sort_at
"""
_LIKE_SPECIAL = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})
_MOST_QUESTION_CHARACTERS = 1000


def like_pattern(folded: str) -> str:
    """Return the LIKE pattern that finds *folded* anywhere."""
    return f"%{folded.translate(_LIKE_SPECIAL)}%"


async def list_threads(connection: Connection, request: ListThreads, *, most_bytes: int) -> bytes:
    """Return a page of threads, the one with the newest artifact first."""
    limit = read_limit(request.limit)
    where = Conditions()
    if request.device is not None:
        where.add("t.device = {device}", device=request.device)
    if request.kind is not None:
        where.add("t.kind = {kind}", kind=request.kind)
    if request.q and request.q.strip():
        if len(request.q) > _MOST_QUESTION_CHARACTERS:
            raise bad_request("q is too long.")
        where.add(
            "(t.folded like {q} or exists (select 1 from unnest(t.participants) p (handle)"
            " left join address_book b on b.device = t.device and b.handle = p.handle"
            " where lower(p.handle) like {q} or b.folded like {q}))",
            q=like_pattern(fold(request.q.strip())),
        )
    if request.cursor is not None:
        place = read_cursor(request.cursor, TimePlace)
        where.add("(t.sort_at, t.id) < ({at}, {id})", at=place.at, id=place.id)
    rows = await connection.fetch(
        f"select {THREAD_COLUMNS} from thread t where {where}"  # noqa: S608 -- parameters only
        f" order by t.sort_at desc, t.id desc limit {limit + 1}",
        *where.parameters,
    )
    page = rows[:limit]
    cut = Cut(await to_threads(connection, page), most_bytes=most_bytes)
    more = len(rows) > limit or not cut.is_whole
    last = page[cut.count - 1] if more else None
    return assemble(
        cut.parts,
        {"next_cursor": last and write_cursor(place_of(last["sort_at"], last["id"]))},
    )


async def list_thread_artifacts(
    connection: Connection, request: ListThreadArtifacts, *, most_bytes: int
) -> bytes:
    """Return artifacts of one thread, ascending in time, with cursors both ways."""
    thread_id = read_id(request.thread_id, "thread")
    if not await connection.fetchval(
        "select exists (select 1 from thread where id = $1)", thread_id
    ):
        raise not_found("thread")
    limit = read_limit(request.limit)
    view = _View(connection, thread_id, request)
    if request.cursor is not None:
        start = read_cursor(request.cursor, TimePlace)
        backward, around = start.backward, False
    else:
        found = await _start(connection, thread_id, request.at)
        backward = request.direction == "backward"
        around = request.direction == "around" and found is not None
        if found is None:
            # From the beginning; or, backwards and around nothing in particular, from the end.
            backward = request.direction != "forward"
            start = place_of(_LAST if backward else _FIRST, 0)
        else:
            start = found
    if around:
        before = await view.fetch(start, backward=True, limit=limit // 2)
        rows = before + await view.fetch(start, backward=False, limit=limit - len(before))
    else:
        rows = await view.fetch(start, backward=backward, limit=limit)
    artifacts = await to_artifacts(connection, rows)
    if backward and not around:
        # What has to go to fit is the far end, which here is the beginning.
        cut = Cut(artifacts[::-1], most_bytes=most_bytes, shorten=shorten_artifact)
        rows, parts = rows[len(rows) - cut.count :], cut.parts[::-1]
    else:
        cut = Cut(artifacts, most_bytes=most_bytes, shorten=shorten_artifact)
        rows, parts = rows[: cut.count], cut.parts
    position = await view.position(rows[0]) if rows else None
    has_next = bool(rows) and await view.has_after(rows[-1])
    return assemble(
        parts,
        {
            "next_cursor": _cursor(rows[-1], backward=False) if has_next else None,
            "previous_cursor": _cursor(rows[0], backward=True) if position else None,
            "position": position,
        },
    )


async def thread_position(
    connection: Connection, *, thread_id: int, sort_at: dt.datetime, artifact_id: int
) -> int:
    """Return how many current artifacts of a thread come before a place in it."""
    anchor = await connection.fetchrow(
        "select position, sort_at, artifact_id from thread_anchor where thread_id = $1"
        " and (sort_at, artifact_id) <= ($2, $3) order by position desc limit 1",
        thread_id,
        sort_at,
        artifact_id,
    )
    skipped = 0 if anchor is None else anchor["position"]
    counted: int = await connection.fetchval(
        "select count(*) from artifact a where a.thread_id = $1 and a.removed_at is null"
        " and (a.sort_at, a.id) >= ($2, $3) and (a.sort_at, a.id) < ($4, $5)",
        thread_id,
        _FIRST if anchor is None else anchor["sort_at"],
        0 if anchor is None else anchor["artifact_id"],
        sort_at,
        artifact_id,
    )
    return int(skipped) + counted


_FIRST = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_LAST = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)


class _View:
    """A thread as it is looked at: now or as of a moment, with or without removed artifacts."""

    def __init__(
        self, connection: Connection, thread_id: int, request: ListThreadArtifacts
    ) -> None:
        self._connection = connection
        self._thread_id = thread_id
        self._removed = "include" if request.include_removed else "exclude"
        self._as_of = request.as_of

    def _where(self) -> Conditions:
        where = Conditions()
        where.add("a.thread_id = {thread}", thread=self._thread_id)
        where.see(self._removed, self._as_of)
        return where

    async def fetch(self, start: TimePlace, *, backward: bool, limit: int) -> list[Row]:
        """Return up to *limit* rows before *start*, or from it on, ascending in time."""
        where = self._where()
        compare, way = ("<", "desc") if backward else (">=", "asc")
        where.add(f"(a.sort_at, a.id) {compare} ({{at}}, {{id}})", at=start.at, id=start.id)
        rows: list[Any] = await self._connection.fetch(
            f"select {ARTIFACT_COLUMNS} from artifact a where {where}"  # noqa: S608 -- parameters only
            f" order by a.sort_at {way}, a.id {way} limit {limit}",
            *where.parameters,
        )
        return rows[::-1] if backward else rows

    async def has_after(self, row: Row) -> bool:
        """Return whether anything comes after *row*."""
        where = self._where()
        where.add("(a.sort_at, a.id) > ({at}, {id})", at=row["sort_at"], id=row["id"])
        found: bool = await self._connection.fetchval(
            f"select exists (select 1 from artifact a where {where})",  # noqa: S608 -- as above
            *where.parameters,
        )
        return found

    async def position(self, row: Row) -> int:
        """Return how much comes before *row*."""
        if self._removed == "exclude" and self._as_of is None:
            return await thread_position(
                self._connection,
                thread_id=self._thread_id,
                sort_at=row["sort_at"],
                artifact_id=row["id"],
            )
        where = self._where()
        where.add("(a.sort_at, a.id) < ({at}, {id})", at=row["sort_at"], id=row["id"])
        counted: int = await self._connection.fetchval(
            f"select count(*) from artifact a where {where}",  # noqa: S608 -- as above
            *where.parameters,
        )
        return counted


async def _start(connection: Connection, thread_id: int, at: str | None) -> TimePlace | None:
    if at is None:
        return None
    if at.isascii() and at.isdigit():
        artifact_id = read_id(at, "artifact")
        row = await connection.fetchrow(
            "select sort_at, id from artifact where id = $1 and thread_id = $2",
            artifact_id,
            thread_id,
        )
        if row is None:
            raise not_found("artifact")
        return place_of(row["sort_at"], row["id"])
    return place_of(read_time(at), 0)


def read_time(text: str) -> dt.datetime:
    """Return an RFC 3339 time; without an offset it is UTC."""
    try:
        moment = dt.datetime.fromisoformat(text)
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise bad_request("at must be a time such as 2024-05-31T12:00:00Z, or an id.") from None


def _cursor(row: Row, *, backward: bool) -> str:
    # Forward cursors name the row itself, and pages begin with what they name: hence one more.
    return write_cursor(
        place_of(row["sort_at"], row["id"] + (0 if backward else 1), backward=backward)
    )
