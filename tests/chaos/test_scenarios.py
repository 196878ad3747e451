"""The scenarios in the test suite: minutes each, so only on request.

Their quick parts are tests of their own: tests/integration/platform/test_killed_engines.py,
tests/integration/discovery/test_hung_mounts.py, tests/integration/unlock/test_hung_mounts.py.
"""

from __future__ import annotations

import os
import shutil

import pytest

from tests.chaos import shifted
from tests.chaos.full_disk import full_disk
from tests.chaos.hung_disk import hung_disk
from tests.chaos.run import Options, run
from tests.chaos.small_disks import can_mount

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("KEEPSAKE_CHAOS") != "all", reason="takes minutes; set KEEPSAKE_CHAOS=all"
    ),
    pytest.mark.timeout(400),
]


@pytest.mark.skipif(not can_mount(), reason="needs root and the right to mount")
def test_disks_that_run_full_lose_nothing_and_are_told_of() -> None:
    """Again: ``python -m tests.chaos --scenario full-disk --messages 1500``."""
    options = Options(seed=1, faults=0, seconds=0, messages=1500, scenario="full-disk")
    assert full_disk(options).violations == []


@pytest.mark.skipif(
    not can_mount() or shutil.which("bindfs") is None, reason="needs root and bindfs"
)
def test_a_share_that_hangs_holds_up_nothing_else() -> None:
    """Again: ``python -m tests.chaos --scenario hung-disk --messages 1500``."""
    options = Options(seed=1, faults=0, seconds=0, messages=1500, scenario="hung-disk")
    assert hung_disk(options).violations == []


@pytest.mark.skipif(shifted.library() is None, reason="needs libfaketime (Debian: faketime)")
def test_a_clock_that_jumps_loses_nothing_and_lets_nothing_live_on() -> None:
    """Again: ``python -m tests.chaos --scenario clock --seed 1 --messages 1500``."""
    options = Options(seed=1, faults=0, seconds=0, messages=1500, scenario="clock")
    assert run(options).violations == []
