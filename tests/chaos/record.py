"""What happened in a run, written by all threads: errors met, violations, recoveries."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

#: A storm of one error says no more than its first drops.
_MOST_ALIKE = 4


@dataclass
class Record:
    """The notebook of one run."""

    started: float = field(default_factory=time.monotonic)
    #: Requests that succeeded, by what they were for.
    done: Counter[str] = field(default_factory=Counter)
    #: Errors that a person can act on, by class.
    errors: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    #: Seconds until everything answered again, by kind and target.
    recoveries: list[tuple[str, float]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    #: Jobs that were accepted, and the backup each is of.
    jobs: dict[str, str] = field(default_factory=dict)
    peak_memory: dict[str, int] = field(default_factory=dict)
    invariants: dict[str, bool] = field(default_factory=dict)
    notes: dict[str, object] = field(default_factory=dict)
    #: Jobs whose end was noted already.
    ended: set[str] = field(default_factory=set)
    #: Problems that may end a job besides those that always may.
    passing: set[str] = field(default_factory=set)
    _alike: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    def did(self, what: str) -> None:
        """Count a success."""
        with self._lock:
            self.done[what] += 1

    def saw(self, error: str) -> None:
        """Count an error that is allowed while things break."""
        with self._lock:
            self.errors[error] += 1

    def violated(self, what: str) -> None:
        """Note what must not happen; of the same thing only the first few times."""
        with self._lock:
            alike = re.sub(r"[0-9a-f]{4,}(-[0-9a-f]+)*|\d+", "#", what)[:100]
            self._alike[alike] += 1
            if self._alike[alike] <= _MOST_ALIKE:
                self.violations.append(f"[{self.seconds:.1f}s] {what}")

    def checked(self, name: str, problems: list[str]) -> None:
        """Note the outcome of an invariant; it holds when there are no problems."""
        self.invariants[name] = not problems
        for problem in problems[:5]:
            self.violated(f"{name}: {problem}")
        if len(problems) > 5:
            self.violated(f"{name}: and {len(problems) - 5} more")

    def accepted(self, job: str, backup: str) -> None:
        """Remember a job."""
        with self._lock:
            self.jobs[job] = backup

    def weighed(self, label: str, peak_bytes: int) -> None:
        """Remember the largest size."""
        self.peak_memory[label] = max(peak_bytes, self.peak_memory.get(label, 0))
