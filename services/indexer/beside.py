"""A second process for the latter half of a store, while the first one reads the former.

It is a copy of the worker with all that was looked up so far and the same bounds, so nothing is
read twice; it dies with the worker. Of runs that leave out what is known little comes: it writes
that to files beside the copies, and the worker passes it on behind its own. First runs give much,
and both processes write frames into the same pipe, in turns. Whatever goes wrong in it, the whole
store is read by one process instead.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from shared.parent_death import die_with_parent

#: A run of which more comes is better done as a whole.
MOST_BYTES = 64 << 20


class Output(Protocol):
    """Where frames and groups go."""

    def write(self, data: bytes | bytearray, /) -> int:
        """Write all of *data*."""

    def flush(self) -> None:
        """Pass on what is held back."""


class Half(msgspec.Struct, kw_only=True):
    """What the second process found, beside its rows and groups."""

    read: int
    kept: int
    skipped: int
    undecodable: int
    missing_files: int
    notes: dict[str, int]
    #: Fingerprints that were known, and that are new.
    met: bytes
    written: bytes
    #: What the parser itself wants to know of its other half.
    rest: bytes


class BoundedFile:
    """A new file that takes so much and no more."""

    def __init__(self, path: Path) -> None:
        """Make *path*."""
        self._file = path.open("wb")
        self._left = MOST_BYTES

    def write(self, data: bytes | bytearray) -> int:
        """Write *data*, or raise ``OSError``."""
        self._left -= len(data)
        if self._left >= 0:
            try:
                return self._file.write(data)
            except OSError:
                self._left = -1
        raise OSError("no room")

    def flush(self) -> None:
        """Pass on what is held back; raises ``OSError`` when anything was not taken."""
        self._file.flush()
        if self._left < 0:
            raise OSError("no room")


class SharedPipe:
    """One of two writers to a pipe: what it writes at once, nobody else gets between."""

    def __init__(self, output: Output, turns: Path) -> None:
        """Write to *output*; whoever has locked the file *turns* has the turn, until it dies."""
        self._output = output
        self._path = turns
        self._turns: BinaryIO = turns.open("wb")

    def reopen(self) -> None:
        """Go on in a process of its own."""
        self._turns = self._path.open("wb")

    def write(self, data: bytes | bytearray) -> int:
        """Write all of *data*, a whole number of frames."""
        fcntl.lockf(self._turns, fcntl.LOCK_EX)
        try:
            self._output.write(data)
            self._output.flush()
        finally:
            fcntl.lockf(self._turns, fcntl.LOCK_UN)
        return len(data)

    def flush(self) -> None:
        """Nothing is ever held back."""


class Beside:
    """The second process, for the first one."""

    def __init__(self, folder: Path) -> None:
        """Use files of *folder*."""
        self.rows = folder / "beside.rows"
        self.groups = folder / "beside.groups"
        self.turns = folder / "beside.turns"
        self._half = folder / "beside.half"
        self._process = 0

    def start(self, work: Callable[[], Half]) -> None:
        """Let *work* be done in a process of its own, in which everything stands as it does now."""
        parent = os.getpid()
        self._process = os.fork()
        if self._process:
            return
        code = 1
        try:
            die_with_parent(parent)
            self._half.write_bytes(msgspec.msgpack.encode(work()))
            code = 0
        except BaseException:  # noqa: BLE001, S110 -- told by the code, and the process ends
            pass
        finally:
            # Nothing of the first process may be flushed or closed on the way out.
            os._exit(code)

    def join(self) -> Half | None:
        """Wait for the end; None when it did not end well."""
        _, status = os.waitpid(self._process, 0)
        if status != 0:
            return None
        return msgspec.msgpack.decode(self._half.read_bytes(), type=Half)


def append_file(path: Path, output: Output) -> None:
    """Write all of *path* to *output*."""
    with path.open("rb") as source:
        while piece := source.read(1 << 20):
            output.write(piece)
