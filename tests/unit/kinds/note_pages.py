"""What a page may hold of a note: the list that HTML of notes is held against."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_TAGS = frozenset(
    {
        "a", "blockquote", "br", "em", "figcaption", "figure", "font", "h1", "h2", "h3", "input",
        "li", "mark", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody",
        "td", "tr", "u", "ul",
    }
)  # fmt: skip
_VOID = {"br", "input"}
_ATTRIBUTES = {
    "a": {
        "href": re.compile(r"(https?|mailto|tel|applenotes|x-[a-z0-9][a-z0-9+.-]*):[^\s<>\"'`\\]+",
                           re.IGNORECASE),
        "rel": re.compile("noopener noreferrer nofollow"),
    },
    "figure": {"data-part": re.compile(r"\d+"), "class": re.compile("[a-z]+")},
    "font": {"color": re.compile("#[0-9a-f]{6}")},
    "input": {"type": re.compile("checkbox"), "disabled": None, "checked": None},
    "li": {}, "ol": {}, "p": {"class": re.compile("center|right|justify")},
    "mark": {"class": re.compile("purple|pink|orange|mint|blue|other")},
    "span": {"class": re.compile("mention|hashtag|calculation")},
    "ul": {"class": re.compile("dashed|checklist")},
    **{f"h{n}": {"class": re.compile("center|right|justify")} for n in (1, 2, 3)},
}  # fmt: skip


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS, tag
        allowed = _ATTRIBUTES.get(tag, {})
        for name, value in attrs:
            assert name in allowed, (tag, name)
            pattern = allowed[name]
            assert value is None if pattern is None else pattern.fullmatch(value or ""), value
        assert len({name for name, _ in attrs}) == len(attrs)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without its beginning"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("an instruction")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError("a declaration")


def check_page(html: str) -> str:
    """Return the text of *html*, which holds nothing but what it may, and is closed everywhere."""
    page = _Page()
    page.feed(html)
    page.close()
    assert page.open == []
    return "".join(page.text)
