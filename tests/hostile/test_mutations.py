"""The short form of ``python -m tests.hostile``: some hundred damaged inputs for every reader."""

from __future__ import annotations

import multiprocessing

import pytest

from tests.hostile.readers import all_readers
from tests.hostile.trial import Outcome, run_reader

#: Manifests are opened and read through, parsers run in processes of their own.
SLOW = {
    "Manifest.db": 80,
    "Manifest.db, encrypted": 80,
    "Manifest.mbdb": 120,
    "backup folder": 120,
    "messages (worker)": 80,
    "contacts (worker)": 80,
    "whatsapp (worker)": 80,
    "calls (worker)": 80,
    "voicemails (worker)": 80,
    "voice memos (worker)": 80,
    "calendars (worker)": 60,
    "reminders (worker)": 60,
    "notes (worker)": 80,
    "web visits (worker)": 60,
    "bookmarks (worker)": 60,
    "open tabs (worker)": 60,
    "interactions (worker)": 60,
    "health (worker)": 60,
    "places (worker)": 60,
    "apps (worker)": 60,
    "accounts (worker)": 60,
    "wifi networks (worker)": 60,
    "permissions (worker)": 60,
    "data usage (worker)": 60,
}


def trial(name: str, count: int) -> Outcome:
    """Run in a fresh process: pytest's own has threads, connections and patched imports."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run_reader, (name,), {"seed": 3, "first": 0, "count": count})


@pytest.mark.parametrize("name", all_readers())
def test_damaged_input_ends_in_a_clear_error_or_a_result(name: str) -> None:
    count = SLOW.get(name, 200)
    outcome = trial(name, count)
    assert outcome.violations == []
    assert outcome.cases == outcome.results + outcome.clear_errors == count
    # A trial in which everything is refused at the door tries nothing.
    assert outcome.results > 0
