from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from shared.scratch import Scratch, UnsafeScratchError


def test_directories_are_private_and_go_with_their_replica(tmp_path: Path) -> None:
    root = tmp_path / "keepsake" / "unlock"
    scratch = Scratch(root, replica_id="one")
    assert scratch.open() == 0
    folder = scratch.make("session")
    (folder / "Manifest.db").write_bytes(b"plaintext")
    for made in (root, root / "one", folder):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    scratch.remove(folder)
    assert not folder.exists()
    scratch.make("other")
    scratch.close()
    assert list(root.iterdir()) == []


def test_leftovers_of_the_dead_are_removed_and_a_living_neighbour_keeps_its_files(
    tmp_path: Path,
) -> None:
    neighbour = Scratch(tmp_path, replica_id="living")
    neighbour.open()
    alive = neighbour.make("session")
    dead = tmp_path / "dead" / "session"
    dead.mkdir(parents=True)
    (dead / "Manifest.db").write_bytes(b"plaintext")
    (tmp_path / "dead.lock").touch()  # nobody holds it any more
    scratch = Scratch(tmp_path, replica_id="fresh")
    assert scratch.open() == 1
    assert not dead.exists()
    assert not (tmp_path / "dead.lock").exists()
    assert alive.exists()
    neighbour.close()
    scratch.close()


def test_a_symlink_left_behind_is_removed_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    root = tmp_path / "root"
    root.mkdir()
    (root / "dead").symlink_to(outside)
    scratch = Scratch(root, replica_id="fresh")
    scratch.open()
    assert (outside / "precious").exists()
    assert not (root / "dead").is_symlink()
    scratch.close()


def test_a_root_that_is_a_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeScratchError):
        Scratch(tmp_path / "root", replica_id="one").open()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_root_that_belongs_to_somebody_else_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    os.chown(root, 12345, 12345)
    with pytest.raises(UnsafeScratchError):
        Scratch(root, replica_id="one").open()


def test_a_folder_that_everybody_uses_is_refused_and_stays_everybodys(tmp_path: Path) -> None:
    shared = tmp_path / "shm"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(UnsafeScratchError):
        Scratch(shared / "unlock", replica_id="one").open()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    assert list(shared.iterdir()) == []
