"""HTML: pages that open in any browser, from any disk, today and in thirty years.

A page per thread, split where it would be too long, and ``index.html`` that leads to all of them.
Everything a page needs is in it or beside it; nothing runs, nothing is fetched.
"""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from typing import ClassVar

from services.indexer.exports.formats.html_pages.bubbles import KINDS, Conversation
from services.indexer.exports.formats.html_pages.cards import show_card
from services.indexer.exports.formats.html_pages.index import (
    Entry,
    Written,
    amount,
    write_index,
    zone_name,
)
from services.indexer.exports.formats.html_pages.page import Page
from services.indexer.exports.formats.html_pages.text import day, plain, relative
from services.indexer.exports.formats.protocol import About, Format, Group, Item, Output
from shared.member_names import name_part

#: More than this a browser does not like to lay out at once.
PAGE_ITEMS = 5000
#: A long thread begins a page with each year, if the last one has as much as this.
_YEAR_ITEMS = 1000
_DEPTH = 2
_MOST_PARTICIPANTS = 12
_UNKNOWN = "Without a date"


class HtmlPages(Format):
    """The format ``html``."""

    name: ClassVar[str] = "html"

    def __init__(self, output: Output, about: About) -> None:
        super().__init__(output, about)
        # The first to be claimed: nothing of a phone can take its place.
        self._index = output.name("index.html")
        self._entries: list[Entry] = []
        self._open = ExitStack()
        self._page: Page | None = None
        self._group: Group | None = None
        self._conversation: Conversation | None = None
        self._entry: Entry | None = None
        self._day = ""

    def begin_group(self, group: Group) -> None:
        """Remember the group; its first page is opened by its first item."""
        self._group = group
        self._conversation = Conversation(group, self.about.zone) if group.kind in KINDS else None
        self._entry = Entry(
            kind=group.kind,
            title=group.title,
            about=_participants(group),
            phones=group.phones,
            pages=[],
        )

    def add(self, item: Item) -> str | None:
        """Write *item*, on a new page where that begins."""
        assert self._entry is not None
        at = item.artifact.occurred_at
        local = None if at is None else at.astimezone(self.about.zone)
        pages = self._entry.pages
        page = self._page
        path = pages[-1].path if page is not None else self._name()
        if page is not None and self._is_full(local):
            path = self._name()
            page = None
        today = _UNKNOWN if local is None else day(local)
        is_new_day = page is None or today != self._day
        if is_new_day and self._conversation is not None:
            self._conversation.new_day()
        # Nothing is written before all of the item could be put together.
        shown = self._show(item, path.rpartition("/")[2])
        if page is None:
            page = self._turn(path)
        if is_new_day and (local is not None or self._conversation is not None):
            page.write(f'<h2 class="day">{today}</h2>\n')
        self._day = today
        page.write(shown)
        pages[-1].items += 1
        if at is not None:
            pages[-1].first_at = pages[-1].first_at or at
            pages[-1].last_at = at
        return None

    def end_group(self) -> None:
        """Close the last page."""
        assert self._entry is not None
        self._close(following=None)
        if self._entry.pages:
            self._entries.append(self._entry)

    def end(self) -> None:
        """Write the index."""
        with self.output.member(self._index) as sink:
            page = Page(sink, title="Taken out of Keepsake", depth=0)
            write_index(page, self.about, self._entries)
            page.end("<code>SHA256SUMS</code> proves every file: <code>sha256sum -c</code>.")

    def _show(self, item: Item, page: str) -> str:
        if self._conversation is not None:
            return self._conversation.show(item, page=page, depth=_DEPTH)
        return show_card(item, zone=self.about.zone, depth=_DEPTH)

    def _is_full(self, local: dt.datetime | None) -> bool:
        assert self._entry is not None
        assert self._group is not None
        last = self._entry.pages[-1]
        if last.items >= PAGE_ITEMS:
            return True
        if self._group.total <= PAGE_ITEMS or last.items < _YEAR_ITEMS or local is None:
            return False
        before = last.last_at
        return before is not None and before.astimezone(self.about.zone).year != local.year

    def _name(self) -> str:
        assert self._entry is not None
        number = len(self._entry.pages) + 1
        title = name_part(self._entry.title, most_bytes=120)
        suffix = f" - {number}" if number > 1 else ""
        return self.output.name(f"pages/{self._entry.kind}/{title}{suffix}.html")

    def _turn(self, path: str) -> Page:
        """Close the page that is open, if one is, and open the next one."""
        assert self._entry is not None
        assert self._group is not None
        self._close(following=path)
        number = len(self._entry.pages) + 1
        before = self._entry.pages[-1].path if self._entry.pages else None
        sink = self._open.enter_context(self.output.member(path))
        page = Page(sink, title=self._group.title, depth=_DEPTH)
        about = [self._entry.about] if self._entry.about else []
        about.append(amount(self._group.kind, self._group.total))
        if number > 1:
            about.append(f"page {number}")
        about.append(f"times of {zone_name(self.about)}")
        page.top(self._group.title, " \u00b7 ".join(about))
        page.write(self._way(before, None))
        self._entry.pages.append(Written(path=path))
        self._page = page
        return page

    def _close(self, *, following: str | None) -> None:
        if self._page is None:
            return
        assert self._entry is not None
        before = self._entry.pages[-2].path if len(self._entry.pages) > 1 else None
        self._page.write(self._way(before, following))
        self._page.end("Taken out of Keepsake.")
        self._page = None
        self._open.close()

    def _way(self, before: str | None, following: str | None) -> str:
        back = f'<a href="{relative(self._index, depth=_DEPTH)}">All threads</a>'
        left = f'<a href="{relative(before, depth=_DEPTH)}">\u2190 Earlier</a>' if before else ""
        right = (
            f'<a href="{relative(following, depth=_DEPTH)}">Later \u2192</a>' if following else ""
        )
        return f'<nav class="way"><span>{left}</span>{back}<span>{right}</span></nav>\n'


def _participants(group: Group) -> str:
    thread = group.thread
    if thread is None:
        return ""
    names = [one.name or one.handle for one in thread.participants]
    if not thread.is_group and names == [group.title]:
        names = [one.handle for one in thread.participants if one.name]
    more = len(names) - _MOST_PARTICIPANTS
    shown = ", ".join(f"<bdi>{plain(name, most=60)}</bdi>" for name in names[:_MOST_PARTICIPANTS])
    return f"{shown} and {more} others" if more > 0 else shown


FORMAT = HtmlPages
