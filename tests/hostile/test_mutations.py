"""The short form of ``python -m tests.hostile``: some hundred damaged inputs for every reader."""

from __future__ import annotations

import multiprocessing

import pytest

from tests.hostile.readers import all_readers
from tests.hostile.trial import Outcome, run_reader

#: Manifests are opened and read through, parsers run in processes of their own.
SLOW = {"Manifest.db": 80, "Manifest.db, encrypted": 80, "Manifest.mbdb": 120, "backup folder": 120}
_WORKERS = 25


#: Its processes are copies of one that has done the imports and nothing else.
_FRESH = multiprocessing.get_context("forkserver")
_FRESH.set_forkserver_preload(["tests.hostile.trial"])


def trial(name: str, count: int) -> Outcome:
    """Run in a fresh process: pytest's own has threads, connections and patched imports."""
    with _FRESH.Pool(1) as pool:
        return pool.apply(run_reader, (name,), {"seed": 3, "first": 0, "count": count})


@pytest.mark.parametrize("name", all_readers())
def test_damaged_input_ends_in_a_clear_error_or_a_result(name: str) -> None:
    count = SLOW.get(name, _WORKERS if name.endswith("(worker)") else 200)
    outcome = trial(name, count)
    assert outcome.violations == []
    assert outcome.cases == outcome.results + outcome.clear_errors == count
    # A trial in which everything is refused at the door tries nothing.
    assert outcome.results > 0
