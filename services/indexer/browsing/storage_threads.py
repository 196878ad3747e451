"""Reading threads: their list, and pages of one from any moment in both directions."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

from services.indexer.folding import fold
from services.indexer.history.storage_gaps import gaps_of_kind
from services.indexer.history.storage_positions import PLAIN, count_before, order_of
from services.indexer.history.storage_rows import (
    ARTIFACT_COLUMNS,
    THREAD_COLUMNS,
    Conditions,
    like_pattern,
    to_artifacts,
    to_threads,
)
from services.indexer.lineage.storage_stitched import (
    LISTED,
    StitchedView,
    find_stitched,
    with_devices,
)
from services.indexer.lineage.storage_view import devices_meant
from services.indexer.pages import Cut, assemble, fit, shorten_artifact
from services.indexer.people.storage_pages import handles_of
from shared.contracts.indexer import ListThreadArtifacts, ListThreads
from shared.contracts.problems import bad_request, not_found
from shared.cursors import (
    TimePlace,
    place_of,
    read_cursor,
    read_id,
    read_limit,
    write_cursor,
)

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection, Row
    from shared.contracts.gaps import Gap

_MOST_QUESTION_CHARACTERS = 1000


async def list_threads(connection: Connection, request: ListThreads, *, most_bytes: int) -> bytes:
    """Return a page of threads, the one with the newest artifact first."""
    limit = read_limit(request.limit)
    where = Conditions()
    devices = await devices_meant(connection, request.device, lineage=request.lineage)
    if devices is not None:
        where.add("t.device = any({devices})", devices=devices)
    if request.kind is not None:
        where.add("t.kind = {kind}", kind=request.kind)
    if request.person:
        where.add(
            "t.participants && {handles}", handles=await handles_of(connection, request.person)
        )
    if request.q and request.q.strip():
        if len(request.q) > _MOST_QUESTION_CHARACTERS:
            raise bad_request("q is too long.")
        where.add(
            "(t.folded like {q} or exists (select 1 from unnest(t.participants) p (handle)"
            " left join address_book b on b.device = t.device and b.handle = p.handle"
            " left join person_handle h on h.handle = p.handle"
            " left join person n on n.id = h.person_id"
            " where lower(p.handle) like {q} or b.folded like {q} or n.folded like {q}))",
            q=like_pattern(fold(request.q.strip())),
        )
    if request.cursor is not None:
        place = read_cursor(request.cursor, TimePlace)
        where.add("(t.sort_at, t.id) < ({at}, {id})", at=place.at, id=place.id)
    rows = await connection.fetch(
        f"select {THREAD_COLUMNS} from {LISTED if request.lineage else 'thread t'} where {where}"  # noqa: S608 -- parameters only
        f" order by t.sort_at desc, t.id desc limit {limit + 1}",
        *where.parameters,
    )
    page = rows[:limit]
    shown = await to_threads(connection, page)
    if request.lineage:
        shown = await with_devices(connection, shown)
    cut = Cut(shown, most_bytes=most_bytes)
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
    place = await _place(connection, thread_id)
    limit = read_limit(request.limit)
    stitched = await find_stitched(connection, thread_id) if request.lineage else None
    view: _View | StitchedView = (
        _View(connection, thread_id, place, request)
        if stitched is None
        else StitchedView(connection, stitched, request)
    )
    if request.cursor is not None:
        start = read_cursor(request.cursor, TimePlace)
        backward, around = start.backward, False
    else:
        threads = [thread_id] if stitched is None else stitched.thread_ids
        found = await _start(connection, threads, request.at)
        backward = request.direction == "backward"
        around = request.direction == "around" and found is not None
        if found is None:
            # From the beginning; or, backwards and around nothing in particular, from the end.
            backward = request.direction != "forward"
            start = place_of(_LAST if backward else _FIRST, 0)
        else:
            start = found
    before: list[Row] = []
    after: list[Row] = []
    if around or backward:
        before = await view.fetch(start, backward=True, limit=limit // 2 if around else limit)
    if around or not backward:
        # One more tells whether there is a next page.
        after = await view.fetch(start, backward=False, limit=limit - len(before) + 1)
    rows = [*before, *after][:limit]
    has_next = len(before) + len(after) > limit
    artifacts = await to_artifacts(connection, rows)
    if backward and not around:
        # What has to go to fit is the far end, which here is the beginning.
        cut = await fit(artifacts[::-1], rows=rows, most_bytes=most_bytes, shorten=shorten_artifact)
        rows, parts = rows[len(rows) - cut.count :], cut.parts[::-1]
        has_next = bool(rows) and await view.has_after(rows[-1])
    else:
        cut = await fit(artifacts, rows=rows, most_bytes=most_bytes, shorten=shorten_artifact)
        has_next = has_next or cut.count < len(rows)
        rows, parts = rows[: cut.count], cut.parts
    position = await view.position(rows[0]) if rows else None
    devices = await devices_meant(connection, place.device, lineage=request.lineage)
    gaps = await gaps_of_kind(connection, devices or [place.device], place.kind)
    if gaps:
        gaps = await _gaps_around(view, rows, gaps, is_first=not position, has_next=has_next)
    return assemble(
        parts,
        {
            "next_cursor": _cursor(rows[-1], backward=False) if has_next else None,
            "previous_cursor": _cursor(rows[0], backward=True) if position else None,
            "position": position,
            "gaps": gaps,
        },
    )


async def _gaps_around(
    view: _View | StitchedView,
    rows: list[Row],
    gaps: list[Gap],
    *,
    is_first: bool,
    has_next: bool,
) -> list[Gap]:
    """Return those *gaps* that lie on a page, or between it and the next one."""
    if not rows:
        return []
    since = None if is_first else rows[0]["sort_at"]
    until = None
    if has_next:
        after = place_of(rows[-1]["sort_at"], rows[-1]["id"] + 1)
        following = await view.fetch(after, backward=False, limit=1)
        until = following[0]["sort_at"] if following else None
    return [
        gap
        for gap in gaps
        if (since is None or gap.to_at > since) and (until is None or gap.from_at < until)
    ]


class _Place(NamedTuple):
    """Whose thread it is, and in which tables its artifacts may lie."""

    device: str
    kind: str
    shards: list[int]


async def _place(connection: Connection, thread_id: int) -> _Place:
    """Return where a thread is. Raises 404 when there is none.

    From here on every statement is planned for its values. A plan for any thread at all takes a
    table of one long thread for all of that thread, and reads it by time to find any other.
    """
    rows = await connection.fetch(
        "select s.shard, t.device, t.kind,"
        " set_config('plan_cache_mode', 'force_custom_plan', false)"
        " from thread t join artifact_shard s on s.state = 'attached'"
        " and coalesce(s.device, t.device) = t.device and coalesce(s.kind, t.kind) = t.kind"
        " where t.id = $1 order by s.shard",
        thread_id,
    )
    if not rows:
        raise not_found("thread")
    return _Place(rows[0]["device"], rows[0]["kind"], [row["shard"] for row in rows])


_FIRST = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_LAST = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)


class _View:
    """A thread as it is looked at: now or as of a moment, with or without removed artifacts."""

    def __init__(
        self,
        connection: Connection,
        thread_id: int,
        place: _Place,
        request: ListThreadArtifacts,
    ) -> None:
        self._connection = connection
        self._thread_id = thread_id
        self._shards = place.shards
        self._order = order_of(place.kind)
        self._removed = "include" if request.include_removed else "exclude"
        self._as_of = request.as_of

    def _inside(self) -> Conditions:
        where = Conditions()
        where.add("a.shard = any({shards})", shards=self._shards)
        where.see(self._removed, self._as_of)
        return where

    def _beyond(self, compare: str, at: dt.datetime, artifact_id: int) -> Conditions:
        where = self._inside()
        self._order.require_beyond(
            where, compare, thread=self._thread_id, at=at, artifact_id=artifact_id
        )
        return where

    async def fetch(self, start: TimePlace, *, backward: bool, limit: int) -> list[Row]:
        """Return up to *limit* rows before *start*, or from it on, ascending in time."""
        where = self._beyond("<" if backward else ">=", start.at, start.id)
        rows: list[Any] = await self._connection.fetch(
            f"select {ARTIFACT_COLUMNS} from {self._order.source} where {where}"  # noqa: S608 -- parameters only
            f" order by {self._order.sorted('desc' if backward else 'asc')} limit {limit}",
            *where.parameters,
        )
        return rows[::-1] if backward else rows

    async def has_after(self, row: Row) -> bool:
        """Return whether anything comes after *row*."""
        where = self._beyond(">", row["sort_at"], row["id"])
        found: int | None = await self._connection.fetchval(
            f"select 1 from {self._order.source} where {where}"  # noqa: S608 -- as above
            f" order by {self._order.sorted('asc')} limit 1",
            *where.parameters,
        )
        return found is not None

    async def position(self, row: Row) -> int:
        """Return how much comes before *row*."""
        where = self._inside()
        where.add(f"{self._order.thread} = {{thread}}", thread=self._thread_id)
        is_now = self._removed == "exclude" and self._as_of is None
        return await count_before(
            self._connection,
            where,
            row,
            order=self._order,
            anchors=PLAIN if is_now else None,
            thread=self._thread_id,
        )


async def _start(connection: Connection, threads: list[int], at: str | None) -> TimePlace | None:
    if at is None:
        return None
    if at.isascii() and at.isdigit():
        artifact_id = read_id(at, "artifact")
        row = await connection.fetchrow(
            "select a.sort_at, a.id from artifact a where a.id = $1 and (a.thread_id = any($2)"
            " or exists (select 1 from thread_member m"
            " where m.artifact_id = a.id and m.thread_id = any($2)))",
            artifact_id,
            threads,
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
