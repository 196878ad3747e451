"""A short chaos run in the test suite: the same harness, fewer blows."""

from __future__ import annotations

import os

import pytest

from tests.chaos.run import Options, run


@pytest.mark.skipif(
    os.environ.get("KEEPSAKE_CHAOS") != "1",
    reason="takes a minute or two; set KEEPSAKE_CHAOS=1",
)
@pytest.mark.timeout(300)
def test_nothing_is_lost_or_doubled_whatever_is_killed() -> None:
    """Again: ``python -m tests.chaos --seed 20 --faults 12 --seconds 3 --messages 1000``."""
    record = run(Options(seed=20, faults=12, seconds=3, messages=1000))
    assert record.violations == []
    assert record.invariants
    assert sum(record.faults.values()) >= 9
