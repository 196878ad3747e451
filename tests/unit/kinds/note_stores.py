"""Stores of notes for tests, and what is read of them."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.demo.notes import (
    DOMAIN,
    OLD_DOMAIN,
    OLD_STORE,
    STORE,
    DemoNotes,
    demo_notes,
)
from deploy.demo.notes_database import NotesDatabase
from deploy.demo.notes_schema import Form
from services.indexer.kinds.backup_files import file_id_of
from tests.unit.kinds.collected import Collected, parse

NEW = f"{DOMAIN}/{STORE}"


OLD = f"{OLD_DOMAIN}/{OLD_STORE}"


AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)


FORMS: tuple[Form, ...] = ("26", "15", "13", "11")


def listed(notes: DemoNotes) -> list[dict[str, Any]]:
    return [
        {
            "domain": file.domain, "relative_path": file.relative_path,
            "file_id": file_id_of(file.domain, file.relative_path),
            "size_bytes": len(file.content), "present": True,
        }
        for file in notes.files
    ]  # fmt: skip


def demo(folder: Path, form: Form = "26", *, later: bool = False) -> Collected:
    notes = demo_notes(later=later, form=form)
    return parse("note", {NEW: notes.database.to_bytes()}, folder, listing=listed(notes))


Build = Callable[[NotesDatabase, int, int], None]


def made(folder: Path, build: Build) -> Collected:
    store = NotesDatabase()
    account = store.account("iCloud", "ACCOUNT")
    build(store, store.folder("Notes", account, ZIDENTIFIER="FOLDER"), account)
    return parse("note", {NEW: store.to_bytes()}, folder, listing=[])


def paths(found: Collected, key: str) -> list[str | None]:
    return [file.relative_path for file in found.find(key).attachments]
