"""Notes: stores of every form with what is packed in them, and that by itself, written as HTML."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from deploy.demo.notes import DOMAIN, OLD_DOMAIN, OLD_STORE, STORE, demo_notes, old_notes
from deploy.demo.notes_body import (
    BOLD,
    CHECK,
    DOTTED,
    MONOSPACED,
    TITLE,
    gallery_data,
    note_data,
    piece,
    stands,
    table_data,
)
from deploy.demo.notes_database import many_notes
from deploy.demo.notes_schema import Form
from services.indexer.kinds.backup_files import file_id_of
from services.indexer.kinds.note.as_html import to_html
from services.indexer.kinds.note.as_markdown import to_markdown
from services.indexer.kinds.note.body import BodyError, read_body
from services.indexer.kinds.note.document import PLAIN, Shown, Span, text_of_lines
from services.indexer.kinds.note.lines import Room, lines_of
from services.indexer.kinds.note.old_html import read_html
from services.indexer.kinds.note.table import gallery_order, read_table
from services.indexer.staging import encode_json
from tests.hostile import seeds
from tests.hostile.mutations import anywhere, mutate, sqlite_spots
from tests.hostile.reader import Reader
from tests.hostile.rows import Value, change_value, disturb
from tests.hostile.workers import Stores
from tests.unit.kinds.note_pages import check_page

_NEW, _OLD = f"{DOMAIN}/{STORE}", f"{OLD_DOMAIN}/{OLD_STORE}"
_FORMS: tuple[Form, ...] = ("26", "15", "13", "11")
_WIDE = "ZICCLOUDSYNCINGOBJECT"
_TABLES = (*[_WIDE] * 8, *["ZICNOTEDATA"] * 6, "Z_PRIMARYKEY", "Z_13NOTES")
_OLD_TABLES = ("ZNOTE", "ZNOTE", "ZNOTEBODY", "ZNOTEBODY", "ZSTORE", "ZACCOUNT")
_MARKUP = (
    "<div>" * 3000, "<!--" * 3000, "<a href='javascript:x'>y</a>", "<ul>" * 500 + "<li>x" * 500,
    "&#0;&#xD800;&#x110000;", "<![CDATA[" * 500, "<p" * 5000, "</div>" * 3000, "<script>" * 900,
    "<a " + "b=c " * 5000 + ">", "&" * 5000, "<?" * 5000, "<b><i>" * 2000 + "x", "<br>" * 5000,
    "<!doctype " * 900, "<pre>" + "\n" * 5000,
)  # fmt: skip


class Notes(Stores):
    """NoteStore.sqlite, notes.sqlite or both, with the list of files."""

    name = "notes (worker)"
    kind = "note"

    def open(self, folder: Path) -> None:
        made = [demo_notes(later=False, form=form) for form in _FORMS]
        samples = seeds.samples_folder()
        found = [] if samples is None else sorted(samples.rglob("*NoteStore.sqlite"))
        self._seeds = [
            *(notes.database.to_bytes() for notes in made),
            many_notes(150),
            *(path.read_bytes() for path in found),
        ]
        self._old = old_notes()
        self._listed = "\n".join(
            json.dumps(
                {
                    "domain": file.domain, "relative_path": file.relative_path,
                    "file_id": file_id_of(file.domain, file.relative_path),
                    "size_bytes": len(file.content), "present": True,
                }
            )
            for file in made[0].files
        )  # fmt: skip

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        content, old = chance.choice(self._seeds), self._old
        draw = chance.random()
        if draw < 0.75:
            content = disturb(content, chance, tables=_TABLES, change=_change)
        if draw > 0.7:
            content = mutate(content, chance, others=self._seeds, spots=sqlite_spots)
        if chance.random() < 0.3:
            old = disturb(old, chance, tables=_OLD_TABLES, change=_change)
        if chance.random() < 0.1:
            old = mutate(old, chance, spots=sqlite_spots)
        which = chance.random()
        if which < 0.15:
            return {_OLD: old}
        return {_NEW: content} if which < 0.6 else {_NEW: content, _OLD: old}

    def listing(self, store: Path) -> str | None:
        path = store / "listing.jsonl"
        path.write_text(self._listed)
        return str(path)


def _change(value: Value, chance: random.Random) -> Value:
    """Damage what is packed behind its packing: of the rest nearly all would be a wrong sum."""
    if isinstance(value, bytes) and value[:2] == b"\x1f\x8b" and chance.random() < 0.8:
        return _repacked(value, chance, ())
    if isinstance(value, str) and chance.random() < 0.2:
        return chance.choice(_MARKUP)
    return change_value(value, chance)


def _repacked(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    try:
        content = gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        content = data
    return gzip.compress(mutate(content, chance, others=others, spots=anywhere), 1, mtime=0)


class NoteContents(Reader):
    """Contents of notes, tables, galleries and old notes: written as pages, and looked at."""

    name = "note contents"
    errors = (BodyError,)

    def open(self, folder: Path) -> None:
        body = [
            piece("Title <b>\n", TITLE),
            piece("rope\n", CHECK, done=True, indent=2),
            piece("bread 🎉\n", DOTTED, weight=BOLD, link="https://example.com"),
            piece("x  y\n", MONOSPACED, color=(0.1, 0.2, 0.3)),
            stands("A", "public.jpeg"),
            stands("B", "com.apple.notes.table"),
            piece("\nend", is_quote=True),
        ]
        rows: list[list[Any]] = [["a", "<b>", "c"], ["1", body, ""], ["", "2|", "\n"]]
        samples = seeds.samples_folder()
        found = [] if samples is None else sorted(samples.rglob("*_gzipped.bin"))
        self._seeds = [
            note_data(body),
            note_data(body * 30),
            table_data(rows),
            table_data([["x"] * 12] * 12, is_right_to_left=True),
            gallery_data(["one", "two", "three"]),
            *(path.read_bytes() for path in found),
        ]

    def damage(self, chance: random.Random) -> tuple[str, bytes]:
        form = chance.choice(("body", "body", "table", "table", "gallery", "old"))
        if form == "old":
            text = "".join(chance.choice(_MARKUP) for _ in range(chance.randrange(1, 4)))
            return form, mutate(text.encode(), chance, spots=anywhere)
        if chance.random() < 0.1:
            return form, mutate(chance.choice(self._seeds), chance, spots=anywhere)
        return form, _repacked(chance.choice(self._seeds), chance, self._seeds)

    def read(self, damaged: Any, scratch: Path) -> None:
        form, data = damaged
        room = Room()
        shown = {0: Shown(kind="image", caption="<i>", is_picture=True)}
        places = [Span("", PLAIN, 1), Span("", PLAIN, 0)]

        def resolve(key: str, uti: str | None) -> Span | None:
            return places.pop() if places and key else Span("<#tag>")

        if form == "gallery":
            encode_json(gallery_order(data))
            return
        if form == "old":
            lines = read_html(data.decode("utf-8", "replace"), room)
        elif form == "table":
            shown[1] = Shown(kind="table", table=read_table(data, resolve, room))
            lines = lines_of(
                read_body(note_data([stands("A", "x"), stands("B", "x")])), resolve, room
            )
        else:
            lines = lines_of(read_body(data), resolve, room)
        page = to_html(lines, shown)
        check_page(page)
        encode_json([page, to_markdown(lines, shown), text_of_lines(lines, shown)])
        msgspec.json.decode(encode_json(page))
