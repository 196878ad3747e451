"""What stands in notes beside text: files, drawings, scans, tables, links, mentions and tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from services.indexer.kinds.note.body import BodyError
from services.indexer.kinds.note.document import PLAIN, Look, Shown, Span
from services.indexer.kinds.note.files import NoteFiles
from services.indexer.kinds.note.lines import Room
from services.indexer.kinds.note.links import safe_link
from services.indexer.kinds.note.payload import Mention, Part, PartFile
from services.indexer.kinds.note.store import NoteStore
from services.indexer.kinds.note.table import gallery_order, read_table
from services.indexer.kinds.note.vocabulary import (
    DRAWN,
    GALLERY,
    INLINE,
    ROLES,
    TABLE,
    WITHOUT_FILE,
    kind_of,
)
from services.indexer.kinds.phone_time import cocoa_utc
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record
from services.indexer.kinds.values import flag_of, float_of, int_of, text_of
from services.indexer.staging import StagedAttachment

_MOST_PARTS = 2_000
_MOST_PREVIEWS = 40
_LONGEST_WORD = 500
_LONGEST_TEXT = 100_000


class Rows(NamedTuple):
    """What belongs to some notes, by number: of the note, of what it lies in, or its own."""

    attachments: dict[int, list[Record]]
    inline: dict[int, list[Record]]
    children: dict[int, list[Record]]
    media: dict[int, list[Record]]
    media_by_attachment: dict[int, list[Record]]
    previews: dict[int, list[Record]]

    def media_of(self, attachment: Record) -> Record | None:
        """Return the file of an attachment: either of them may name the other."""
        number = attachment["media"]
        found = self.media.get(number) if isinstance(number, int) else None
        found = found or self.media_by_attachment.get(attachment["pk"])
        return found[0] if found else None


def read_rows(store: NoteStore, numbers: Sequence[int]) -> Rows:
    """Return what belongs to the notes with these numbers."""
    attachments = store.attachments.by("note", numbers)
    inline = store.inline.by("note", numbers)
    own = [row["pk"] for rows in attachments.values() for row in rows]
    # Pages of a gallery may name the gallery only.
    children = store.attachments.by("parent", own)
    everything = sorted({*own, *(row["pk"] for rows in children.values() for row in rows)})
    media = [
        row["media"]
        for rows in (*attachments.values(), *children.values())
        for row in rows
        if isinstance(row["media"], int)
    ]
    return Rows(
        attachments=attachments,
        inline=inline,
        children=children,
        media=store.media.by("pk", sorted(set(media))),
        media_by_attachment=store.media.by("attachment", everything),
        previews=store.previews.by("attachment", everything),
    )


class Parts:
    """The parts of one note: resolved as the text names them, then those that it names no more."""

    def __init__(
        self, rows: Rows, number: int, *, account: str | None, store: NoteStore, files: NoteFiles,
        people: Mapping[str, str],
    ) -> None:  # fmt: skip
        """Take what belongs to note *number*.

        *account* is the folder of its files, *people* are handles by the names of their records.
        """
        self._rows = rows
        self._account = account
        self._store = store
        self._files = files
        self._people = people
        self.room = Room()
        self.parts: list[Part] = []
        self.shown: dict[int, Shown] = {}
        self.attachments: list[StagedAttachment] = []
        self.tags: list[str] = []
        self.mentions: list[Mention] = []
        self.links: list[str] = []
        self._numbers: dict[int, int] = {}
        self._by_key: dict[str, Record] = {}
        self._inline: dict[str, Record] = {}
        for row in rows.attachments.get(number, ()):
            if not flag_of(row["deleted"]):
                self._by_key.setdefault(text_of(row["key"]) or f"#{row['pk']}", row)
        for row in rows.inline.get(number, ()):
            self._inline.setdefault(text_of(row["key"]) or f"#{row['pk']}", row)

    def resolve(self, key: str, uti: str | None) -> Span | None:
        """Return what stands where the text names an attachment; None for what is gone."""
        inline = self._inline.get(key)
        if inline is not None:
            return self._words(inline, text_of(inline["uti"]) or uti)
        row = self._by_key.get(key)
        if row is None:
            return None
        # It stands in one place: a page that shows a table a thousand times is made to be long.
        if row["pk"] in self._numbers:
            return None
        number = self._add(row, uti)
        return None if number is None else Span("", PLAIN, number)

    def finish(self) -> None:
        """Add what the text does not name: a page without its scan, a file of an old form."""
        for row in self._by_key.values():
            if row["pk"] not in self._numbers:
                self._add(row, None, is_loose=True)

    def _words(self, row: Record, uti: str | None) -> Span | None:
        text = text_of(row["text"])
        if text is None:
            return None
        text = self.room.take(text[:_LONGEST_WORD])
        role = ROLES.get((uti or "").removeprefix(INLINE))
        token = text_of(row["token"])
        link = safe_link(token) if role is None else None
        if role == "hashtag":
            self.tags.append(text)
        elif role == "mention":
            self.mentions.append(Mention(text=text, handle=self._people.get(token or "")))
        elif link is not None:
            self.links.append(link)
        return Span(text, Look(role=role, link=link))

    def _add(
        self, row: Record, uti: str | None, *, parent: int | None = None, is_loose: bool = False
    ) -> int | None:
        if len(self.parts) >= _MOST_PARTS:
            self.room.was_cut = True
            return None
        number = self._numbers[row["pk"]] = len(self.parts)
        uti = text_of(row["uti"]) or uti
        kind = kind_of(uti)
        url = _cut(text_of(row["url"]), 8192)
        link = safe_link(url)
        part = Part(
            kind=kind,
            uti=None if uti is None else uti[:200],
            title=_cut(text_of(row["user_title"]) or text_of(row["title"]), _LONGEST_WORD),
            text=None if uti == TABLE else self._found_words(row),
            url=url,
            parent=parent,
            files=() if flag_of(row["locked"]) else tuple(self._find_files(row, kind)),
            size_bytes=int_of(row["size"]) or None,
            duration_seconds=float_of(row["duration"]) or None,
            width=_length(row["width"]),
            height=_length(row["height"]),
            created_at=cocoa_utc(row["created"]),
            is_loose=is_loose,
        )
        name = part.title or self._name(part) or link
        shown = Shown(
            kind=kind,
            caption=None if name is None else self.room.take(name),
            link=link,
            is_picture=kind in {"image", "drawing"},
        )
        if link is not None:
            self.links.append(link)
        self.parts.append(part)
        self.shown[number] = shown
        if uti == TABLE:
            self._table(number, row)
        # Pages have no pages.
        for child in self._children(row, uti) if parent is None else ():
            if child["pk"] not in self._numbers:
                self._add(child, None, parent=number)
        return number

    def _found_words(self, row: Record) -> str | None:
        words = (text_of(row[name]) for name in ("summary", "handwriting", "ocr", "index"))
        found = "\n".join(dict.fromkeys(word[:_LONGEST_TEXT] for word in words if word))
        return self.room.take(found) or None

    def _name(self, part: Part) -> str | None:
        files = (self.attachments[file.n] for file in part.files if file.role == "original")
        return next((file.name for file in files), None)

    def _find_files(self, row: Record, kind: str) -> Iterable[PartFile]:
        key = row["key"]
        media = self._rows.media_of(row)
        if media is not None:
            found = self._files.media(
                self._account, media["key"], media["generation"], media["file"],
                size=int_of(row["size"]) or None,
            )  # fmt: skip
            yield PartFile(n=self._attach(found), role="original")
        elif kind not in DRAWN | WITHOUT_FILE:
            # The phone says that something is there, and not where.
            found = self._files.media(None, None, None, row["title"], size=int_of(row["size"]))
            yield PartFile(n=self._attach(found), role="original")
        drawing = self._files.drawing(self._account, key, row["image_generation"])
        if drawing is not None:
            yield PartFile(n=self._attach(drawing), role="drawing")
        document = self._files.document(self._account, key, row["pdf_generation"])
        if document is not None:
            yield PartFile(n=self._attach(document), role="document")
        elif drawing is None and kind in {"drawing", "scan"}:
            yield PartFile(n=self._attach(self._files.undrawn(self._account, key)), role="drawing")
        preview = self._preview(row)
        if preview is not None:
            yield PartFile(n=self._attach(preview), role="preview")

    def _preview(self, row: Record) -> StagedAttachment | None:
        """Return the largest small picture that the backup has."""
        rows = self._rows.previews.get(row["pk"], [])[:_MOST_PREVIEWS]
        for preview in sorted(rows, key=_area, reverse=True):
            found = self._files.preview(self._account, preview["key"], preview["generation"])
            if found is not None:
                return found
        return None

    def _attach(self, attachment: StagedAttachment) -> int:
        self.attachments.append(attachment)
        return len(self.attachments) - 1

    def _table(self, number: int, row: Record) -> None:
        data = self._store.mergeable(row["pk"])
        if data is None:
            return
        try:
            table = read_table(data, self.resolve_words, self.room)
        except BodyError:
            self._store.tally.note("A table in a note could not be read.")
            return
        self.shown[number] = msgspec.structs.replace(self.shown[number], table=table)
        self.parts[number] = msgspec.structs.replace(
            self.parts[number], rows=len(table), columns=len(table[0]) if table else 0
        )

    def resolve_words(self, key: str, uti: str | None) -> Span | None:
        """Return what stands in a cell: words only, for a cell holds no files."""
        inline = self._inline.get(key)
        return None if inline is None else self._words(inline, text_of(inline["uti"]) or uti)

    def _children(self, row: Record, uti: str | None) -> list[Record]:
        children = [
            child for child in self._rows.children.get(row["pk"], ())
            if not flag_of(child["deleted"]) and child["pk"] != row["pk"]
        ]  # fmt: skip
        if uti != GALLERY:
            return children
        data = self._store.mergeable(row["pk"])
        order: list[str] = []
        if data is not None:
            try:
                order = gallery_order(data)
            except BodyError:
                self._store.tally.note("The order of a gallery could not be read.")
        named = {text_of(child["key"]): child for child in children}
        for key in order:
            page = self._by_key.get(key)
            if page is not None and page["pk"] != row["pk"]:
                named.setdefault(key, page)
        first = [named.pop(key) for key in order if key in named]
        return [*first, *named.values()]


def count_missing(attachments: Iterable[StagedAttachment], files: NoteFiles, tally: Tally) -> None:
    """Count in the report what the backup does not hold."""
    if files.is_known:
        tally.missing_files += sum(not attachment.present for attachment in attachments)


def _cut(text: str | None, length: int) -> str | None:
    return None if text is None else text[:length]


def _length(value: object) -> int | None:
    number = int_of(value)
    return number if number is not None and 0 < number < 100_000 else None


def _area(row: Record) -> float:
    width, height, scale = (float_of(row[name]) or 0.0 for name in ("width", "height", "scale"))
    return width * height * (scale or 1.0)
