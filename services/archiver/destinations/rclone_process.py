"""One running ``rclone rcd``: begun, asked whether it lives, ended.

It listens on a socket in a private folder and has no other door. Its arguments and environment
hold no secret: those are told over the socket, and it keeps them in memory only. It is started by
a thread that lives as long as it does: to the kernel that thread is the parent it dies with.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from services.archiver.destinations.failures import PassingError
from services.archiver.errors import TransportError

#: A machine that swaps is slow, not broken.
_START_SECONDS = 120.0
_END_SECONDS = 5.0
#: Bytes of a socket's path that every system takes.
_LONGEST_SOCKET = 100
_LAUNCHER = "services.archiver.destinations.rclone_launcher"


class RcloneProcess:
    """A process that serves one socket."""

    def __init__(
        self, program: Path, folder: Path, *, name: str, stall_seconds: int, connect_seconds: int
    ) -> None:
        """Prepare one whose socket is called *name*, in *folder*, which is private."""
        self.socket = folder / name
        if len(os.fsencode(self.socket)) > _LONGEST_SOCKET:
            raise TransportError("The path of the scratch folder is too long for a socket.")
        self._command = [
            *(sys.executable, "-m", _LAUNCHER, str(os.getpid()), str(folder), str(program)),
            # An empty name: the configuration is in memory, and is never written.
            *("rcd", "--config", "", "--rc-addr", f"unix://{self.socket}"),
            *("--rc-no-auth", "--rc-serve", "--rc-template", ""),
            # A call lasts as long as its upload, however slow the line is.
            *("--rc-server-read-timeout", "1000h", "--rc-server-write-timeout", "1000h"),
            *("--timeout", f"{stall_seconds}s", "--contimeout", f"{connect_seconds}s"),
            # Patience is ours (see patience.py); it would try ten times and say nothing.
            *("--retries", "1", "--low-level-retries", "2"),
            # Sources are files of this machine: nothing to read ahead, nothing to cut.
            *("--buffer-size", "0", "--multi-thread-streams", "0"),
            *("--log-level", "ERROR", "--ask-password=false"),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._is_started = threading.Event()
        self._error: OSError | None = None

    @property
    def pid(self) -> int | None:
        """The process, while it lives."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises ``TransportError``, ``PassingError`` where somebody ended it meanwhile.
        """
        self.socket.unlink(missing_ok=True)
        threading.Thread(target=self._keep, name="keeper of rclone", daemon=True).start()
        self._is_started.wait()
        deadline = time.monotonic() + _START_SECONDS
        while self.pid is not None and time.monotonic() < deadline:
            if self.answers():
                return
            time.sleep(0.01)
        process = self._process
        if process is not None and (process.returncode or 0) < 0:
            raise PassingError("The program rclone was ended at its start.")
        self.kill()
        raise TransportError("The program rclone cannot be started.")

    def stop(self) -> None:
        """Let it end what it does cleanly, for a moment."""
        self._signal(signal.SIGTERM)
        process = self._process
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it now, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        self.socket.unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            # Does nothing for a process whose end is known, so never hits somebody else's.
            self._process.send_signal(number)

    def _keep(self) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 -- our own command
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # It tells names and answers of servers; what we want to know comes as replies.
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._error = error
            return
        else:
            self._process = process
        finally:
            self._is_started.set()
        process.wait()

    def answers(self) -> bool:
        """Whether somebody listens."""
        with socket.socket(socket.AF_UNIX) as ours:
            try:
                ours.connect(str(self.socket))
            except OSError:
                return False
            return True
