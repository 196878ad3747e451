"""A process whose children run archives and restores for real, each up to a call and no further.

Run as a module: the first line of its input says where bus and database are, each further line is
a ``Task``. For each a child is forked, so that nothing has to be imported again, and a ``Life``
comes back. A child counts the calls that leave it: to rclone, in a folder that is a destination,
and what it writes down; before, during and after each is a point, and at one of them it kills
itself as ``kill -9`` does.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import mmap
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import structlog

from services.archiver import course as course_module
from services.archiver import handlers as handlers_module
from services.archiver.course import Course
from services.archiver.destinations.rclone_client import RcloneClient
from services.archiver.opening import Destinations
from services.archiver.runs import collect_run, taking_up, verify_run
from services.archiver.runs.run_log import RunLogs
from services.archiver.service import event_handlers
from services.archiver.sources.means import Means
from services.archiver.storage.jobs import find_job
from services.archiver.storage.journal import PostgresJournal
from services.archiver.storage.ledger import PostgresLedger
from shared import postgres
from shared.bus import Bus, Delivery
from shared.contracts.events import ArchiveRequested, RestoreRequested, UpkeepRequested
from shared.contracts.identifiers import JobId
from shared.scratch import Scratch
from shared.settings import Credentials, Settings

#: What rclone has begun with when it is left alone; nothing depends on how far it comes.
_DURING_SECONDS = 0.002
_NAME_BYTES = 200


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The first line."""

    credentials: str
    scratch: str


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A job to run; the event that asked for it is the same each time."""

    job_id: str
    event_id: UUID
    attempt: int = 1
    #: At which point to die; None is never.
    point: int | None = None
    #: A destination that is a folder: what is done in it is counted as well.
    folder: str | None = None


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """How a child ended: its exit code, or the number of its signal, below zero."""

    status: int
    points: int
    last: str


class Points:
    """Counts, in memory that outlives the child, and kills at the one that was chosen."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8 + _NAME_BYTES)
        self._lock = threading.Lock()
        self.fatal: int | None = None

    def begin(self, fatal: int | None) -> None:
        self.fatal = fatal
        self._shared[:] = bytes(8 + _NAME_BYTES)

    def reach(self, name: str, *, linger_seconds: float = 0.0) -> None:
        with self._lock:
            count = int.from_bytes(self._shared[:8], "big") + 1
            self._shared[:8] = count.to_bytes(8, "big")
            if count == self.fatal:
                self._shared[8:] = name.encode()[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0")
                time.sleep(linger_seconds)
                os.kill(os.getpid(), signal.SIGKILL)

    def read(self) -> tuple[int, str]:
        return int.from_bytes(self._shared[:8], "big"), self._shared[8:].rstrip(b"\0").decode()


def _watch_rclone(points: Points) -> None:
    ask, wait = RcloneClient._ask, RcloneClient._wait
    calls = threading.local()

    def asking(self: Any, connection: Any, method: str, path: str, *rest: Any, **named: Any) -> Any:
        calls.name = path if method == "POST" else "/read"
        points.reach(f"before {calls.name}")
        reply = ask(self, connection, method, path, *rest, **named)
        points.reach(f"after {calls.name}")
        return reply

    def waiting(self: Any, connection: Any, *rest: Any) -> None:
        points.reach(f"during {calls.name}", linger_seconds=_DURING_SECONDS)
        wait(self, connection, *rest)

    RcloneClient._ask = asking  # type: ignore[method-assign]
    RcloneClient._wait = waiting  # type: ignore[method-assign]


def _watch_folder(points: Points, folder: str) -> None:
    """Count what is done with files there; what was written is there before it is renamed."""
    above = f"{folder}/"

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.rename", "os.mkdir", "os.remove", "os.scandir") and arguments:
            path = arguments[0]
            if isinstance(path, str | Path) and str(path).startswith(above):
                points.reach(f"{event} in the folder")

    sys.addaudithook(hook)


def _watch_notes(points: Points) -> None:
    def watched(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(call)
        def wrapper(*arguments: Any, **named: Any) -> Any:
            points.reach(f"before {name}")
            result = call(*arguments, **named)
            if not asyncio.iscoroutine(result):
                points.reach(f"after {name}")
            return result

        return wrapper

    for name in ("record", "remember"):
        setattr(PostgresJournal, name, watched(getattr(PostgresJournal, name), name))
    for name in ("finish_job", "record_archive", "merge_tree"):
        setattr(handlers_module, name, watched(getattr(handlers_module, name), name))
    for module, names in (
        (course_module, ("finish_job",)),
        (collect_run, ("begin_deletion", "remove_archive")),
        (taking_up, ("record_taken", "refresh_states")),
        (verify_run, ("record_checked", "strike_objects", "refresh_states")),
        (PostgresLedger, ("set_marks", "forget")),
    ):
        for name in names:
            setattr(module, name, watched(getattr(module, name), name))
    # What is told is committed.
    Course.tell = watched(Course.tell, "telling")  # type: ignore[method-assign]


async def _run(start: Start, task: Task) -> None:
    credentials = Credentials.decode(start.credentials.encode())
    bus = await Bus.connect(credentials=credentials.nats, service="archiver")
    pool = await postgres.create_pool(credentials.postgres, schema="archiver")
    scratch = Scratch(Path(start.scratch) / "archiver", replica_id=uuid4().hex)
    scratch.open()
    destinations = Destinations(scratch=Path(start.scratch), allow_commands=False)

    async def connect() -> Any:
        return await postgres.connect(credentials.postgres, schema="archiver")

    settings = Settings.load({"HOME": start.scratch})
    handlers = event_handlers(
        pool=pool,
        bus=bus,
        scratch=scratch,
        destinations=destinations,
        connect=connect,
        logs=RunLogs(Path(start.scratch) / "logs", settings.archiver),
        means=Means(settings=settings),
    )
    job = await find_job(pool, UUID(task.job_id))
    assert job is not None
    delivery = Delivery(
        pool=pool,
        service="archiver",
        event_id=task.event_id,
        subject="archive.requested",
        occurred_at=dt.datetime.now(dt.UTC),
        attempt=task.attempt,
        is_last_attempt=False,
        traceparent="",
    )
    if job.kind == "archive":
        await handlers.on_archive_requested(ArchiveRequested(job_id=JobId(task.job_id)), delivery)
    elif job.kind == "restore":
        await handlers.on_restore_requested(RestoreRequested(job_id=JobId(task.job_id)), delivery)
    else:
        await handlers.on_upkeep_requested(UpkeepRequested(job_id=JobId(task.job_id)), delivery)
    await asyncio.to_thread(destinations.close)
    scratch.close()
    await bus.drain()
    pool.terminate()


def _live(start: Start, task: Task, points: Points) -> int:
    _watch_rclone(points)
    _watch_notes(points)
    if task.folder is not None:
        _watch_folder(points, task.folder)
    asyncio.run(_run(start, task))
    return 0


def main() -> None:
    """Fork a child for each line, until there are no more."""
    start = msgspec.json.decode(sys.stdin.buffer.readline(), type=Start)
    # What is logged is none of the answers.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    points = Points()
    while line := sys.stdin.buffer.readline():
        task = msgspec.json.decode(line, type=Task)
        points.begin(task.point)
        child = os.fork()
        if not child:
            status = 1
            try:
                status = _live(start, task, points)
            finally:
                sys.stderr.flush()
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        count, name = points.read()
        life = Life(status=os.waitstatus_to_exitcode(ended), points=count, last=name)
        sys.stdout.buffer.write(msgspec.json.encode(life) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
