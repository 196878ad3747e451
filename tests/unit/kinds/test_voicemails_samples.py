"""Lists of voicemails of three real phones. None of them holds any; one knows its SIM."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.voicemail.store import VoicemailStore
from tests.unit.kinds.collected import parse

SAMPLES = os.environ.get("KEEPSAKE_SAMPLES")
FOLDER = Path(SAMPLES or "/nonexistent") / "ios" / "abrignoni+iLEAPP"
STORE = "HomeDomain/Library/Voicemail/voicemail.db"
STORES = sorted(FOLDER.rglob("voicemail.db"))

pytestmark = pytest.mark.skipif(SAMPLES is None, reason="KEEPSAKE_SAMPLES is not set")


def test_the_samples_are_there() -> None:
    assert len(STORES) >= 2


@pytest.mark.parametrize("store", STORES, ids=lambda path: path.relative_to(FOLDER).parts[0])
def test_real_lists_without_voicemails_give_none_and_nothing_is_noted(
    tmp_path: Path, store: Path
) -> None:
    found = parse("voicemail", {STORE: store}, tmp_path, listing=[])
    assert found.artifacts == []
    assert (found.tally.read, found.tally.notes) == (0, {})


def test_lines_of_a_real_phone_are_known(tmp_path: Path) -> None:
    copy = tmp_path / "voicemail.db"
    copy.write_bytes((FOLDER / "josh_ios15_ffs/mobile/Library/Voicemail/voicemail.db").read_bytes())
    with Database(copy) as database:
        store = VoicemailStore(database, Tally())
        assert len(store.lines) == 1
