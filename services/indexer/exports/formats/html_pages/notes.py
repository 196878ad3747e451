"""Notes with what they look like, and with the pictures in their places.

Their HTML was made safe when they were read (``as_html``). Here it is read again, and only what is
known is written.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from typing import Any

from services.indexer.exports.formats.html_pages.files import show_file
from services.indexer.exports.formats.html_pages.text import lines
from services.indexer.exports.formats.protocol import Item

_TAGS = frozenset(
    {
        *("a", "blockquote", "em", "figcaption", "figure", "font", "h1", "h2", "h3", "li", "mark"),
        *("ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "tr", "u"),
        "ul",
    }
)
_VOID = frozenset({"br", "input"})
_CLASS = re.compile(r"[a-z_]{1,30}(?: [a-z_]{1,30})*")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:)[^\s\"'<>]{1,2000}", re.IGNORECASE)
_MOST_DEPTH = 200


def show_note(item: Item, *, depth: int) -> tuple[str, set[int]]:
    """Return the body of a note, and the numbers of the files that are shown in it."""
    payload = item.artifact.payload
    html = payload.get("html")
    if not isinstance(html, str):
        text = item.artifact.text
        if payload.get("content") == "locked":
            return "<p><em>This note is locked with a passphrase of its own.</em></p>", set()
        return (f"<p>{lines(text)}</p>" if text else "", set())
    writer = _Writer(item, depth)
    writer.feed(html)
    writer.close()
    cut = "<p><em>The note is longer than this.</em></p>" if payload.get("is_cut") else ""
    return f'<div class="note" dir="auto">{writer.finish()}{cut}</div>', writer.shown


class _Writer(HTMLParser):
    def __init__(self, item: Item, depth: int) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: set[int] = set()
        self._item = item
        self._depth = depth
        self._out: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _VOID:
            self._out.append(_void(tag, given))
        elif tag in _TAGS and len(self._open) < _MOST_DEPTH:
            self._open.append(tag)
            self._out.append(f"<{tag}{_attributes(tag, given)}>")
            if tag == "figure":
                self._out.append(self._part(given.get("data-part", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._open:
            return
        while self._open:
            last = self._open.pop()
            self._out.append(f"</{last}>")
            if last == tag:
                return

    def handle_data(self, data: str) -> None:
        self._out.append(escape(data))

    def finish(self) -> str:
        self._out += [f"</{tag}>" for tag in reversed(self._open)]
        return "".join(self._out)

    def _part(self, number: str) -> str:
        parts = self._item.artifact.payload.get("parts")
        if not number.isdigit() or not isinstance(parts, list) or int(number) >= len(parts):
            return ""
        files = parts[int(number)].get("files") if isinstance(parts[int(number)], dict) else None
        numbers = [n for one in files or () if isinstance(n := _number(one), int)]
        have = [n for n in numbers if n < len(self._item.artifact.attachments)]
        if not have:
            return ""
        # What was put there comes first, what the phone made of it stands for its picture.
        self.shown.update(have)
        preview = have[-1] if len(have) > 1 else None
        return show_file(self._item, have[0], depth=self._depth, preview=preview)


def _number(file: Any) -> Any:
    return file.get("n") if isinstance(file, dict) else None


def _void(tag: str, given: dict[str, str]) -> str:
    if tag == "br":
        return "<br>"
    return f'<input type="checkbox" disabled{" checked" if "checked" in given else ""}>'


def _attributes(tag: str, given: dict[str, str]) -> str:
    out = ""
    if _CLASS.fullmatch(given.get("class", "")):
        out += f' class="{given["class"]}"'
    if tag == "font" and _COLOR.fullmatch(given.get("color", "")):
        out += f' color="{given["color"]}"'
    if tag == "a" and _ADDRESS.fullmatch(given.get("href", "")):
        out += f' href="{escape(given["href"])}" rel="noopener noreferrer nofollow"'
    return out
