"""Fonts of PDFs: those of this machine, and some that come along for machines that have none.

Along come letters of Latin, Greek, Cyrillic, Arabic, Hebrew, Thai, Devanagari, Georgian and many
symbols. Chinese, Japanese, Korean and emoji come from the machine: what no font has is written out
by its name, in brackets, and the document says so.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typst

#: Fonts of the package by its names for them; the first three are one family.
_ALONG = ("figo", "figbo", "figit", "notos", "symbol1", "symbol2")
_TEXT_FAMILY = "FiraGO"
#: In colour first. Before other fonts: those have a few of them in black and white.
_EMOJI_FAMILIES = ("Apple Color Emoji", "Noto Color Emoji", "Twemoji Mozilla", "Noto Emoji")
#: Fonts that have a picture of a box for everything.
_NO_FONTS = ("LastResort", "Last Resort", "Adobe Blank")
#: Joiners, marks of direction and of form: they have no picture of their own.
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
_SELECTORS = frozenset(range(0xFE00, 0xFE10))
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_SKINS = ("light", "medium-light", "medium", "medium-dark", "dark")
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_IDEOGRAPHS = "CJK UNIFIED", "HANGUL SYLLABLE", "CJK COMPATIBILITY"
#: What scripts are called where the names of their letters say it otherwise.
_SCRIPTS = {"HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}
_MOST_NAMED = 40
#: A document with one letter of each font.
_LETTERS = b"""
#for one in json(bytes(sys.inputs.data)) {
  text(font: one.family, weight: one.weight, style: one.style, one.text)
}
"""


class Fonts:
    """What there is to write with; made once per process."""

    def __init__(self) -> None:
        """Find the fonts of the machine, and read those of the package into memory."""
        import typst

        folder = Path(tempfile.mkdtemp(prefix="keepsake-fonts-"))
        try:
            _unpack(folder)
            #: For the compiler. It reads fonts when it first needs them, and keeps them.
            self.found: typst.Fonts = typst.Fonts(
                include_system_fonts=True, include_embedded_fonts=False, font_paths=[str(folder)]
            )
            usable = [
                font
                for font in self.found.fonts()
                if not any(name in font.family for name in _NO_FONTS)
            ]
            families = {font.family for font in usable}
            self.families = [name for name in (_TEXT_FAMILY, *_EMOJI_FAMILIES) if name in families]
            self._characters = _characters_of(usable)
            _read_now(self.found, [font for font in usable if _is_in(folder, font)])
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        #: How many characters were written out by name, by their scripts.
        self.missing: Counter[str] = Counter()

    def shown(self, text: str) -> str:
        """Return *text* with what no font has written out: ``[grinning face]``, ``[U+4F60]``."""
        if self._characters.issuperset(map(ord, text)):
            return text
        pieces: list[str] = []
        run: list[str] = []
        for character in text:
            if self._is_missing(character) or (run and _continues(character)):
                run.append(character)
                continue
            if run:
                pieces.append(self._told(run))
                run = []
            pieces.append(character)
        if run:
            pieces.append(self._told(run))
        return "".join(pieces)

    def _is_missing(self, character: str) -> bool:
        return (
            ord(character) not in self._characters
            and ord(character) not in _SELECTORS
            and unicodedata.category(character) not in _INVISIBLE
        )

    def _told(self, run: list[str]) -> str:
        missing = [character for character in run if self._is_missing(character)]
        self.missing.update(map(_script, missing))
        names = list(_names(missing))
        if len(names) > _MOST_NAMED:
            names = [*names[:_MOST_NAMED], f"and {len(names) - _MOST_NAMED} more"]
        return f"[{', '.join(names)}]"


def _script(character: str) -> str:
    """Return the writing that a character is of, as its name begins; emoji are together."""
    if unicodedata.category(character) in ("So", "Sk") or ord(character) in _FLAG_LETTERS:
        return "emoji and signs"
    name = unicodedata.name(character, "")
    if name.startswith(_IDEOGRAPHS) or not name:
        return "Korean" if name.startswith("HANGUL") else "Chinese" if name else "unknown"
    return _SCRIPTS.get(first := name.partition(" ")[0], first.capitalize())


def _continues(character: str) -> bool:
    """Return whether a character belongs to the emoji before it."""
    return ord(character) in _SELECTORS or character == "\u200d" or ord(character) in _SKIN_TONES


def _names(missing: list[str]) -> Iterator[str]:
    letters = ""
    for character in [*missing, ""]:
        if character and ord(character) in _FLAG_LETTERS:
            letters += chr(ord(character) - _FLAG_LETTERS.start + ord("A"))
            continue
        if letters:
            yield f"flag {letters}"
            letters = ""
        if not character:
            continue
        if ord(character) in _SKIN_TONES:
            yield f"{_SKINS[ord(character) - _SKIN_TONES.start]} skin"
            continue
        name = unicodedata.name(character, "")
        if not name or name.startswith(_IDEOGRAPHS):
            yield f"U+{ord(character):04X}"
        else:
            yield name.lower()


def _unpack(folder: Path) -> None:
    """Write the fonts of the package into *folder*: only from files are fonts read."""
    import pymupdf_fonts

    for name in _ALONG:
        (folder / f"{name}.ttf").write_bytes(pymupdf_fonts.myfont(name))


def _is_in(folder: Path, font: typst.FontInfo) -> bool:
    return font.path is not None and Path(font.path).parent == folder


def _read_now(found: typst.Fonts, fonts: list[typst.FontInfo]) -> None:
    """Set a letter in each of *fonts*, whose files are about to go."""
    import typst

    letters = [
        {
            "family": font.family,
            "weight": font.weight,
            "style": font.style.lower(),
            "text": chr(max(_characters_of([font]))),
        }
        for font in fonts
    ]
    typst.Compiler(_LETTERS, font_paths=found, sys_inputs={"data": json.dumps(letters)}).compile(
        format="pdf"
    )


def _characters_of(fonts: list[typst.FontInfo]) -> frozenset[int]:
    import uharfbuzz

    found: set[int] = set()
    for path, index in {(font.path, font.index) for font in fonts if font.path}:
        face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(path), index)
        found.update(face.unicodes)
    return frozenset(found)
