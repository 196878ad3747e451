"""One page, written from its head to its foot."""

from __future__ import annotations

from html import escape

from services.indexer.exports.formats.html_pages.style import POLICY, SHEET
from services.indexer.exports.formats.html_pages.text import plain
from services.indexer.exports.formats.protocol import Sink


class Page:
    """A page that is open."""

    def __init__(self, sink: Sink, *, title: str, depth: int) -> None:
        """Begin a page that lies *depth* folders below the index."""
        self.depth = depth
        self._sink = sink
        self.write(
            "<!doctype html>\n"
            '<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            '<meta name="referrer" content="no-referrer">'
            '<meta name="robots" content="noindex">'
            f"<title>{plain(title, most=200)}</title>"
            f"<style>{SHEET}</style></head>\n<body>\n"
        )

    def top(self, title: str, about: str) -> None:
        """Write the bar at the top; *about* is HTML already."""
        self.write(
            f'<header class="top"><div><h1 dir="auto">{plain(title, most=200)}</h1>'
            f"<p>{about}</p></div></header>\n<main>\n"
        )

    def write(self, html: str) -> None:
        """Append *html*."""
        self._sink.write(html.encode("utf-8", "replace"))

    def end(self, foot: str) -> None:
        """Close the page; *foot* is HTML already."""
        self.write(f"</main>\n<footer>{foot}</footer>\n</body></html>\n")
