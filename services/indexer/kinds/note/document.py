"""What a note says, in lines with spans of text, without any markup of the phone.

What is read becomes this; HTML and Markdown are written from it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Form = Literal[
    "body", "title", "heading", "subheading", "monospaced", "dotted", "dashed", "numbered", "check"
]
Align = Literal["center", "right", "justify"]
#: What a span is when it is more than text.
Role = Literal["mention", "hashtag", "calculation"]

LISTS: frozenset[Form] = frozenset({"dotted", "dashed", "numbered", "check"})
HEADINGS: dict[Form, int] = {"title": 1, "heading": 2, "subheading": 3}


class Look(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a span looks. ``color`` is ``#rrggbb``, ``link`` is a safe address."""

    bold: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    #: Above zero: raised; below: lowered.
    script: int = 0
    color: str | None = None
    highlight: str | None = None
    link: str | None = None
    role: Role | None = None


PLAIN = Look()


class Span(msgspec.Struct, frozen=True, gc=False):
    """Some text that looks alike, or in its place the part with this number."""

    text: str
    look: Look = PLAIN
    part: int | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A paragraph; every list item is one."""

    spans: tuple[Span, ...]
    form: Form = "body"
    align: Align | None = None
    indent: int = 0
    is_quote: bool = False
    #: Of a checklist.
    is_done: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to be seen."""
        return not any(span.part is not None or span.text.strip() for span in self.spans)


#: The cells of a table, row by row; each is lines.
Table = tuple[tuple[tuple[Line, ...], ...], ...]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a note in the place of a part: a table, or a caption for a file or a link."""

    #: One of the words for parts, never a phone's own.
    kind: str = "file"
    table: Table | None = None
    caption: str | None = None
    link: str | None = None
    is_picture: bool = False


def text_of_lines(lines: tuple[Line, ...], shown: dict[int, Shown] | None = None) -> str:
    """Return the words of *lines* as plain text, tables with tabs, files by their names."""
    return "\n".join(_text(line, shown or {}) for line in lines)


def _text(line: Line, shown: dict[int, Shown]) -> str:
    pieces: list[str] = []
    for span in line.spans:
        if span.part is None:
            pieces.append(span.text)
            continue
        part = shown.get(span.part)
        words = None if part is None else _words(part)
        if not words:
            continue
        # A table or a file stands on lines of its own.
        if pieces and not pieces[-1].endswith("\n"):
            pieces.append("\n")
        pieces += [words, "\n"]
    text = "".join(pieces)
    return text.removesuffix("\n") if line.spans and line.spans[-1].part is not None else text


def _words(part: Shown) -> str | None:
    if part.table is None:
        return part.caption
    return "\n".join(
        "\t".join(text_of_lines(cell).replace("\n", " ") for cell in row) for row in part.table
    )
