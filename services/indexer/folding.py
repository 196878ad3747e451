"""Text as search sees it: lower case, without accents, one form per character.

Pure functions; the parsers use them for what is stored and the search for what is asked, so both
sides must call the same ones. Scripts without spaces between words get single characters and
pairs as extra words, because Postgres would take a whole run for one word.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Marks that are accents to a searcher. Marks of Thai, Indic scripts and Kana are letters to
# their readers and stay.
_ACCENTS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20ff\ufe20-\ufe2f"
)
# Variation selectors, joiners that only shape text, soft hyphens, directions, U+0000.
_INVISIBLE = (
    "\u0000\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe0e\ufe0f\ufeff"
)
_DROPPED = re.compile(f"[{_ACCENTS}{_INVISIBLE}]")

_REPLACED = {
    "ø": "o",
    "Ø": "o",
    "ł": "l",
    "Ł": "l",
    "đ": "d",
    "Đ": "d",
    "ð": "d",
    "Ð": "d",
    "þ": "th",
    "Þ": "th",
    "æ": "ae",
    "Æ": "ae",
    "œ": "oe",
    "Œ": "oe",
    "\u0131": "i",
    "ħ": "h",
    "Ħ": "h",
    "ŧ": "t",
    "Ŧ": "t",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2013": "-",
    "\u2014": "-",
}
# A search that mostly finds nothing: str.translate takes ten times as long.
_REPLACEABLE = re.compile(f"[{''.join(_REPLACED)}]")

# Scripts written without spaces: Thai, Lao, Myanmar, Khmer, Kana, Bopomofo, Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_SYMBOL = re.compile("[\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]")
# Compounds are split after looking for one joint: a pattern of whole compounds takes quadratic
# time on a long text without any.
_JOINING = re.compile(r"[@./:_+&=?#%~-]")
_JOINT = re.compile(r"\w[@./:_+&=?#%~-]+\w")
_PIECE = re.compile(r"[^\W_]+")
_WORD = re.compile(r"\w+")
_MOST_EXTRA_WORDS = 20_000


def fold(text: str) -> str:
    """Return *text* in lower case, without accents and invisible characters."""
    if text.isascii():
        folded = text.lower()
        return folded.replace("\0", "") if "\0" in folded else folded
    latin = fold_latin(text)
    return _fold_any(text.replace("ß", "ss")) if latin is None else latin.decode("ascii")


def fold_latin(text: str) -> bytes | None:
    """Return what ``fold`` gives, in ASCII, for Western European text; None for any other."""
    if "ß" in text:
        text = text.replace("ß", "ss")
    try:
        latin = text.encode("latin-1")
    except UnicodeEncodeError:
        return None
    if len(latin.translate(None, _UNLIKE_LATIN)) != len(latin):
        return None
    return latin.translate(_LATIN)


def _replace(found: re.Match[str]) -> str:
    return _REPLACED[found[0]]


def _fold_any(text: str) -> str:
    replaced = _REPLACEABLE.sub(_replace, text) if _REPLACEABLE.search(text) else text
    if replaced.isascii():  # quotation marks and dashes, which phones put in by themselves
        return replaced.lower().replace("\0", "")
    decomposed = unicodedata.normalize("NFKD", replaced)
    stripped = _DROPPED.sub("", decomposed).casefold()
    # Back together: Hangul syllables and Kana with voicing marks are one letter each.
    return unicodedata.normalize("NFC", stripped)


# Western European text, many times quicker: letters that fold to one of ASCII each, by table. What
# folds to several letters, to none or to itself takes the long way.
_FOLDED_LATIN = [_fold_any(chr(code)) for code in range(256)]
_LATIN = bytes(
    ord(folded) if len(folded) == 1 and folded.isascii() else 0 for folded in _FOLDED_LATIN
)
_UNLIKE_LATIN = bytes(
    code for code, folded in enumerate(_FOLDED_LATIN) if len(folded) != 1 or not folded.isascii()
)


#: Folds to as many characters, one by one.
_PLAIN_RUN = re.compile("[\x01-\x7f]+")


def fold_with_offsets(text: str) -> tuple[str, list[int]]:
    """Return the folded text and, per folded character, where it began in *text*.

    One offset more than there are characters: the end of *text*. Each character is folded with
    the marks that follow it, so the result equals ``fold`` but for rare reorderings of marks.
    """
    if text.isascii() and "\0" not in text:
        return text.lower(), list(range(len(text) + 1))
    pieces: list[str] = []
    offsets: list[int] = []
    start = 0
    length = len(text)
    while start < length:
        if plain := _PLAIN_RUN.match(text, start):
            # Its last character may have marks of the next ones.
            end = plain.end() if plain.end() == length else plain.end() - 1
            if end > start:
                pieces.append(text[start:end].lower())
                offsets.extend(range(start, end))
                start = end
                continue
        end = start + 1
        while end < length and _continues(text[end]):
            end += 1
        piece = text[start:end]
        piece = _fold_character(piece) if len(piece) == 1 else fold(piece)
        pieces.append(piece)
        offsets.extend([start] * len(piece))
        start = end
    offsets.append(length)
    return "".join(pieces), offsets


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    return fold(character)


def _continues(character: str) -> bool:
    code = ord(character)
    if code < 0x300:
        return False
    # Conjoining vowels and finals of Hangul, half-width voicing marks, then marks of any script.
    return (
        0x1160 <= code <= 0x11FF or code in {0xFF9E, 0xFF9F} or unicodedata.combining(character) > 0
    )


def search_words(text: str) -> str:
    """Return the folded text followed by the extra words under which it is to be found.

    Extra are: characters and pairs of unspaced scripts, symbols and emoji as ``u1f600``, and the
    parts of compounds (addresses, links, file names) that Postgres would keep whole.
    """
    folded = fold(text)
    extra: list[str] = []
    if not folded.isascii():
        for run in _UNSPACED.findall(folded):
            extra.extend(run)
            extra.extend(run[i : i + 2] for i in range(len(run) - 1))
        extra.extend(f"u{ord(symbol):x}" for symbol in _SYMBOL.findall(folded))
    if _JOINING.search(folded) and _JOINT.search(folded):
        for word in folded.split():
            if _JOINT.search(word):
                extra.extend(_PIECE.findall(word))
    if not extra:
        return folded
    return f"{folded}\n{' '.join(extra[:_MOST_EXTRA_WORDS])}"


def query_words(text: str) -> list[str]:
    """Return the words that must all be found for *text*, in the form ``search_words`` stores."""
    folded = fold(text)
    words: list[str] = _WORD.findall(_UNSPACED.sub(" ", folded))
    for run in _UNSPACED.findall(folded):
        if len(run) == 1:
            words.append(run)
        words.extend(run[i : i + 2] for i in range(len(run) - 1))
    words.extend(f"u{ord(symbol):x}" for symbol in _SYMBOL.findall(folded))
    return words
