"""Text of strangers as HTML: escaped, with links where they can be meant as such."""

from __future__ import annotations

import datetime as dt
import re
from html import escape
from urllib.parse import quote

from services.indexer.exports.formats.cleaning import clean, one_line

#: Addresses of the web as people write them; what follows a sentence is not part of one.
_LINK = re.compile(r"https?://[^\s<>\"'\u2028\u2029]{1,2000}", re.IGNORECASE)
_AFTER = ".,;:!?)]}\u2019\u201d\u00bb"
_REL = 'rel="noopener noreferrer nofollow"'
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


def plain(text: str | None, *, most: int = 400) -> str:
    """Return one line of text, for names and titles, cut and escaped."""
    return escape(one_line(text, most=most))


def lines(text: str) -> str:
    """Return text with its line ends, and with links where it has addresses."""
    out: list[str] = []
    end = 0
    text = clean(text)
    for match in _LINK.finditer(text):
        address = match[0].rstrip(_AFTER)
        out += [escape(text[end : match.start()]), link(address, address)]
        end = match.start() + len(address)
    out.append(escape(text[end:]))
    return "".join(out).replace("\n", "<br>")


def link(address: str, shown: str) -> str:
    """Return a link to the web; just text for an address of any other kind."""
    if not _LINK.fullmatch(address):
        return escape(shown)
    return f'<a href="{escape(address)}" {_REL}>{escape(shown)}</a>'


def relative(path: str, *, depth: int) -> str:
    """Return a member's path as an address from a page that lies *depth* folders down."""
    return escape("../" * depth + "/".join(quote(part) for part in path.split("/")))


def day(moment: dt.datetime) -> str:
    """Return ``Saturday, 20 July 2024``."""
    month = _MONTHS[moment.month - 1]
    return f"{_WEEKDAYS[moment.weekday()]}, {moment.day} {month} {moment.year}"


def short_day(moment: dt.datetime) -> str:
    """Return ``20 Jul 2024``."""
    return f"{moment.day} {_MONTHS[moment.month - 1][:3]} {moment.year}"


def clock(moment: dt.datetime) -> str:
    """Return ``09:04``."""
    return f"{moment:%H:%M}"


def when(moment: dt.datetime) -> str:
    """Return ``20 Jul 2024, 09:04``."""
    return f"{short_day(moment)}, {clock(moment)}"


def time(moment: dt.datetime, shown: str) -> str:
    """Return a ``time`` element."""
    return (
        f'<time datetime="{moment.isoformat(timespec="seconds")}"'
        f' title="{when(moment)}:{moment:%S}">{shown}</time>'
    )


def count(number: int, one: str, several: str | None = None) -> str:
    """Return ``1 thing`` or ``1,204 things``."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
