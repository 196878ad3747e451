"""Every public sample of every kind gives artifacts, or says why there are none."""

import os
from pathlib import Path

import pytest

from tests.kinds.stores import Stores, sample_stores
from tests.kinds.table import read, write_table

SAMPLES = os.environ.get("KEEPSAKE_SAMPLES")
pytestmark = pytest.mark.skipif(not SAMPLES, reason="KEEPSAKE_SAMPLES is not set")

STORES = sample_stores(Path(SAMPLES) / "ios") if SAMPLES else []
#: Databases that are there and hold no row of their kind; looked at by hand.
EMPTY = {
    ("voicemail", "abrignoni+iLEAPP/josh_ios15_ffs"),
    ("voicemail", "abrignoni+iLEAPP/mvs_ios_2023"),
    ("note", "abrignoni+iLEAPP/mvs_ios_2023"),
    ("contact", "abrignoni+iLEAPP/mvs_ios_2023"),
}


@pytest.mark.parametrize("stores", STORES, ids=lambda one: f"{one.kind} of {one.origin}")
def test_a_store_gives_artifacts_or_says_why_not(stores: Stores, tmp_path: Path) -> None:
    reading = read(stores, tmp_path)
    if (stores.kind, stores.origin) in EMPTY:
        assert not reading.artifacts
        return
    assert reading.artifacts or reading.note
    assert reading.stores.version != "?"
    # Nothing is an artifact that says nothing.
    assert bool(reading.fields) is bool(reading.artifacts)
    page = write_table([reading])
    assert f"## `{stores.kind}`" in page
