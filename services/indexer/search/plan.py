"""How hits are found without reading everything: newest first, as few as needed.

A page needs the newest ``COUNT_LIMIT`` hits: they are ranked, counted and sorted into facets. The
index of words knows nothing of time, so each question is asked for a piece of time at once, see
windows: within it Postgres puts the index of words and the one of time together.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Literal

import msgspec

from services.indexer.browsing.storage_artifacts import utc
from services.indexer.history.storage_rows import Conditions
from services.indexer.history.storage_words import look_up_words
from services.indexer.lineage.storage_view import see_once
from services.indexer.search.dated import Marked, Marks, is_paired, pairs_of
from services.indexer.search.expectation import expect_hits
from services.indexer.search.found import Found
from services.indexer.search.slots import slots
from services.indexer.search.windows import Way, Window, Windows
from services.indexer.sql import statement
from shared.cursors import TimePlace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.indexer.history.storage_rows import Connection
    from services.indexer.history.storage_shards import Shard
    from services.indexer.search.asked import Asked
    from services.indexer.search.scope import Scope

#: Artifacts that are read where no index helps.
SCANNED = 50_000

Mode = Literal["words", "parts"]

#: A search into so many of all tables looks into all.
_MOST = 0.7

_MICROSECOND = dt.timedelta(microseconds=1)


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """How terms are matched, in SQL."""

    mode: Mode
    tsquery: str
    patterns: list[str]
    excluded_patterns: list[str]
    is_indexed: bool
    #: Whether no word is looked for, and everything matches.
    is_everything: bool = False
    #: Whether an index finds more than matches, so that rows have to be looked at.
    is_rough: bool = False
    #: Whether that is many times as much: a phrase is looked for in all that has its words.
    is_dear: bool = False


class Finder:
    """Finds the hits of one match within what is asked for."""

    def __init__(self, connection: Connection, asked: Asked, match: Match, scope: Scope) -> None:
        """Search within *scope*, which is that of what is asked for."""
        self._connection = connection
        self._asked = asked
        self._match = match
        self._shards = scope.shards
        self._person_threads = scope.person_threads
        self._thread_rows = scope.thread_rows
        self._is_narrow = scope.is_narrow
        self._tables = scope.tables
        #: The query for all tables but the open one; null when it finds nothing in them.
        self._expanded: str | None = match.tsquery
        #: What indexes are asked for that know more than words.
        self._marked: Marked | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether only the newest ``SCANNED`` artifacts are looked at."""
        return not (self._match.is_indexed or self._match.is_everything)

    async def find(self, limit: int, *, way: Way = "desc", after: TimePlace | None = None) -> Found:
        """Return the first hits in the order of time, after a place if one is given."""
        found = Found()
        since, until = utc(self._asked.since), utc(self._asked.until)
        everything = Window(
            since=since, until=until, shards=[shard.number for shard in self._shards], how="walked"
        )
        if self._match.is_everything and not self._is_narrow:
            # Nothing but filters: what fits is met on the way.
            everything = msgspec.structs.replace(everything, how="filtered")
            await self._fetch(found, everything, limit=limit, way=way, after=after)
            return found
        if self.is_bounded:
            await self._fetch(found, everything, limit=limit, way=way, after=after)
            return found
        if after is not None and way == "asc":
            since = after.at if since is None else max(since, after.at)
        elif after is not None and after.at < _LAST:
            end = after.at + _MICROSECOND
            until = end if until is None else min(until, end)
        if self._is_narrow:
            # The index of words would list its hits of everybody to find a few of somebody.
            narrow = msgspec.structs.replace(everything, since=since, until=until, how="narrow")
            await self._fetch(found, narrow, limit=limit, way=way, after=after)
            return found
        known = await look_up_words(self._connection, self._match.tsquery, self._shards)
        self._expanded, expected = known
        shards = self._shards
        if expected is not None:
            # Where one of the words is nowhere, only what came later can hold them all.
            shards = [one for one in shards if not one.number or one.number in expected]
            expected = await expect_hits(
                self._connection,
                expected,
                shards,
                is_parted=bool(self._match.patterns),
                is_dear=self._match.is_dear,
                # What is oldest is on older devices alone more often than not.
                is_once=self._asked.lineage and way == "desc",
            )
        marked = self._marked = await self._fetch_marked(shards)
        is_paired = marked is not None and marked.is_paired
        windows = Windows(
            shards,
            way=way,
            limit=limit,
            since=since,
            until=until,
            is_rough=self._match.is_rough and not (is_paired and not self._match.patterns),
            is_dear=self._match.is_dear and not is_paired,
            is_dated=marked is not None and marked.is_dated,
            own_rows=self._thread_rows,
            expected=expected,
        )
        for window in windows:
            await self._fetch(found, window, limit=limit - len(found), way=way, after=after)
            windows.found = len(found)
            if len(found) >= limit:
                break
        return found

    def _bounds(self, where: Conditions, window: Window, way: Way, after: TimePlace | None) -> None:
        """Require what can be told before reading a row in order."""
        # Always there, so that one plan is enough.
        where.add("a.sort_at >= coalesce({since}::timestamptz, '-infinity')", since=window.since)
        where.add("a.sort_at < coalesce({until}::timestamptz, 'infinity')", until=window.until)
        if after is not None:
            compare = "<" if way == "desc" else ">"
            where.add(f"(a.sort_at, a.id) {compare} ({{at}}, {{id}})", at=after.at, id=after.id)

    def _looked_for(self, where: Conditions, query: str, marks: Marks | None = None) -> None:
        match = self._match
        if query:
            where.add(f"a.search @@ {query}")
        for pattern in match.patterns:
            where.add("a.folded like {pattern}", pattern=pattern)
        for pattern in match.excluded_patterns:
            where.add("a.folded not like {pattern}", pattern=pattern)
        self._filter(where)
        # Asked for once more, Postgres would go by the index of everything that has one.
        if marks is None or not marks.is_special:
            if self._asked.has_attachment:
                where.add("a.has_attachment")
            if self._asked.has_link:
                where.add("a.has_link")

    def _filter(self, where: Conditions) -> None:
        asked = self._asked
        if asked.devices is not None and len(asked.devices) == 1:
            where.add("a.device = {device}", device=asked.devices[0])
        elif asked.devices is not None:
            where.add("a.device = any({devices})", devices=asked.devices)
        if asked.kinds is not None and len(asked.kinds) == 1:
            # One by itself is a part of the order of the open table's index of kinds.
            where.add("a.kind = {kind}", kind=asked.kinds[0])
        elif asked.kinds is not None:
            where.add("a.kind = any({kinds})", kinds=asked.kinds)
        self._of_whom(where)
        for pattern in asked.media:
            where.add("a.attachments::text ~ {pattern}", pattern=pattern)
        where.see(asked.removed)

    def _of_whom(self, where: Conditions, *, is_read: bool = False) -> None:
        """Require what is said of people and threads; *is_read* where rows are found by it."""
        asked = self._asked
        if asked.threads is not None:
            if asked.albums:
                # What lies in several is found by all of them. By number where it is few; a long
                # list would be gone through for each row.
                members = (
                    "a.id = any(array(select m.artifact_id from thread_member m"
                    " where m.thread_id = any({albums})))"
                    if is_read
                    else "exists (select from thread_member m"
                    " where m.artifact_id = a.id and m.thread_id = any({albums}))"
                )
                either = f"(a.thread_id = any({{threads}}) or {members})"
                where.add(either, threads=asked.threads, albums=asked.albums)
            else:
                where.add("a.thread_id = any({threads})", threads=asked.threads)
        if asked.participants is not None:
            of_people = "a.sender_handle = any({people}) or a.thread_id = any({threads})"
            values: dict[str, object] = {
                "people": asked.participants,
                "threads": list(self._person_threads),
            }
            if asked.own_devices:
                of_people += " or (a.is_me and a.device = any({own}))"
                values["own"] = asked.own_devices
            where.add(f"({of_people})", **values)
        if asked.senders is not None:
            where.add("a.sender_handle = any({senders})", senders=asked.senders)
        if asked.from_me:
            where.add("a.is_me")

    async def _fetch(
        self, found: Found, window: Window, *, limit: int, way: Way, after: TimePlace | None
    ) -> None:
        if window.how in {"within", "dated", "indexed"}:
            text, where = self._looked_up(window, limit=limit, way=way, after=after)
        else:
            text, where = self._read(window, limit=limit, way=way, after=after)
        packed = statement("search", "packed").format(hits=text)
        row = await self._connection.fetchrow(packed, *where.parameters)
        assert row is not None
        found.add(row)

    def _read(
        self, window: Window, *, limit: int, way: Way, after: TimePlace | None
    ) -> tuple[str, Conditions]:
        tables = Conditions()
        bounds, where, nearby, of_whom = (Conditions(tables.parameters) for _ in range(4))
        tables.add(f"a.shard = any(array[{slots(tables, window.shards)}])")
        query = self._query(where, self._match.tsquery)
        self._bounds(bounds, window, way, after)
        self._looked_for(where, query)
        if self._asked.lineage:
            see_once(where)
        if window.how == "narrow":
            self._of_whom(of_whom, is_read=self._is_narrow)
            if not self._is_narrow:
                self._bounds(nearby, window, way, after)
        text = statement("search", window.how).format(
            tables=tables,
            of_whom=of_whom,
            nearby=nearby,
            bounds=bounds,
            where=where,
            rank=self._rank(query),
            way=way,
            limit=where.parameter(limit),
            walked=where.parameter(SCANNED) if window.how == "walked" else "",
        )
        return text, where

    def _looked_up(
        self, window: Window, *, limit: int, way: Way, after: TimePlace | None
    ) -> tuple[str, Conditions]:
        outside = Conditions()
        asked = self._match.tsquery
        query = self._query(outside, asked) if self._is_ranked else ""
        self._bounds(outside, window, way, after)

        def look(table: str, shards: list[int], asked: str, marks: Marks | None = None) -> str:
            inside = Conditions(outside.parameters)
            if len(shards) >= self._tables * _MOST and marks is None:
                # Looking into all is quicker than looking for its table's number in every row.
                inside.add("true" if 0 in shards else "a.shard <> 0")
            elif shards:
                inside.add(f"a.shard = any(array[{slots(inside, shards)}])")
            if window.how != "indexed":
                self._bounds(inside, window, way, after)
            if marks is not None:
                self._ask_marks(inside, marks, asked)
            self._looked_for(inside, self._query(inside, asked) if marks is None else "", marks)
            searched = "a.search," if self._is_ranked else ""
            text = statement("search", "hits")
            return text.format(searched=searched, table=table, where=inside)

        marks = self._marks(window)
        listed = [number for number in window.shards if number]
        if self._expanded == asked and marks is None:
            hits = [look("artifact", window.shards, asked)]
        else:
            hits = []
            if listed and self._expanded is not None:
                hits.append(look("artifact", listed, self._expanded, marks))
            if len(listed) < len(window.shards):
                hits.append(look("artifact_0", [], asked))
        once = Conditions(outside.parameters)
        if self._asked.lineage:
            see_once(once)
        text = statement("search", "indexed once" if self._asked.lineage else "indexed").format(
            hits="\nunion all\n".join(hits),
            bounds=outside,
            once=once,
            rank=self._rank(query),
            way=way,
            limit=outside.parameter(limit),
        )
        return text, outside

    def _ask_marks(self, where: Conditions, marks: Marks, asked: str) -> None:
        for query in marks.queries:
            text = statement("search", marks.name)
            where.add(text.format(query=self._query(where, query)))
        if not marks.is_exact:
            where.add(statement("search", "matched").format(query=self._query(where, asked)))

    async def _fetch_marked(self, shards: Sequence[Shard]) -> Marked | None:
        query = self._expanded
        if query is None or self._match.mode != "words":
            return None
        pairs = pairs_of(query) if is_paired(shards) else []
        marks: list[str] = []
        if pairs:
            words = [list(side) for side in zip(*pairs, strict=True)]
            rows = await self._connection.fetch(statement("search", "pairs"), *words)
            marks = [row["mark"] for row in rows]
        return Marked(
            query,
            shards,
            pairs=marks,
            has_attachment=self._asked.has_attachment,
            has_link=self._asked.has_link,
        )

    def _marks(self, window: Window) -> Marks | None:
        if self._marked is None:
            return None
        return self._marked.of(
            window.since, window.until, window.shards, is_anytime=window.how != "dated"
        )

    @property
    def _is_ranked(self) -> bool:
        return bool(self._match.tsquery) and self._asked.sort == "relevance"

    def _rank(self, query: str) -> str:
        return f"ts_rank(a.search, {query}, 1)::float8" if self._is_ranked else "null::float8"

    @staticmethod
    def _query(where: Conditions, query: str) -> str:
        # As a type of its own: a text would be read anew for each row.
        return f"{where.parameter(query)}::tsquery" if query else ""


_LAST = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
