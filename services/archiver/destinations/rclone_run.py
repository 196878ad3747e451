"""One rclone that does one thing and ends, as a process group of its own.

It gets its configuration through a pipe, an environment from nothing, and tells how far it is in
its log. It ends with us, and is asked to end before it is made to.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from services.archiver.destinations.failures import PassingError
from services.archiver.destinations.rclone_log import RcloneLog, Stats
from services.archiver.destinations.rclone_program import find_rclone
from services.archiver.errors import (
    ArchiverError,
    CancelledByPersonError,
    DestinationFullError,
    DestinationRefusedError,
    MirrorRefusedError,
    TransportError,
)
from shared.credentials import Secret

_LAUNCHER = "services.archiver.destinations.rclone_launcher"
_LOOK_SECONDS = 0.5
#: What it has begun to upload is taken back in this time.
_END_SECONDS = 15.0
#: A destination that failed for so many files in a row is not asked for the others.
_MOST_FAILURES = 10
#: In this order the reason of a failure is chosen among several.
_WORST = (DestinationFullError, DestinationRefusedError, ArchiverError)
_PIECE = 65536

#: Which programs and limits are the same for all.
_COMMON = (
    *("--use-json-log", "--stats", "1s", "--stats-log-level", "NOTICE", "--log-level", "NOTICE"),
    *("--retries", "1", "--low-level-retries", "3", "--ask-password=false"),
    *("--timeout", "60s", "--contimeout", "20s", "--links"),
)


class RcloneRun:
    """What is needed to run it, once or several times."""

    def __init__(self, *, folder: Path, configuration: Secret, source: str) -> None:
        """Work in *folder*, which is private; *source* is the folder that is read."""
        self._folder = folder
        self._configuration = configuration
        self._source = source

    def run(
        self,
        arguments: Sequence[str],
        *,
        output: Path | None = None,
        on_progress: Callable[[Stats], None] = lambda _stats: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> RcloneLog:
        """Run it to its end and return what it said, of which single files may have failed.

        Blocking; from a thread that lives as long as it does. Raises ``TransportError``,
        ``DamagedArchiveError``, ``MirrorRefusedError``, ``CancelledByPersonError``.
        """
        log = RcloneLog(self._source)
        process = self._start(arguments, output)
        assert process.stderr is not None
        reason: Exception | None = None
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(process.stderr, selectors.EVENT_READ)
                while reason is None:
                    if selector.select(_LOOK_SECONDS):
                        piece = os.read(process.stderr.fileno(), _PIECE)
                        if not piece:
                            break
                        log.feed(piece)
                        on_progress(log.stats)
                    if is_cancelled():
                        reason = CancelledByPersonError("The job was asked to stop.")
                    elif log.failures >= _MOST_FAILURES:
                        reason = _worst(log)
        finally:
            if reason is not None or sys.exc_info()[0] is not None:
                _end(process)
            code = process.wait()
            process.stderr.close()
        if reason is not None:
            raise reason
        _judge(code, log)
        return log

    def _start(self, arguments: Sequence[str], output: Path | None) -> subprocess.Popen[bytes]:
        reading, writing = os.pipe()
        try:
            os.write(writing, self._configuration.reveal().encode())
            os.close(writing)
            command = [
                *(sys.executable, "-m", _LAUNCHER, str(os.getpid()), str(self._folder)),
                *(str(find_rclone()), "--config", f"/dev/fd/{reading}", *_COMMON, *arguments),
            ]
            with contextlib.ExitStack() as files:
                out = (
                    subprocess.DEVNULL
                    if output is None
                    else files.enter_context(output.open("wb")).fileno()
                )
                return subprocess.Popen(  # noqa: S603 -- our own command
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.PIPE,
                    pass_fds=(reading,),
                    start_new_session=True,
                )
        except OSError as error:
            said = os.strerror(error.errno) if error.errno else type(error).__name__
            raise TransportError(f"The program rclone cannot be started: {said}.") from None
        finally:
            os.close(reading)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, which takes back what it has begun; then make it."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    try:
        # Nobody reads its log any more: it must not wait for that.
        process.communicate(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _judge(code: int, log: RcloneLog) -> None:
    """Raise for an end that is none. A failure of single files of the source is not one."""
    if code == 0:
        return
    if log.is_bounded:
        raise MirrorRefusedError("More files would have gone from the mirror than is allowed.")
    if code < 0:
        raise PassingError("The program rclone was ended by somebody else.")
    if log.errors:
        raise _worst(log)
    if not log.left_out:
        raise TransportError(f"The program rclone ended with {code}.")


def _worst(log: RcloneLog) -> ArchiverError:
    """Return the reason among those that the destination gave."""
    return next(error for kind in _WORST for error in log.errors if isinstance(error, kind))
