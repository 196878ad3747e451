"""Unlock's figures. No label names a backup, a session or a caller."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from shared.contracts.problems import Problem

OPEN_SESSIONS = Gauge("keepsake_open_sessions", "Sessions whose keys this process holds.")
BYTES_READ = Counter("keepsake_unlock_read_bytes_total", "Plaintext bytes that were read.")
_ATTEMPTS = Counter(
    "keepsake_unlock_attempts_total", "Asked to open a session, by how it ended.", ("outcome",)
)

#: Problems that are worth a figure of their own; the others share one.
_OUTCOMES = frozenset(
    {
        *("wrong-passphrase", "throttled", "incomplete-backup", "not-a-backup", "damaged"),
        *("not-found", "bad-request", "service-unavailable", "timeout"),
    }
)


def count_opened() -> None:
    """Count an attempt that ended with a session."""
    _ATTEMPTS.labels("opened").inc()


def count_refused(problem: Problem) -> None:
    """Count an attempt that ended with *problem*."""
    slug = problem.type.rpartition("/")[2]
    _ATTEMPTS.labels(slug.replace("-", "_") if slug in _OUTCOMES else "other").inc()
