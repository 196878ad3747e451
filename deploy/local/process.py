"""Child processes that cannot outlive us, waited for without threads.

All children share one process group apart from ours, so Ctrl-C in a terminal reaches only the
supervisor, which stops them in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

#: A process that was killed is gone by then, unless the system itself waits for something.
KILL_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1
#: Loaded before any fork: a child between fork and exec must not import or allocate much.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class RunAs:
    """The user that a child becomes."""

    def __init__(self, *, uid: int, gid: int, user: str) -> None:
        self.uid, self.gid, self.user = uid, gid, user


class Child:
    """One running child."""

    def __init__(self, label: str, process: subprocess.Popen[bytes]) -> None:
        self.label = label
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """What it ended with; null while it runs."""
        return self._process.poll()

    async def wait(self) -> int:
        """Return its exit code when it has ended. May be cancelled and called again."""
        if self._process.poll() is None and hasattr(os, "pidfd_open"):
            with contextlib.suppress(ProcessLookupError):
                await _readable(os.pidfd_open(self.pid))
        while (code := self._process.poll()) is None:  # noqa: ASYNC110 -- no pidfd on macOS
            await asyncio.sleep(0.05)
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    async def stop(self, number: signal.Signals, *, grace_seconds: float) -> None:
        """Ask it to stop; kill it when it takes longer than *grace_seconds*.

        One that hangs inside the system, on a disk that does not answer, ends when the disk does:
        it is dead for all that it can do, and not waited for.
        """
        self.send(number)
        try:
            await asyncio.wait_for(self.wait(), grace_seconds)
        except TimeoutError:
            self.send(signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), KILL_SECONDS)


class Nursery:
    """Starts children into the common process group."""

    def __init__(self) -> None:
        self._group = 0

    def spawn(
        self,
        label: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        death_signal: signal.Signals,
        run_as: RunAs | None = None,
        pass_fds: Sequence[int] = (),
        output: IO[bytes] | None = None,
        folder: Path | None = None,
    ) -> Child:
        """Start *command*. Call it from the main thread: a child dies with the thread it came from.

        Raises ``OSError`` when the program cannot be started.
        """

        def popen(group: int) -> subprocess.Popen[bytes]:
            return subprocess.Popen(  # noqa: S603 -- our own programs, no shell
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output if output is not None else subprocess.DEVNULL,
                stderr=output,
                env=dict(environment),
                cwd=folder,
                pass_fds=pass_fds,
                process_group=group,
                user=run_as.uid if run_as else None,
                group=run_as.gid if run_as else None,
                extra_groups=[] if run_as else None,
                # Runs after setuid, which would clear the death signal again.
                preexec_fn=_tie_to_parent(death_signal),  # noqa: PLW1509 -- no threads fork here
            )

        try:
            process = popen(self._group)
        except (PermissionError, ProcessLookupError):
            if self._group == 0:
                raise
            # Every member of the group has ended: begin a new one.
            process = popen(0)
            self._group = process.pid
        if self._group == 0:
            self._group = process.pid
        return Child(label, process)


def _tie_to_parent(death_signal: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def tie() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:
            # The parent died before the line above: nobody would ever tell us.
            os._exit(1)

    return tie


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def command_of(pid: int) -> str:
    """Return the command line of a process; empty when there is none to see."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self").exists():
            return ""
        done = subprocess.run(  # noqa: S603 -- constant program, a number as its argument
            ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False
        )
        return done.stdout.decode(errors="replace")
    return raw.replace(b"\0", b" ").decode(errors="replace")


def pids_inside(folder: Path) -> list[int]:
    """Return the processes whose working folder *folder* is; empty where that cannot be seen."""
    wanted = os.path.realpath(folder)
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == Path(wanted):
                found.append(int(entry.name))
    return found


def end_leftover(
    pid: int,
    *,
    marker: str,
    number: signal.Signals,
    grace_seconds: float,
    is_harmless: bool = False,
) -> None:
    """End a process of an earlier life, known by *marker* in its command line, and wait for it.

    One that cannot even be killed, because it hangs inside the system, is left if it *is_harmless*.
    """
    if pid <= 1 or marker not in command_of(pid):
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        deadline = time.monotonic() + grace_seconds
        while marker in command_of(pid):
            # Not our child: there is nothing to wait on.
            time.sleep(0.02)
            if time.monotonic() > deadline:
                if is_harmless and number == signal.SIGKILL:
                    return
                os.kill(pid, signal.SIGKILL)
                deadline += grace_seconds
