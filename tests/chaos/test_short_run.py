"""A short chaos run in the test suite: the same harness, fewer blows."""

from __future__ import annotations

import pytest

from tests.chaos.run import Options, run


@pytest.mark.timeout(400)
def test_nothing_is_lost_or_doubled_whatever_is_killed() -> None:
    """Again with: ``python -m tests.chaos --seed 20 --faults 18 --seconds 10 --messages 2000``."""
    record = run(Options(seed=20, faults=18, seconds=10, messages=2000))
    assert record.violations == []
    assert record.invariants
    assert sum(record.faults.values()) >= 12
