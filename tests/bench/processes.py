"""What a running stack costs while something happens: processor seconds and peak memory by role."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.running_stack import RunningStack

_TICK = os.sysconf("SC_CLK_TCK")
_PAUSE_SECONDS = 0.1
_SERVICES = (
    "services.indexer", "services.unlock", "services.discovery", "services.archiver", "gateway",
)  # fmt: skip


class Usage:
    """Processor seconds spent and peak memory reached meanwhile, by role."""

    def __init__(self) -> None:
        self._before: dict[int, float] = {}
        self._after: dict[int, float] = {}
        self._roles: dict[int, str] = {}
        self.peak_bytes: dict[str, int] = {}
        self.wall_seconds = 0.0

    @property
    def cpu_seconds(self) -> dict[str, float]:
        """By role; processes that came and went count up to when they were last seen."""
        spent: dict[str, float] = {}
        for pid, seconds in self._after.items():
            role = self._roles[pid]
            spent[role] = spent.get(role, 0.0) + seconds - self._before.get(pid, 0.0)
        return spent

    def describe(self) -> str:
        """Return the roles that did something, as a note."""
        spent = sorted(self.cpu_seconds.items(), key=lambda item: -item[1])
        parts = [f"{role} {seconds:.1f}" for role, seconds in spent if seconds >= 0.1]
        return "cpu s: " + ", ".join(parts)

    def look(self, stack: RunningStack, *, is_first: bool = False) -> None:
        """Take note of every process below the stack."""
        for pid in stack.processes():
            try:
                if pid not in self._roles:
                    self._roles[pid] = _role(pid)
                seconds = _cpu_seconds(pid)
                peak = peak_bytes(pid)
            except (OSError, ValueError, IndexError):
                continue
            self._after[pid] = seconds
            if is_first:
                self._before[pid] = seconds
            role = self._roles[pid]
            self.peak_bytes[role] = max(self.peak_bytes.get(role, 0), peak)


@contextmanager
def watched(stack: RunningStack) -> Iterator[Usage]:
    """Watch the stack's processes during the body."""
    usage = Usage()
    usage.look(stack, is_first=True)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_PAUSE_SECONDS):
            usage.look(stack)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    started = time.perf_counter()
    try:
        yield usage
    finally:
        usage.wall_seconds = time.perf_counter() - started
        over.set()
        thread.join()
        usage.look(stack)


@contextmanager
def own_growth(found: list[int]) -> Iterator[None]:
    """Add to *found* by how much this process's memory grew at most during the body, in bytes."""
    # Sets the peak back to what is held now.
    Path("/proc/self/clear_refs").write_text("5")
    before = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    yield
    found.append(max(0, peak_bytes(os.getpid()) - before))


def forget_peaks(stack: RunningStack, roles: tuple[str, ...]) -> None:
    """Have the peaks of some processes begin at what they hold now."""
    for pid in stack.processes():
        with suppress(OSError):
            if _role(pid) in roles:
                Path(f"/proc/{pid}/clear_refs").write_text("5")


def pids_of(stack: RunningStack, role: str) -> list[int]:
    """Return the processes of a role."""
    found = []
    for pid in stack.processes():
        with suppress(OSError):
            if _role(pid) == role:
                found.append(pid)
    return found


def resident_bytes(stack: RunningStack, role: str) -> int:
    """Return what the processes of a role hold now."""
    total = 0
    for pid in stack.processes():
        try:
            if _role(pid) == role:
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                total += pages * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            continue
    return total


def private_bytes(stack: RunningStack, role: str) -> int:
    """Return what the processes of a role hold for themselves: mapped files are left out."""
    total = 0
    for pid in stack.processes():
        try:
            if _role(pid) == role:
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                held = next(line for line in lines if line.startswith("RssAnon"))
                total += int(held.split()[1]) * 1024
        except (OSError, StopIteration):
            continue
    return total


def _role(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    if "exports.caged_worker" in command:
        return "export"
    if "caged_worker" in command:
        return "parser"
    if " rcd " in command:
        return "rclone"
    for name in _SERVICES:
        if f"-m {name}" in command:
            return name.rpartition(".")[2]
    if "postgres" in command:
        return "postgres"
    return "nats" if "nats-server" in command else "supervisor"


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def peak_bytes(pid: int) -> int:
    """Return what a process held at most. Raises OSError, and IndexError for one that ends."""
    status = Path(f"/proc/{pid}/status").read_text()
    # A process that is about to end has no memory any more.
    peaks = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(peaks[0].split()[1]) * 1024
