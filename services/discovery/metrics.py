"""Discovery's figures, told by the replica that scans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import get_args

from prometheus_client import Gauge, Histogram

from shared.contracts.discovery import BackupState

SCAN_SECONDS = Histogram(
    "keepsake_scan_seconds",
    "Time of one scan of all roots.",
    buckets=(0.01, 0.05, 0.2, 1, 5, 30, 120, 600),
)
_BACKUPS = Gauge("keepsake_backups", "Backups that are known, by state.", ("state",))


def show_backups(states: Iterable[BackupState]) -> None:
    """Show how many backups are in each state; those that none is in become 0."""
    found = Counter(states)
    for state in get_args(BackupState):
        _BACKUPS.labels(state).set(found[state])
