"""Search over everything indexed."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import Response, get
from litestar.params import FromQuery, QueryParameter

from gateway.authentication import needs
from gateway.moments import parse_moment
from gateway.parameters import (
    PROBLEMS,
    Cursor,
    KindQuery,
    Limit,
    Lineage,
    PersonQuery,
    Removed,
    UdidQuery,
    passed_through,
)
from gateway.parts import GivenParts
from shared.contracts.identifiers import ThreadId, Udid
from shared.contracts.indexer import Search, SearchPage
from shared.contracts.requests import DEFAULT_LIMIT

_SEARCH_SECONDS = 30.0


@get("/api/search", opt=needs("read"), responses=PROBLEMS, tags=["search"])
async def search(
    *,
    parts: GivenParts,
    q: Annotated[
        str,
        QueryParameter(
            max_length=1000,
            description='Words, prefix*, *part, "a phrase", -without, and filters: from: with: in: '
            "kind: has: is: device: after: before: on:",
        ),
    ] = "",
    device: UdidQuery = None,
    kind: KindQuery = None,
    thread: Annotated[str | None, QueryParameter(pattern=r"^[0-9]{1,19}$")] = None,
    person: PersonQuery = None,
    since: Annotated[str | None, QueryParameter(name="from", max_length=40)] = None,
    until: Annotated[str | None, QueryParameter(name="to", max_length=40)] = None,
    has: FromQuery[Literal["attachment", "link"] | None] = None,
    removed: Removed = "exclude",
    lineage: Lineage = False,
    sort: FromQuery[Literal["relevance", "newest", "oldest"]] = "relevance",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[SearchPage]:
    """Find artifacts by their words, with snippets and facets.

    Total and facets count the first 1,001 hits at most: the newest, with `sort=oldest` the oldest.
    `total_is_exact` says whether these are all.
    """
    return passed_through(
        await parts.bus.request_bytes(
            Search(
                q=q,
                device=Udid(device.upper()) if device else None,
                kind=kind,
                thread=ThreadId(thread) if thread else None,
                person=person,
                since=parse_moment(since, "from"),
                until=parse_moment(until, "to", end_of_day=True),
                has=has,
                removed=removed,
                lineage=lineage,
                sort=sort,
                limit=limit,
                cursor=cursor,
            ),
            timeout_seconds=_SEARCH_SECONDS,
        )
    )


HANDLERS = (search,)
