"""Running ``pg_dump``: what it writes is compressed into a file of ours while it is written.

A dump is as large as the database, and scratch may be memory, so nothing of it is ever there
plain. It leaves as much room as the bundle will take, and gives up before the room is gone.
"""

from __future__ import annotations

import hashlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from services.archiver.errors import (
    CancelledByPersonError,
    ScratchFullError,
    SourceError,
    SourceRefusedError,
)
from services.archiver.format.bundle import BundleFile
from services.archiver.format.compression import compressed
from services.archiver.format.manifest import Member
from services.archiver.sources.databases.access import (
    LOCK_SECONDS,
    SERVICE,
    Access,
    away,
    changing,
    may_not_read,
)
from services.archiver.sources.databases.containers import command_inside, engine_environment
from services.archiver.sources.databases.programs import Program

_LAUNCHER = "services.archiver.sources.databases.launcher"
_PIECE_BYTES = 1024 * 1024
#: How often it is asked whether it is to stop, and looked whether there is room.
_LOOK_SECONDS = 0.25
_LOOK_BYTES = 16 * 1024 * 1024
#: What others need of scratch.
_SPARE_BYTES = 32 * 1024 * 1024
#: A dump has no indexes and is compressed; hardly a database becomes less than this part of it.
_MOST_SHRUNK = 20
_MOST_COMPLAINT_BYTES = 64 * 1024
_MAGIC = b"PGDMP"


class Dumped(msgspec.Struct, frozen=True, kw_only=True):
    """A dump that lies in scratch, compressed."""

    file: BundleFile
    #: What pg_restore has to understand, such as ``1.14``.
    archive_version: str


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be dumped."""

    program: Program
    access: Access
    server_major: int
    #: Exported by a transaction that stays open.
    snapshot: str
    #: Only these, with nothing that belongs to none, such as extensions; None: everything.
    schemas: Sequence[str] | None = None
    #: Tables whose rows are left out, as patterns of pg_dump's.
    without_rows: Sequence[str] = ()
    #: The name of the member.
    member: str
    #: What the program calls itself at the server, if it is in a container.
    session: str = ""


def check_room(folder: Path, database_bytes: int) -> None:
    """Raise ``ScratchFullError`` where a database of that size has no room in any case."""
    free = shutil.disk_usage(folder).free
    if free < _SPARE_BYTES + 2 * database_bytes // _MOST_SHRUNK:
        raise _no_room(free)


def dump(
    wish: Wish,
    folder: Path,
    *,
    is_stopping: Callable[[], bool],
    tell: Callable[[int], None],
) -> Dumped:
    """Dump into *folder*, which is private. Blocking, in one thread, with which the program dies.

    Raises ``SourceError``, ``ScratchFullError``, ``CancelledByPersonError``.
    """
    complaints = folder / "complaints"
    spool = folder / "dump.zst"
    arguments = [
        *("--format=custom", "--compress=0", "--no-password", f"--snapshot={wish.snapshot}"),
        f"--lock-wait-timeout={LOCK_SECONDS * 1000}",
        *(f"--exclude-table-data={pattern}" for pattern in wish.without_rows),
        *(f'--schema="{schema}"' for schema in wish.schemas or ()),
        f"--dbname=service={SERVICE}",
    ]
    if wish.program.container is None:
        command = [str(wish.program.path), *arguments]
        variables = wish.access.write_files(folder, server_major=wish.server_major)
        login = Path(os.devnull)
    else:
        command, variables = command_inside(wish.program, arguments), engine_environment()
        login = wish.access.write_for_inside(
            folder, server_major=wish.server_major, session=wish.session
        )
    with (
        complaints.open("wb") as said,
        spool.open("wb") as output,
        login.open("rb") as standard_input,
    ):
        process = subprocess.Popen(  # noqa: S603 -- our own command
            [sys.executable, "-m", _LAUNCHER, str(os.getpid()), *command],
            stdin=standard_input,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**_python_environment(), **variables},
            cwd=_root(),
            start_new_session=True,
        )
        try:
            head, member = _spool(process, output, wish.member, is_stopping, tell)
            status = process.wait()
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
            assert process.stdout is not None
            process.stdout.close()
    if status:
        raise _complaint(complaints, status)
    if head[:5] != _MAGIC or len(head) < 7:
        raise SourceError("pg_dump wrote what is no dump.")
    return Dumped(
        file=BundleFile(path=wish.member, content=spool, packed=member),
        archive_version=f"{head[5]}.{head[6]}",
    )


def _spool(
    process: subprocess.Popen[bytes],
    output: BinaryIO,
    name: str,
    is_stopping: Callable[[], bool],
    tell: Callable[[int], None],
) -> tuple[bytes, Member]:
    """Take in all that the process writes; return its beginning, and what the manifest says."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    digest = hashlib.sha256()
    head, size_bytes, looked_at = b"", 0, 0
    with selectors.DefaultSelector() as selector, compressed(output, "zst") as packed:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if is_stopping():
                raise CancelledByPersonError("The job was asked to stop.")
            if not selector.select(_LOOK_SECONDS):
                continue
            piece = os.read(descriptor, _PIECE_BYTES)
            if not piece:
                break
            head = head or piece[:16]
            digest.update(piece)
            packed.write(piece)
            size_bytes += len(piece)
            tell(size_bytes)
            if size_bytes - looked_at >= _LOOK_BYTES:
                looked_at = size_bytes
                _check_room_left(output)
    return head, Member(path=name, size_bytes=size_bytes, sha256=digest.hexdigest())


def _check_room_left(output: BinaryIO) -> None:
    found = os.fstatvfs(output.fileno())
    free = found.f_bavail * found.f_frsize
    # The bundle comes beside it, and is about as long.
    if free < _SPARE_BYTES + output.tell():
        raise _no_room(free)


def _no_room(free: int) -> ScratchFullError:
    return ScratchFullError(
        f"The scratch folder has {free // 1_000_000} MB free, which is too little for the dump and"
        " its archive. KEEPSAKE_SCRATCH_DIR names another folder."
    )


def _complaint(complaints: Path, status: int) -> SourceError:
    with complaints.open("rb") as file:
        said = file.read(_MOST_COMPLAINT_BYTES).decode("utf-8", "replace")
    for words, error in _COMPLAINTS:
        if any(word in said for word in words):
            return error()
    # Its own words may hold anything of the database.
    return SourceError(f"pg_dump ended with status {status}.")


_COMPLAINTS: tuple[tuple[tuple[str, ...], Callable[[], SourceError]], ...] = (
    (("server version mismatch",), lambda: SourceError("pg_dump is older than the server.")),
    (
        ("password authentication failed", "no password supplied", "pg_hba.conf"),
        lambda: SourceRefusedError("The database does not accept the login."),
    ),
    (("permission denied", "row-level security"), may_not_read),
    (("lock timeout", "LOCK TABLE", "does not exist", "could not open relation"), changing),
    (("No such container", "is not running"), away),
    (
        ("connection to server", "server closed", "terminating connection", "lost synchron",
         "no connection to the server", "Docker daemon"),
        away,
    ),
)  # fmt: skip


def _python_environment() -> dict[str, str]:
    """Return what the launcher needs to find its modules; the program does not see it."""
    return {"PYTHONPATH": str(_root()), "PATH": os.defpath}


def _root() -> Path:
    return Path(__file__).resolve().parents[4]
