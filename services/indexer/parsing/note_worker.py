"""The process that opens one locked note: a request on stdin, one answer on stdout.

The store is as hostile as any, so it is read in a process that has limits, no credentials and no
other files (see ``parse_worker``). The passphrase comes through the pipe and goes with the process.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Literal

import msgspec

from services.indexer.kinds.note.body import BodyError
from services.indexer.kinds.note.locked import WrongPasswordError
from services.indexer.kinds.note.opening import NoSuchNoteError, open_note
from services.indexer.kinds.protocol import UnsupportedStoreError
from services.indexer.parsing.parse_worker import limit_process
from shared.parent_death import die_with_parent

Outcome = Literal["opened", "wrong_passphrase", "no_such_note", "not_openable", "unreadable"]


class NoteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which note of which copy of a store, and what opens it."""

    store: str
    key: str
    passphrase: str
    memory_bytes: int
    cpu_seconds: int

    def __repr__(self) -> str:
        """Leave the passphrase out of tracebacks."""
        return "NoteRequest(…)"


class NoteAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it; the rest is there when it was opened."""

    outcome: Outcome
    text: str | None = None
    html: str | None = None
    markdown: str | None = None
    is_cut: bool = False

    def __repr__(self) -> str:
        """Leave the note out of tracebacks."""
        return f"NoteAnswer({self.outcome})"


def answer(request: NoteRequest) -> NoteAnswer:
    """Open the note."""
    try:
        written = open_note(Path(request.store), key=request.key, passphrase=request.passphrase)
    except WrongPasswordError:
        return NoteAnswer(outcome="wrong_passphrase")
    except NoSuchNoteError:
        return NoteAnswer(outcome="no_such_note")
    except BodyError:
        return NoteAnswer(outcome="not_openable")
    except (UnsupportedStoreError, sqlite3.Error, MemoryError):
        return NoteAnswer(outcome="unreadable")
    return NoteAnswer(
        outcome="opened",
        text=written.text,
        html=written.html,
        markdown=written.markdown,
        is_cut=written.is_cut,
    )


def main() -> None:
    """Read the request, cage this process, answer."""
    die_with_parent(int(sys.argv[1]))
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=NoteRequest)
    limit_process(memory_bytes=request.memory_bytes, cpu_seconds=request.cpu_seconds)
    sys.stdout.buffer.write(msgspec.json.encode(answer(request)))


if __name__ == "__main__":
    main()
