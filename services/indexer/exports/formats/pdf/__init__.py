"""PDFs: conversations as they look on a phone, anything else as a list by days.

A long conversation is several documents, each set in memory for itself. Typst sets them: it knows
all scripts, and gets everything as data, never as markup.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

from services.indexer.exports.formats.protocol import About, Format, Group, Item, Output
from shared.member_names import name_part

if TYPE_CHECKING:
    from services.indexer.exports.formats.pdf.document import Document
    from services.indexer.exports.formats.pdf.fonts import Fonts
    from services.indexer.exports.formats.pdf.pictures import Pictures

#: Bounds of one document: some hundred pages, some hundred megabytes while it is set.
MOST_ITEMS = 2000
_MOST_CHARACTERS = 1_000_000
_MOST_PICTURE_BYTES = 16 << 20
_MOST_SCRIPTS = 12


class Pdf(Format):
    """Documents to read and to print."""

    name = "pdf"
    embeds = ("image/",)
    _fonts: ClassVar[Fonts | None] = None
    _pictures: ClassVar[Pictures | None] = None

    @classmethod
    def prepare(cls) -> None:
        """Read fonts, and start the process that makes pictures small."""
        from services.indexer.exports.formats.pdf.fonts import Fonts
        from services.indexer.exports.formats.pdf.pictures import Pictures

        # First: what is forked needs no fonts.
        if cls._pictures is None or cls._pictures.parent != os.getpid():
            cls._pictures = Pictures()
        if cls._fonts is None:
            cls._fonts = Fonts()

    def __init__(self, output: Output, about: About) -> None:
        super().__init__(output, about)
        assert self._fonts is not None
        assert self._pictures is not None
        self._document: Document | None = None
        self._missing_before = self._fonts.missing.copy()

    def begin_group(self, group: Group) -> None:
        """Begin the first document of a group."""
        from services.indexer.exports.formats.answers import Answers

        self._group = group
        self._answers = Answers()
        self._part = 0
        self._begin()

    def add(self, item: Item) -> str | None:
        """Add one item; a document that is full is written."""
        assert self._document is not None
        self._document.add(item)
        if (
            self._document.count >= MOST_ITEMS
            or self._document.characters >= _MOST_CHARACTERS
            or self._document.picture_bytes >= _MOST_PICTURE_BYTES
        ):
            self._write(is_last=False)
            self._begin()
        return None

    def end_group(self) -> None:
        """Write the last document of the group."""
        assert self._document is not None
        if self._document.count:
            self._write(is_last=True)
        self._document = None

    def end(self) -> None:
        """Nothing is about all of them."""

    def notes(self) -> list[str]:
        """Name the scripts that no font of this machine has."""
        assert self._fonts is not None
        missing = self._fonts.missing - self._missing_before
        if not missing:
            return []
        scripts = ", ".join(f"{script} ({n:,})" for script, n in missing.most_common(_MOST_SCRIPTS))
        more = len(missing) - _MOST_SCRIPTS
        return [
            f"{missing.total():,} characters could not be drawn, as no font of this machine has"
            f" them, and stand in the documents by their names: {scripts}"
            + (f" and {more} more scripts" if more > 0 else "")
            + ". With the Noto fonts installed they are shown."
        ]

    def _begin(self) -> None:
        from services.indexer.exports.formats.pdf.document import Document

        assert self._fonts is not None
        assert self._pictures is not None
        self._part += 1
        self._document = Document(
            self._group,
            self.about,
            part=self._part,
            fonts=self._fonts,
            pictures=self._pictures,
            answers=self._answers,
        )

    def _write(self, *, is_last: bool) -> None:
        assert self._document is not None
        title = name_part(self._group.title, most_bytes=80)
        if self._part > 1 or not is_last:
            title = f"{title} - {self._part:03d}"
            if (days := self._document.days) is not None:
                title = f"{title}, {days[0]:%Y-%m-%d} to {days[1]:%Y-%m-%d}"
        content = self._document.set(is_only=self._part == 1 and is_last)
        with self.output.member(self.output.name(f"{title}.pdf")) as sink:
            sink.write(content)


FORMAT = Pdf
