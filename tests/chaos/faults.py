"""Carries out the plan: strikes, waits until the vault has recovered, notes how long that took."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from pathlib import Path

from tests.chaos.plan import SERVICES, Fault
from tests.chaos.record import Record
from tests.chaos.vault import Vault, children

#: A machine that is shared may be slow; a vault that is not back by then does not come back.
_RECOVERY_SECONDS = 120.0
#: Parsers live for a second each: so long we lie in wait for one.
_WAIT_FOR_WORKER_SECONDS = 6.0
#: What a supervisor that was killed leaves must be gone by then.
_ORPHAN_SECONDS = 15.0
#: Their end is followed by a new process; others' by nothing.
_RESTARTED = (*SERVICES, "nats", "postgres")
_SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "stop": signal.SIGSTOP}


class Striker:
    """Strikes one vault. One thread."""

    def __init__(self, vault: Vault, record: Record, stopping: threading.Event) -> None:
        self._vault = vault
        self._record = record
        self._stopping = stopping
        self._stopped: list[tuple[float, int]] = []
        self._replaced: list[tuple[str, int]] = []

    def strike(self, volley: list[Fault]) -> None:
        """Carry out a volley and wait for the recovery from it."""
        named = []
        for fault in volley:
            self._wait(fault.after_seconds)
            if self._one(fault):
                named.append(f"{fault.kind} {fault.target}")
                self._record.faults[f"{fault.kind} {fault.target}"] += 1
            else:
                self._record.skipped[f"{fault.kind} {fault.target}"] += 1
        while self._stopped:
            self._wait(0.05)
        if named:
            name = named[0] if len(named) == 1 else "several at once"
            self._recover(name, " + ".join(named))

    def _one(self, fault: Fault) -> bool:
        if fault.target == "supervisor" and fault.kind != "stop":
            self._end_supervisor(fault)
            return True
        pid = self._find(fault)
        if pid is None:
            return False
        try:
            os.kill(pid, _SIGNALS[fault.kind])
        except ProcessLookupError:
            return False
        if fault.kind == "stop":
            self._stopped.append((time.monotonic() + fault.pause_seconds, pid))
        elif fault.target in _RESTARTED:
            self._replaced.append((fault.target, pid))
        return True

    def _find(self, fault: Fault) -> int | None:
        if fault.target == "worker":
            return self._await_worker(fault.number)
        if fault.target == "supervisor":
            return self._vault.supervisor
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            found = self._vault.find(fault.target)
            if found:
                # Which of several connections is chance in any case: they come and go.
                return found[fault.number % len(found)]
            time.sleep(0.05)
        return None

    def _await_worker(self, number: int) -> int | None:
        deadline = time.monotonic() + _WAIT_FOR_WORKER_SECONDS
        indexer: list[int] = []
        while time.monotonic() < deadline and not self._stopping.is_set():
            indexer = indexer or self._vault.find("indexer")
            for pid in indexer:
                if found := children(pid):
                    # Parsers and exports are children of one indexer.
                    return found[number % len(found)]
            time.sleep(0.01)
        return None

    def _end_supervisor(self, fault: Fault) -> None:
        self._replaced.clear()
        if fault.kind == "kill":
            self._vault.kill()
            # Nothing that stands still can notice that its parent is gone.
            self._continue(math.inf)
        else:
            self._continue(math.inf, only=self._vault.supervisor)
            if (code := self._vault.stop()) != 0:
                self._record.violated(f"keepsake up ended with {code} when told to stop")
            # They were killed in the end; their numbers may be others' by now.
            self._stopped.clear()
        self._wait(fault.pause_seconds)
        before = self._vault.sessions[:]
        self._vault.start()
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while left := [one for one in self._vault.leftovers() if not self._is_ours(one)]:
            if time.monotonic() > deadline:
                self._record.violated(
                    f"outlived a {fault.kind} of supervisor {before[-1]}: {left[:3]}"
                )
                return
            time.sleep(0.1)

    def _is_ours(self, leftover: str) -> bool:
        pid = int(leftover.split(maxsplit=1)[0])
        # By descent: what has a session of its own is known by its parent.
        return pid in {process.pid for process in self._vault.processes()} or not _lives(pid)

    def _recover(self, name: str, detail: str) -> None:
        started = time.monotonic()
        while not (self._are_replaced() and self._vault.answers()):
            if not self._vault.is_running():
                self._record.violated(f"keepsake up ended by itself after {detail}")
                self._vault.start()
            if time.monotonic() - started > _RECOVERY_SECONDS:
                away = [target for target, pid in self._replaced if self._is_same(target, pid)]
                self._record.violated(
                    f"no recovery from {detail} in {_RECOVERY_SECONDS:.0f} s; never ended: {away}"
                )
                for _, pid in self._replaced:
                    _signal(pid, signal.SIGKILL)
                break
            time.sleep(0.05)
        self._replaced.clear()
        self._record.recoveries.append((name, time.monotonic() - started))

    def _are_replaced(self) -> bool:
        return not any(self._is_same(target, pid) for target, pid in self._replaced)

    def _is_same(self, target: str, pid: int) -> bool:
        found = self._vault.find(target)
        replicas = self._vault.replicas if target in SERVICES else 1
        return len(found) < replicas or pid in found

    def _wait(self, seconds: float) -> None:
        """Sleep, and let stopped processes go on when it is their time."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            self._continue(now)
            time.sleep(min(0.05, until - now))

    def _continue(self, now: float, *, only: int | None = None) -> None:
        """Let those go on whose time has come."""
        for moment, pid in self._stopped[:]:
            if moment <= now and only in {None, pid}:
                _signal(pid, signal.SIGCONT)
                self._stopped.remove((moment, pid))


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
