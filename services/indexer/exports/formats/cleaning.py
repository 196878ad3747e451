"""Text of phones and strangers as documents may hold it: without what a reader acts upon.

Every format passes through here what it did not write itself. Nothing that people can read is
taken away.
"""

from __future__ import annotations

import re

#: Control characters but for tab and line feed, halves of surrogate pairs, and what is no character
#: to XML.
_NEVER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: Whatever any reader of any format takes for the end of a line.
_LINE_ENDS = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
#: Marks that turn the direction of what is behind them, beyond their own text.
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SPACES = re.compile("[ \t]+")
#: What spreadsheets compute when a cell begins with it; the wide ones where people write Japanese.
_FORMULA = re.compile("[ \u00a0\u3000]*[=+\\-@|%\t\r\n\uff1d\uff0b\uff0d\uff20]")


def clean(text: str) -> str:
    """Return *text* with line feeds as its only line ends, and without control characters."""
    return _NEVER.sub("", _LINE_ENDS.sub("\n", text))


def one_line(text: str | None, *, most: int = 400) -> str:
    """Return *text* in one line, for headers, names and titles: at most *most* characters.

    It has no marks that turn directions: those would reach beyond the name.
    """
    if text is None:
        return ""
    # Somebody may have sent a novel.
    line = _LINE_ENDS.sub(" ", text[: most * 4])
    line = _SPACES.sub(" ", _DIRECTIONS.sub("", _NEVER.sub("", line))).strip()
    return line if len(line) <= most else line[: most - 1].rstrip() + "\u2026"


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take a cell for something to compute."""
    return _FORMULA.match(text) is not None
