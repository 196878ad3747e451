"""Private directories for plaintext."""

from __future__ import annotations

import os
from pathlib import Path

from services.indexer.scratch import Scratch


def test_directories_are_private_and_gone_after_closing(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "indexer")
    scratch.open()
    folder = scratch.make("job")
    (folder / "sms.db").write_text("x")
    assert folder.stat().st_mode & 0o777 == 0o700
    scratch.close()
    assert list((tmp_path / "indexer").iterdir()) == []


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    root = tmp_path / "indexer"
    living, dead = Scratch(root), Scratch(root)
    living.open()
    dead.open()
    kept, left = living.make("a"), dead.make("b")
    assert dead._lock is not None
    os.close(dead._lock)  # what the kernel does when the process dies
    assert Scratch(root).open() == 1
    assert kept.exists()
    assert not left.exists()
