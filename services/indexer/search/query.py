"""What a person typed into the search field, taken apart. Pure code; nothing here is an error.

``two words`` must both be there, the last one as a beginning; ``word*`` is a beginning anywhere;
``*part`` is found inside words; ``"a phrase"`` in that order; ``-word`` and ``-"a phrase"`` must
not be there. Scripts without spaces and emoji need no syntax.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from services.indexer.folding import fold, query_words

LONGEST_QUESTION = 1000
MOST_TERMS = 32

TermKind = Literal["word", "prefix", "part", "phrase"]

_TOKEN = re.compile(r'(?P<minus>-)?(?:"(?P<phrase>[^"]*)(?:"|$)|(?P<word>[^\s"]+))')
_WORD = re.compile(r"\w+")
_LETTER = re.compile(r"[^\W_]")


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to find or to leave out; ``folded`` is how the search sees its text."""

    kind: TermKind
    folded: str
    #: The words it stands for, in the form they are stored.
    words: tuple[str, ...]
    excluded: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether its stored words are just its own words, so that order can be asked for."""
        return list(self.words) == _WORD.findall(self.folded)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed search; ``is_empty`` when it does not name anything to find."""

    terms: tuple[Term, ...]

    @property
    def wanted(self) -> list[Term]:
        """What must be there."""
        return [term for term in self.terms if not term.excluded]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to find (leaving out alone would be everything)."""
        return not self.wanted


def parse_question(text: str) -> Question:
    """Take *text* apart; at most ``MOST_TERMS`` terms count."""
    terms: list[Term] = []
    for match in _TOKEN.finditer(text):
        excluded = match["minus"] is not None
        term = (
            _phrase(match["phrase"], excluded=excluded)
            if match["phrase"] is not None
            else _word(match["word"], excluded=excluded)
        )
        if term is not None:
            terms.append(term)
    wanted = [n for n, term in enumerate(terms) if not term.excluded]
    last = terms[-1] if terms else None
    if wanted and last is not None and wanted[-1] == len(terms) - 1 and last.kind == "word":
        # People search while they type: the last word may not be finished.
        terms[-1] = msgspec.structs.replace(last, kind="prefix")
    return Question(terms=tuple(terms[:MOST_TERMS]))


def tsquery_text(term: Term) -> str:
    """Return *term* for ``to_tsquery('simple', …)``: all words quoted, so none is an operator."""
    words = [_quote(word) for word in term.words]
    if term.kind == "prefix" and words:
        plain = len(_WORD.findall(term.folded)) if term.is_plain else 0
        if plain:
            words[plain - 1] += ":*"
    return " & ".join(words)


def needs_order(term: Term) -> bool:
    """Whether the words alone would find too much, so that the text itself must be looked at."""
    return term.kind == "part" or (bool(term.words) and not term.is_plain and len(term.words) > 1)


def has_trigram(folded: str) -> bool:
    """Whether a trigram index can find *folded*: it needs three letters in a row."""
    return any(len(run) >= 3 for run in re.findall(r"[^\W_]+", folded))


def _word(text: str, *, excluded: bool) -> Term | None:
    kind: TermKind = "word"
    if len(text) > 1 and text.startswith("*"):
        kind, text = "part", text.strip("*")
    elif len(text) > 1 and text.endswith("*"):
        kind, text = "prefix", text.rstrip("*")
    return _term(kind, text, excluded=excluded)


def _phrase(text: str, *, excluded: bool) -> Term | None:
    return _term("phrase", text, excluded=excluded)


def _term(kind: TermKind, text: str, *, excluded: bool) -> Term | None:
    folded = " ".join(fold(text).split())
    if not folded:
        return None
    words = tuple(word for word in query_words(text) if _LETTER.search(word))
    # Punctuation alone is no word; it can still be found as a part of the text.
    return Term(kind=kind if words else "part", folded=folded, words=words, excluded=excluded)


def _quote(word: str) -> str:
    doubled = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
