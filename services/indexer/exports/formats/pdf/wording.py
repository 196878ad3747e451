"""Text as lines of a document can hold it, and dates and sizes in words."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata

#: Words that no line holds: addresses of pages, and what has no spaces at all. They are told where
#: they may break; Typst panics over a line of 64 KiB.
_LONG_WORDS = re.compile(r"[\x21-\x7e]{40,}|[^ \n\t]{200,}")
_PIECES = re.compile(r".{1,24}")
_BREAK = "\u200b"
#: Marks above and below one letter: beyond so many they are a joke that readers of PDFs refuse.
_MARKS = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_MOST_MARKS = 16
_HEAPS = re.compile(f"({_MARKS}{{{_MOST_MARKS}}})({_MARKS}+)")
#: Marks that turn directions; Typst panics where more than a hundred of them are open at once.
_TURNS = re.compile("[\u202a-\u202c\u2066-\u2069]")
_MOST_TURNS = 100
_TURNED = frozenset({"R", "AL"})
_STRONG = _TURNED | {"L"}
#: Marks that force a direction upon letters: what is read would not be what was written.
_FORCED = {ord("\u202d"): "[U+202D]", ord("\u202e"): "[U+202E]"}


def cleared(text: str) -> str:
    """Return *text* with forced directions and heaps of marks told instead of drawn."""
    text = text.translate(_FORCED)
    if len(_TURNS.findall(text)) > _MOST_TURNS:
        text = f"{_TURNS.sub('', text)} [without its marks of direction]"
    return _HEAPS.sub(lambda found: f"{found[1]}[and {len(found[2])} marks]", text)


def breakable(text: str) -> str:
    """Return *text* with U+200B where words without an end may break."""
    return _LONG_WORDS.sub(lambda found: _BREAK.join(_PIECES.findall(found[0])), text)


def size_of(size: int) -> str:
    """Return a number of bytes for people."""
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size} bytes"


def period(first: dt.date, last: dt.date) -> str:
    """Return ``, 3 February 2024 to 4 March 2024``."""
    return f", {_short(first)}" + ("" if first == last else f" to {_short(last)}")


def _short(day: dt.date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def long_day(day: dt.date) -> str:
    """Return ``Saturday, 3 February 2024``."""
    return f"{day:%A}, {_short(day)}"


def is_turned(text: str) -> bool:
    """Return whether a text runs from right to left: its first letter that has a direction."""
    for character in text[:500]:
        direction = unicodedata.bidirectional(character)
        if direction in _STRONG:
            return direction in _TURNED
    return False
