"""Addresses and dates as browsers keep them, for every kind that has to do with the web."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from services.indexer.kinds.phone_time import cocoa_microseconds, unix_microseconds
from services.indexer.kinds.values import text_of

#: Browsers keep whole pictures as addresses (``data:``); no server takes longer ones.
LONGEST_URL = 16_384
#: Titles of pages are a line; some hold whole articles.
LONGEST_TITLE = 4_096
_LONGEST_QUERY = 2_000
#: Where Cocoa's dates reach this, the year is 2032; Safari's newest stores hold Unix dates.
_UNIX_FROM = 978_307_200
_QUERY_NAMES = ("q", "query", "p", "text", "wd", "search_query")
#: Search engines by a label of their host's name.
_ENGINES = frozenset(
    {"google", "bing", "duckduckgo", "yahoo", "ecosia", "startpage", "qwant", "baidu", "yandex",
     "brave", "kagi", "youtube"}
)  # fmt: skip


class Address(NamedTuple):
    """An address of the web with the name of its host."""

    url: str
    host: str | None
    #: Whether ``url`` is only the beginning.
    is_cut: bool


def read_address(value: object) -> Address | None:
    """Return the address that a cell holds, or None."""
    url = text_of(value)
    if url is None:
        return None
    try:
        host = urlsplit(url[:LONGEST_URL]).hostname
    except ValueError:
        host = None
    return Address(url[:LONGEST_URL], host or None, len(url) > LONGEST_URL)


def title_of(value: object) -> str | None:
    """Return a page's title, or None."""
    title = text_of(value)
    return None if title is None else title[:LONGEST_TITLE]


def search_query(address: Address) -> str | None:
    """Return what was asked of a search engine, if the address is one's answer."""
    if address.host is None or _ENGINES.isdisjoint(address.host.split(".")):
        return None
    try:
        query = urlsplit(address.url).query
        asked = dict(parse_qsl(query, max_num_fields=100))
    except ValueError:
        return None
    words = next((asked[name] for name in _QUERY_NAMES if asked.get(name)), None)
    return text_of(words[:_LONGEST_QUERY]) if words else None


def search_lines(address: Address) -> list[str]:
    """Return the address as it may be looked for: as it is, and with its letters decoded."""
    if address.url.startswith("data:"):
        return []
    lines = [address.url]
    if "%" in address.url or "+" in address.url:
        lines.append(unquote_plus(address.url, errors="replace"))
    if address.host and "xn--" in address.host:
        with contextlib.suppress(UnicodeError):
            lines.append(address.host.encode("ascii").decode("idna"))
    return lines


def safari_microseconds(value: object) -> int | None:
    """Return microseconds since 1970 of a date in Safari's stores: Cocoa seconds, or Unix ones."""
    if isinstance(value, int | float) and value > _UNIX_FROM:
        return unix_microseconds(value)
    return cocoa_microseconds(value)


def plist_microseconds(value: object) -> int | None:
    """Return microseconds since 1970 of a date in a property list, or a number of seconds."""
    if isinstance(value, dt.datetime):
        at = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value
        return unix_microseconds(at.timestamp())
    return safari_microseconds(value)
