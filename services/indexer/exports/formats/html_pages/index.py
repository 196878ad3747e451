"""``index.html``: what the export is, of which phones, and the way to every page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from html import escape

import msgspec

from services.indexer.exports.formats.html_pages.page import Page
from services.indexer.exports.formats.html_pages.text import (
    count,
    plain,
    relative,
    short_day,
    time,
    when,
)
from services.indexer.exports.formats.protocol import About


class Written(msgspec.Struct, kw_only=True):
    """A page that is written."""

    path: str
    items: int = 0
    first_at: dt.datetime | None = None
    last_at: dt.datetime | None = None


class Entry(msgspec.Struct, kw_only=True):
    """A thread, or what of a kind is in none, with its pages."""

    kind: str
    title: str
    about: str
    phones: str
    pages: list[Written]

    @property
    def items(self) -> int:
        """How many things there are on all pages."""
        return sum(page.items for page in self.pages)


def write_index(page: Page, about: About, entries: Iterable[Entry]) -> None:
    """Write the whole of it."""
    by_kind: dict[str, list[Entry]] = {}
    for entry in entries:
        by_kind.setdefault(entry.kind, []).append(entry)
    page.write('<main>\n<div class="hero"><h1>Taken out of Keepsake</h1>')
    page.write(f"<p>{_phones(about)}</p>")
    made = about.made_at.astimezone(about.zone)
    page.write(f"<p>Made on {time(made, when(made))}. Times are those of {zone_name(about)}.</p>")
    asked = _asked(about.query)
    files = "" if about.include_media else ", without files"
    page.write(f"<p>Asked for: {asked}{files}.</p></div>")
    if not by_kind:
        page.write("<p>Nothing fits what was asked for.</p>")
    several = len(about.devices) > 1
    for kind, listed in by_kind.items():
        total = sum(entry.items for entry in listed)
        title = about.kind_titles.get(kind, kind)
        page.write(
            f'<section class="kind"><h2>{plain(title)} <small>{amount(kind, total)}</small></h2>'
            '<ul class="threads">\n'
        )
        for entry in listed:
            page.write(_line(entry, about, says_phone=several))
        page.write("</ul></section>\n")


def amount(kind: str, number: int) -> str:
    """Return how many things there are, in words that fit their kind."""
    if kind in ("message", "whatsapp"):
        return count(number, "message")
    return count(number, "entry", "entries")


def zone_name(about: About) -> str:
    """Return the time zone as pages name it."""
    return plain(about.time_zone)


def span(pages: Iterable[Written], zone: dt.tzinfo) -> str:
    """Return the first and the last day, nothing where no time is known."""
    moments = [moment for page in pages for moment in (page.first_at, page.last_at) if moment]
    if not moments:
        return ""
    first, last = (short_day(moment.astimezone(zone)) for moment in (min(moments), max(moments)))
    return first if first == last else f"{first} \u2013 {last}"


def _line(entry: Entry, about: About, *, says_phone: bool) -> str:
    phone = f" \u00b7 {plain(entry.phones)}" if says_phone else ""
    subtitle = f"<small>{entry.about}{phone}</small>"
    line = (
        f'<li><a href="{relative(entry.pages[0].path, depth=0)}" dir="auto">'
        f"{plain(entry.title, most=160) or 'Untitled'}</a>"
        f"<small>{amount(entry.kind, entry.items)}</small>"
        f"{subtitle}<small>{span(entry.pages, about.zone)}</small>"
    )
    if len(entry.pages) > 1:
        links = "".join(
            f'<a href="{relative(one.path, depth=0)}">'
            f"{number}: {span([one], about.zone) or amount(entry.kind, one.items)}</a> "
            for number, one in enumerate(entry.pages, 1)
        )
        line += f'<div class="pages">{links}</div>'
    return line + "</li>\n"


def _phones(about: About) -> str:
    shown = []
    for device in about.devices:
        taken = ""
        if device.taken_at is not None:
            at = device.taken_at.astimezone(about.zone)
            taken = f", backed up on {time(at, when(at))}"
        model = f" ({plain(device.model)})" if device.model else ""
        shown.append(f"<b>{plain(device.name or device.udid)}</b>{model}{taken}")
    return "<br>".join(shown)


def _asked(query: Mapping[str, object]) -> str:
    if not query:
        return "everything"
    said = []
    for name, value in query.items():
        if isinstance(value, list):
            more = [" \u2026"] if len(value) > 10 else []
            text = ", ".join([*(str(one) for one in value[:10]), *more])
        else:
            text = str(value)
        said.append(f"{escape(name.replace('_', ' '))} <b>{plain(text)}</b>")
    return ", ".join(said)
