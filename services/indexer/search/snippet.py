"""Snippets: the piece of a text around what was found, with the found parts marked.

Matching happens on folded text, cutting on the original, so accents, emoji and scripts without
spaces come out as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from services.indexer.folding import fold_with_offsets
from services.indexer.search.query import Term
from shared.contracts.indexer import SnippetPart

LENGTH = 180
_BEFORE = 60
_ELLIPSIS = "…"
#: Long texts are looked through in pieces; folding with offsets is slow.
_PIECE = 8_000
_OVERLAP = 400
_MOST_PIECES = 30

_WORD = re.compile(r"\w+")


def make_snippet(text: str | None, title: str | None, terms: Sequence[Term]) -> list[SnippetPart]:
    """Return the snippet of an artifact: of its text, or of its title if only that matches."""
    return Snippets(terms).make(text, title)


class Snippets:
    """Makes the snippets of one page: what is looked for is put together once."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = terms

    def make(self, text: str | None, title: str | None) -> list[SnippetPart]:
        """Return the snippet of an artifact, as ``make_snippet`` does."""
        for candidate in (text, title):
            if candidate and self._strict and (parts := _cut(candidate, self._strict)):
                return parts
        for candidate in (text, title):
            if candidate and self._loose and (parts := _cut(candidate, self._loose)):
                return parts
        shown = text or title or ""
        if len(shown) > LENGTH:
            return [SnippetPart(text=shown[:LENGTH].rstrip() + _ELLIPSIS, is_match=False)]
        return [SnippetPart(text=shown, is_match=False)] if shown else []

    @cached_property
    def _strict(self) -> re.Pattern[str] | None:
        return _strict(self._terms)

    @cached_property
    def _loose(self) -> re.Pattern[str] | None:
        return _loose(self._terms)


def _strict(terms: Sequence[Term]) -> re.Pattern[str] | None:
    """Whole words are whole, beginnings are at the beginning."""
    patterns: list[str] = []
    for term in terms:
        if term.excluded:
            continue
        literal = re.escape(term.folded)
        words = [re.escape(word) for word in _WORD.findall(term.folded)]
        if term.kind == "part" or not term.is_plain:
            patterns.append(literal)
        elif term.kind == "phrase":
            patterns.append(r"(?<!\w)" + r"\W+".join(words) + r"(?!\w)")
        else:
            end = "" if term.kind == "prefix" else r"(?!\w)"
            patterns.append(r"(?<!\w)" + r"\W+".join(words) + end)
    return re.compile("|".join(patterns)) if patterns else None


def _loose(terms: Sequence[Term]) -> re.Pattern[str] | None:
    """Every piece of what was asked, wherever it stands."""
    pieces = {
        piece
        for term in terms
        if not term.excluded
        for piece in (term.folded, *_WORD.findall(term.folded), *term.words)
    }
    ordered = sorted(pieces, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered))) if ordered else None


def _cut(text: str, find: re.Pattern[str]) -> list[SnippetPart]:
    for number in range(_MOST_PIECES):
        start = number * (_PIECE - _OVERLAP)
        if start >= len(text) and number:
            break
        piece = text[start : start + _PIECE]
        folded, offsets = fold_with_offsets(piece)
        spans = [
            (offsets[match.start()], offsets[match.end()])
            for match in find.finditer(folded)
            if match.end() > match.start()
        ]
        if spans:
            return _around(text, [(start + left, start + right) for left, right in spans])
    return []


def _around(text: str, spans: Sequence[tuple[int, int]]) -> list[SnippetPart]:
    begin, end = _window(text, *spans[0])
    parts: list[SnippetPart] = []
    if begin > 0:
        parts.append(SnippetPart(text=_ELLIPSIS, is_match=False))
    position = begin
    for left, right in spans:
        # A ligature folds to two letters of one offset: it is marked as a whole.
        right = max(right, left + 1)  # noqa: PLW2901 -- the same span, widened
        if left < position or left >= end:
            continue
        right = min(right, end)  # noqa: PLW2901 -- the same span, cut
        if left > position:
            parts.append(SnippetPart(text=text[position:left], is_match=False))
        parts.append(SnippetPart(text=text[left:right], is_match=True))
        position = right
    if position < end:
        parts.append(SnippetPart(text=text[position:end], is_match=False))
    if end < len(text):
        parts.append(SnippetPart(text=_ELLIPSIS, is_match=False))
    return parts


def _window(text: str, left: int, right: int) -> tuple[int, int]:
    """Return a range around the first match that begins and ends between words if it can."""
    if len(text) <= LENGTH:
        return 0, len(text)
    begin = max(0, left - _BEFORE)
    if begin > 0:
        space = text.find(" ", begin, left)
        begin = space + 1 if space >= 0 else begin
    end = min(len(text), max(begin + LENGTH, right))
    if end < len(text):
        space = text.rfind(" ", max(right, end - 30), end)
        end = space if space >= 0 else end
    return begin, end
