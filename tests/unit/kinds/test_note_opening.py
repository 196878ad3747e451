"""One locked note: opened by its passphrase, from every form of the store, and nothing else is."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from deploy.demo.notes import PASSWORD, SECRET, demo_notes
from deploy.demo.notes_schema import Form
from services.indexer.kinds.note.body import BodyError
from services.indexer.kinds.note.locked import WrongPasswordError
from services.indexer.kinds.note.opening import NoSuchNoteError, open_note
from services.indexer.parsing.note_worker import NoteAnswer, NoteRequest, answer
from tests.unit.kinds.note_stores import FORMS


def store(folder: Path, form: Form = "26", *change: str) -> Path:
    """Write the demo phone's notes, changed by some statements."""
    path = folder / "NoteStore.sqlite"
    path.write_bytes(demo_notes(later=False, form=form).database.to_bytes())
    with sqlite3.connect(path) as database:
        for statement in change:
            database.execute(statement)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_its_passphrase_opens_a_note_of_every_form_of_the_store(form: Form, tmp_path: Path) -> None:
    written = open_note(store(tmp_path, form), key="NOTE-LOCKED", passphrase=PASSWORD)
    assert written.text == f"Boathouse\n{SECRET}"
    assert written.html is not None
    assert SECRET in written.html
    assert written.content == "text"


def test_what_does_not_open_says_which_of_these_it_is(tmp_path: Path) -> None:
    path = store(tmp_path)
    with pytest.raises(WrongPasswordError):
        open_note(path, key="NOTE-LOCKED", passphrase="demo")
    with pytest.raises(BodyError):
        open_note(path, key="NOTE-LOCKED-BY-CODE", passphrase=PASSWORD)
    for key in ("NOTE-RECIPE", "nobody", "", "' or 1=1 --"):
        with pytest.raises(NoSuchNoteError):
            open_note(path, key=key, passphrase=PASSWORD)


@pytest.mark.parametrize(
    "change",
    [
        "update ZICCLOUDSYNCINGOBJECT set ZCRYPTOWRAPPEDKEY = null",
        "update ZICNOTEDATA set ZCRYPTOTAG = 'text'",
        "update ZICCLOUDSYNCINGOBJECT set ZCRYPTOSALT = 7",
        "update ZICCLOUDSYNCINGOBJECT set ZCRYPTOITERATIONCOUNT = 1 << 60",
        "update ZICNOTEDATA set ZDATA = x'00'",
    ],
)
def test_a_lock_that_is_damaged_is_no_wrong_passphrase(change: str, tmp_path: Path) -> None:
    said = answer(request(store(tmp_path, "26", change)))
    assert said.outcome in {"not_openable", "wrong_passphrase"}
    if "SALT" not in change:
        assert said.outcome == "not_openable"
    assert said.text is None


def test_a_store_that_is_none_is_told_as_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "NoteStore.sqlite"
    path.write_bytes(b"no database" * 1000)
    assert answer(request(path)) == NoteAnswer(outcome="unreadable")


def test_neither_passphrase_nor_note_stands_in_a_traceback(tmp_path: Path) -> None:
    given = request(store(tmp_path))
    said = answer(given)
    assert said.outcome == "opened"
    assert PASSWORD not in repr(given)
    assert SECRET not in repr(said)
    assert SECRET in msgspec.json.encode(said).decode()


def request(path: Path) -> NoteRequest:
    return NoteRequest(
        store=str(path), key="NOTE-LOCKED", passphrase=PASSWORD, memory_bytes=0, cpu_seconds=0
    )
