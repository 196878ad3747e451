"""The process that copies beside the one that extracts files, and what the two say to each other.

Run as a program by ``extraction``. It is told everything through its standard input, where keys
of single files come with each batch, and keeps nothing: it ends with its input, or with its
parent. Messages are a length of 4 bytes and msgpack.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from shared.ios_backup.errors import DamagedFile, MissingFile
from shared.ios_backup.stored_files import Copier, StoredFile
from shared.parent_death import die_with_parent

_LENGTH = struct.Struct(">I")

T = TypeVar("T")


class Remark(msgspec.Struct, frozen=True, array_like=True):
    """What is to be said of one file, in a sentence without content."""

    file_id: str
    said: str
    is_missing: bool = False


class Copied(msgspec.Struct, array_like=True):
    """What came of some files. *size_bytes* is plaintext."""

    file_count: int = 0
    size_bytes: int = 0
    #: Files that could not be read, and are not there.
    failures: list[Remark] = msgspec.field(default_factory=list)
    #: Files that were read although something is odd about them.
    warnings: list[Remark] = msgspec.field(default_factory=list)
    #: The error of the target folder that ended it, 0 for none.
    errno: int = 0

    def add(self, other: Copied) -> None:
        """Add what came of other files."""
        self.file_count += other.file_count
        self.size_bytes += other.size_bytes
        self.failures += other.failures
        self.warnings += other.warnings
        self.errno = self.errno or other.errno


class WorkerJob(msgspec.Struct, frozen=True, array_like=True):
    """The first thing a worker is told; afterwards it gets batches, lists of ``StoredFile``."""

    source: bytes
    target: bytes
    is_flat: bool


def copy_batch(copier: Copier, batch: list[StoredFile]) -> Copied:
    """Copy each file of *batch*; ends at the first that cannot be written."""
    done = Copied()
    copy = copier.copy
    for file in batch:
        try:
            done.size_bytes += copy(file)
            done.file_count += 1
        except FileExistsError:
            done.failures.append(Remark(file.file_id, "The manifest lists the file twice."))
            continue
        except DamagedFile as error:
            is_missing = isinstance(error, MissingFile)
            done.failures.append(Remark(file.file_id, str(error), is_missing))
            continue
        except OSError as error:
            done.errno = error.errno or -1
            break
        if copier.warnings:
            done.warnings += [Remark(file.file_id, said) for said in copier.warnings]
    return done


def send(pipe: IO[bytes], message: WorkerJob | Copied | list[StoredFile]) -> None:
    """Write one message; raises OSError when nobody reads it."""
    content = msgspec.msgpack.encode(message)
    pipe.write(_LENGTH.pack(len(content)))
    pipe.write(content)
    pipe.flush()


def receive(pipe: IO[bytes], kind: type[T]) -> T | None:
    """Read one message; None at the end of the pipe, also in the middle of a message."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = pipe.read(length)
    return msgspec.msgpack.decode(content, type=kind) if len(content) == length else None


def main() -> None:
    """Copy what is asked for until nobody asks any more."""
    die_with_parent(int(sys.argv[1]))
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    job = receive(requests, WorkerJob)
    if job is None:
        return
    source, target = Path(os.fsdecode(job.source)), Path(os.fsdecode(job.target))
    with Copier(source, target, is_flat=job.is_flat) as copier:
        while batch := receive(requests, list[StoredFile]):
            send(answers, copy_batch(copier, batch))


if __name__ == "__main__":
    main()
