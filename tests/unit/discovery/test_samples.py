"""Real and public backups (KEEPSAKE_SAMPLES)."""

import os
from pathlib import Path

from services.discovery.folders import survey
from services.discovery.inspection import judge, read_plists
from shared.scratch import Scratch


def test_public_samples_are_found_and_judged(samples: Path, tmp_path: Path) -> None:
    root = samples / "ios"
    found = {
        os.path.relpath(os.fsdecode(folder.path), root): folder.path
        for folder in survey([os.fsencode(root)]).folders
    }
    states = {}
    for name, path in found.items():
        plists = read_plists(path)
        judgement = judge(
            path,
            plists,
            memo=None,
            scratch=Scratch(tmp_path / "own", replica_id="test"),
            is_stopping=lambda: False,
        )
        states[name.split("/")[1]] = (
            judgement.state,
            plists.encrypted,
            judgement.missing_files,
        )
    assert states["encrypted_clean"] == ("complete", True, None)
    assert states["encrypted_uid_keys"] == ("complete", True, None)
    assert states["plain_twin"] == ("complete", False, 0)
    # A real manifest of 1,089 files with a dozen blobs, without Manifest.plist and Status.plist.
    state, encrypted, missing = states["ios_backup"]
    assert (state, encrypted) == ("partial", False)
    assert missing is not None
    assert missing > 1000
    # Its Status.plist is empty.
    assert states["encrypted_sqlite_manifest"] == ("partial", True, None)
