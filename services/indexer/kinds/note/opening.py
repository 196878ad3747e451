"""One locked note out of a store, for somebody who gives its passphrase."""

from __future__ import annotations

from pathlib import Path

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.note.assembly import Written, lock_of, write
from services.indexer.kinds.note.body import BodyError
from services.indexer.kinds.note.columns import SEALED
from services.indexer.kinds.note.document import PLAIN, Span
from services.indexer.kinds.note.lines import Room, lines_of
from services.indexer.kinds.note.locked import LockedNote, open_locked
from services.indexer.kinds.note.store import NoteStore
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.values import int_of, text_of

#: What stands where the note has a picture, a table or a file: those are locked one by one.
_ELSEWHERE = Span("\N{PAPERCLIP}", PLAIN)


class NoSuchNoteError(Exception):
    """The store has no note with that identity, or it is not locked any more."""


def open_note(path: Path, *, key: str, passphrase: str) -> Written:
    """Return what the note *key* of the store *path* says.

    Raises NoSuchNoteError; WrongPasswordError; BodyError for a note that is damaged or whose key
    is not in the backup; UnsupportedStoreError and sqlite3.Error for the store as a whole.
    """
    with Database(path) as database:
        note = _find(NoteStore(database, Tally()), key)
    body = open_locked(note, passphrase)
    room = Room()
    lines = lines_of(body, lambda _key, _uti: _ELSEWHERE, room)
    return write(lines, {}, body=body, was_cut=room.was_cut)


def _find(store: NoteStore, key: str) -> LockedNote:
    for number in store.numbered(key):
        row = dict(store.rows([number]))[number]
        content = store.contents([number]).get(number)
        lock = lock_of(row, content)
        if text_of(row["key"]) != key or content is None or lock is None:
            continue
        if lock != "password":
            raise BodyError("locked with the code of the phone")
        sealed = store.sealed(number, content.number)
        try:
            return LockedNote(
                rounds=int_of(row["iterations"]) or 0,
                data=store.body(content.number) or b"",
                **{name: _bytes(sealed[name]) for name in SEALED},
            )
        except (KeyError, TypeError, msgspec.ValidationError):
            raise BodyError("a part of the lock is missing") from None
    raise NoSuchNoteError


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError
    return value
