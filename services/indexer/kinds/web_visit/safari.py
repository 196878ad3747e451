"""Safari's History.db (iOS 8 and later) and History.plist (before).

Sources: the stores of iOS 14 to 18 and macOS 10.11 to 26, which have the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from services.indexer.kinds.database import Database
from services.indexer.kinds.keyed_archive import load_plist
from services.indexer.kinds.phone_time import utc
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, key_of, walk
from services.indexer.kinds.rows_by_number import rows_by_number
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.values import flag_of, float_of, int_of, text_of
from services.indexer.kinds.web import (
    LONGEST_URL,
    read_address,
    safari_microseconds,
    search_lines,
    title_of,
)
from services.indexer.kinds.web_visit.payload import WebVisitPayload
from services.indexer.kinds.web_visit.visit import Browser, visit_artifact
from services.indexer.staging import StagedArtifact

#: When something happened in microseconds since 1970, and what makes its artifact.
Item = tuple[int, Callable[[], StagedArtifact | None]]

_VISITS = (
    "id", "history_item", "visit_time", "title", "load_successful", "http_non_get", "synthesized",
    "redirect_source", "redirect_destination", "origin",
)  # fmt: skip
#: Both kinds of dates in one order.
_BY_TIME = "visit_time - 978307200 * (visit_time > 978307200)"
_BATCH = 500
_MOST_TOPICS = 20
_MOST_TOPIC_ROWS = 200_000
_ORIGINS = {0: "this_device", 1: "icloud"}
#: The largest History.plist; the phone kept a thousand pages in one.
_LARGEST_PLIST = 8 * 1024 * 1024


class SafariHistory:
    """One History.db."""

    def __init__(self, database: Database, browser: Browser, tally: Tally) -> None:
        """Raises UnsupportedStoreError when there is no table of visits."""
        if not {"visit_time", "history_item"} <= database.columns("history_visits"):
            raise UnsupportedStoreError("The database has no table of visits.")
        self._database = database
        self._browser = browser
        self._tally = tally
        self._topics = self._read_topics()

    def visits(self) -> Iterator[Item]:
        """Yield all visits in the order of time."""
        rows = rows_in_order(self._database, "history_visits", _VISITS, self._tally, by=_BY_TIME)
        while batch := list(islice(rows, _BATCH)):
            yield from self._batch(batch)

    def _batch(self, rows: list[Record]) -> Iterator[Item]:
        database, tally = self._database, self._tally
        near = [row[name] for row in rows for name in ("redirect_source", "redirect_destination")]
        others = rows_by_number(database, "history_visits", ("history_item",), near, tally)
        pages = [row["history_item"] for row in (*rows, *others.values())]
        items = rows_by_number(database, "history_items", ("url",), pages, tally)

        def url_of(visit: object) -> str | None:
            other = others.get(visit) if isinstance(visit, int) else None
            item = None if other is None else items.get(other["history_item"])
            url = None if item is None else text_of(item["url"])
            return None if url is None else url[:LONGEST_URL]

        for row in rows:
            at_us = safari_microseconds(row["visit_time"])
            item = items.get(row["history_item"]) if type(row["history_item"]) is int else None
            yield (
                at_us or 0,
                partial(
                    self._visit,
                    row,
                    at_us,
                    None if item is None else item["url"],
                    (url_of(row["redirect_source"]), url_of(row["redirect_destination"])),
                ),
            )

    def _visit(
        self, row: Record, at_us: int | None, url: object, near: tuple[str | None, str | None]
    ) -> StagedArtifact | None:
        address = read_address(url)
        if address is None:
            self._tally.note("A visit to a page that the history does not name was left out.")
            return None
        if at_us is None:
            self._tally.note("A visit has no date that can be read.")
        origin = int_of(row["origin"])
        return visit_artifact(
            self._browser,
            address,
            title_of(row["title"]),
            at_us=at_us,
            said_at=row["visit_time"],
            origin=None if origin is None else _ORIGINS.get(origin),
            redirected_from=near[0],
            redirected_to=near[1],
            has_failed=row["load_successful"] == 0,
            is_form=flag_of(row["http_non_get"]),
            is_synthesized=flag_of(row["synthesized"]),
            topics=self._topics.get(row["history_item"], ()),
            raw={} if origin is None or origin in _ORIGINS else {"origin": origin},
        )

    def _read_topics(self) -> dict[object, tuple[str, ...]]:
        rest = f"limit {_MOST_TOPIC_ROWS}"
        tags = {
            row["id"]: name
            for row in walk(self._database, "history_tags", ("id", "title"), self._tally, rest=rest)
            if (name := title_of(row["title"])) is not None
        }
        found: dict[object, tuple[str, ...]] = {}
        if not tags:
            return found
        rest = f"order by rowid limit {_MOST_TOPIC_ROWS}"
        columns = ("history_item", "tag_id")
        for row in walk(self._database, "history_items_to_tags", columns, self._tally, rest=rest):
            name = tags.get(row["tag_id"])
            names = found.get(row["history_item"], ())
            if name is not None and name not in names and len(names) < _MOST_TOPICS:
                found[row["history_item"]] = (*names, name)
        return found

    def cleared(self) -> Iterator[Item]:
        """Yield what was cleared, in the order of time."""
        columns = ("start_time", "end_time", "url")
        table = "history_tombstones"
        if "end_time" not in self._database.columns(table):
            return
        for row in rows_in_order(self._database, table, columns, self._tally, by="end_time"):
            yield safari_microseconds(row["end_time"]) or 0, partial(self._tombstone, row)

    def _tombstone(self, row: Record) -> StagedArtifact:
        start_us = safari_microseconds(row["start_time"])
        end_us = safari_microseconds(row["end_time"])
        address = read_address(row["url"])
        return StagedArtifact(
            key=key_of(
                self._browser.key, "cleared", row["start_time"], row["end_time"], row["url"]
            ),
            thread_key=self._browser.key,
            occurred_at_us=end_us,
            title="History cleared" if address is None else "Page cleared from the history",
            text="\n".join(search_lines(address)) or None if address else None,
            payload=WebVisitPayload(
                type="cleared",
                app="safari",
                profile=self._browser.profile,
                profile_key=self._browser.profile_key,
                url=None if address is None else address.url,
                is_url_cut=address is not None and address.is_cut,
                host=None if address is None else address.host,
                cleared_from=utc(start_us),
                cleared_to=utc(end_us),
            ),
        )


def old_visits(path: Path, browser: Browser, tally: Tally) -> Iterator[Item]:
    """Yield the pages of a History.plist, which knows the last visit of each.

    Raises UnsupportedStoreError.
    """
    if path.stat().st_size > _LARGEST_PLIST:
        raise UnsupportedStoreError("The property list is damaged or larger than any phone's.")
    plist = load_plist(path.read_bytes())
    pages = plist.get("WebHistoryDates") if isinstance(plist, dict) else None
    if not isinstance(pages, list):
        raise UnsupportedStoreError("The property list is damaged or larger than any phone's.")
    found = []
    for page in pages:
        if isinstance(page, dict):
            seconds = float_of(page.get("lastVisitedDate"))
            found.append((safari_microseconds(seconds), page))
        else:
            tally.skipped += 1
    found.sort(key=lambda one: one[0] or 0)
    for at_us, page in found:
        yield at_us or 0, partial(_old_visit, browser, page, at_us)


def _old_visit(browser: Browser, page: Record, at_us: int | None) -> StagedArtifact | None:
    # The address stands under a key without a name.
    address = read_address(page.get(""))
    if address is None:
        return None
    redirects = page.get("redirectURLs")
    last = redirects[0] if isinstance(redirects, list) and redirects else None
    redirected = read_address(last)
    return visit_artifact(
        browser,
        address,
        title_of(page.get("title")) or title_of(page.get("displayTitle")),
        at_us=at_us,
        said_at=page.get("lastVisitedDate"),
        redirected_from=None if redirected is None else redirected.url,
        has_failed=flag_of(page.get("lastVisitWasFailure")),
        is_form=flag_of(page.get("lastVisitWasHTTPNonGet")),
        visit_count=int_of(page.get("visitCount")),
    )
