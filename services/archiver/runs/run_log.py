"""A file per job that tells how its runs went: which step began when, and how it ended.

It tells counts, steps, kinds of problems and ids. Names of files are people's content: they are
told only where that is set. A log that cannot be written never ends a run.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING

from shared.settings import ArchiverSettings

if TYPE_CHECKING:
    from services.archiver.storage.jobs import ArchiverJob

#: What is read of a log at most, from its end.
MOST_BYTES = 256 * 1024


class RunLog:
    """The log of one job."""

    def __init__(self, path: Path | None, job_id: str, *, tells_paths: bool = False) -> None:
        """Append to *path*, or nowhere."""
        self._path = path
        self._job_id = job_id
        self.tells_paths = tells_paths

    def tell(self, what: str, **figures: object) -> None:
        """Add a line. Blocks for a moment; never raises."""
        if self._path is None:
            return
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        told = "".join(
            f" {name}={_plain(value)}" for name, value in figures.items() if value is not None
        )
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(
                self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                file.write(f"{now} {_plain(what)}{told}\n")


class RunLogs:
    """The logs of all jobs, in one folder."""

    def __init__(self, folder: Path, settings: ArchiverSettings) -> None:
        """Keep them in *folder*, as *settings* say."""
        self._folder = folder
        self._settings = settings

    def of(self, job: ArchiverJob) -> RunLog:
        """Return the log of a job."""
        return RunLog(self._path(job), job.id, tells_paths=self._settings.log_paths)

    def begin(self, job: ArchiverJob) -> RunLog:
        """Return the log of a job that begins, or goes on; make room for it. Blocking."""
        path = self._path(job)
        log = self.of(job)
        if path is None:
            return log
        with contextlib.suppress(OSError):
            if _first_line(path).split()[-1:] != [f"job={job.id}"]:
                path.unlink(missing_ok=True)
                self._make_room()
                log.tell("log", kind=job.kind, job=job.id)
        return log

    def read(self, job: ArchiverJob) -> str | None:
        """Return the end of a job's log; None when there is none, or none any more. Blocking."""
        path = self._path(job)
        try:
            if path is None or _first_line(path).split()[-1:] != [f"job={job.id}"]:
                return None
            with path.open("rb") as file:
                size_bytes = file.seek(0, os.SEEK_END)
                file.seek(max(size_bytes - MOST_BYTES, 0))
                content = file.read(MOST_BYTES)
        except OSError:
            return None
        if size_bytes > MOST_BYTES:
            content = content.partition(b"\n")[2]
        return content.decode("utf-8", "replace")

    def _path(self, job: ArchiverJob) -> Path | None:
        match self._settings.logs:
            case "off":
                return None
            case "rotate":
                name = str(job.id)
            case "overwrite":
                # One for each thing that is done again and again.
                subject = job.source_id or job.archive_id or job.destination_id
                name = f"{job.kind}-{subject}-{job.destination_id or 'folder'}"
        return self._folder / f"{name}.log"

    def _make_room(self) -> None:
        logs = sorted(self._folder.glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
        for path in logs[: max(len(logs) - self._settings.logs_kept + 1, 0)]:
            path.unlink(missing_ok=True)


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(1000)
    except FileNotFoundError:
        return ""


def _plain(value: object) -> str:
    """Return *value* on one line, whatever is in it."""
    return "".join(char if char.isprintable() else "\ufffd" for char in str(value))
