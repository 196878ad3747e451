import os
import shutil
from pathlib import Path

import pytest

from services.discovery.errors import Stopped
from services.discovery.folders import (
    MAX_DEPTH,
    Survey,
    remaining_file_system,
    survey,
)

UDID = "00008110-000A1B2C3D4E5F60"
OLD_UDID = "0123456789abcdef0123456789abcdef01234567"


def backup(folder: Path, manifest: str = "Manifest.db") -> Path:
    folder.mkdir(parents=True)
    (folder / manifest).write_bytes(b"x")
    return folder


def walk(*roots: Path) -> Survey:
    return survey([os.fsencode(root) for root in roots])


def found(*roots: Path) -> set[str]:
    return {os.fsdecode(folder.path) for folder in walk(*roots).folders}


def test_backups_are_found_at_any_name_and_depth_in_every_root(tmp_path: Path) -> None:
    places = {
        str(backup(tmp_path / "mac" / UDID)),
        str(backup(tmp_path / "mac" / f"{UDID}-20240830-064000", "Manifest.plist")),
        str(backup(tmp_path / "win" / "Apple" / "MobileSync" / "Backup" / OLD_UDID)),
        str(backup(tmp_path / "win" / "Mum's old phone", "Manifest.mbdb")),
    }
    assert found(tmp_path / "mac", tmp_path / "win") == places


def test_a_root_may_be_a_backup_itself(tmp_path: Path) -> None:
    assert found(backup(tmp_path / UDID)) == {str(tmp_path / UDID)}


def test_nothing_is_looked_for_inside_a_backup(tmp_path: Path) -> None:
    outer = backup(tmp_path / UDID)
    backup(outer / "ab" / OLD_UDID)
    assert found(tmp_path) == {str(outer)}


def test_a_first_run_is_found_before_it_has_a_manifest(tmp_path: Path) -> None:
    early = tmp_path / UDID
    early.mkdir()
    (early / "Info.plist").touch()
    renamed = tmp_path / "phone"
    renamed.mkdir()
    (renamed / "Info.plist").touch()
    (renamed / "Status.plist").touch()
    app = tmp_path / "Some.app"
    app.mkdir()
    (app / "Info.plist").touch()
    assert found(tmp_path) == {str(early), str(renamed)}


@pytest.mark.parametrize("name", ["@eaDir", "#recycle", ".Trashes", "copy.tmp", "._phone"])
def test_clutter_is_not_entered(tmp_path: Path, name: str) -> None:
    backup(tmp_path / name / UDID)
    assert found(tmp_path) == set()


def test_links_lead_to_backups_and_each_real_folder_counts_once(tmp_path: Path) -> None:
    real = backup(tmp_path / "disk" / UDID)
    other = backup(tmp_path / "elsewhere" / OLD_UDID)
    root = tmp_path / "root"
    root.mkdir()
    (root / "one").symlink_to(real)
    (root / "two").symlink_to(real)
    (root / "all").symlink_to(other.parent)
    linked_root = tmp_path / "linked"
    linked_root.symlink_to(root)
    seen = walk(linked_root, root, tmp_path / "disk")
    assert {os.fsdecode(folder.path) for folder in seen.folders} == {str(real), str(other)}
    shown = {os.fsdecode(folder.shown_path) for folder in seen.folders}
    assert shown == {str(real), str(linked_root / "all" / OLD_UDID)}


def test_loops_end_and_a_link_is_not_followed_far(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "up").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    backup(tmp_path / "disk" / "one" / "two" / "three" / UDID)
    (root / "disk").symlink_to(tmp_path / "disk")
    seen = walk(root)
    assert seen.folders == []
    assert seen.unreadable == []


def test_depth_is_bounded(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * MAX_DEPTH)
    backup(deep / UDID)
    assert found(tmp_path) == set()
    shallow = tmp_path.joinpath(*["e"] * (MAX_DEPTH - 1))
    assert found(backup(shallow / UDID).parent.parent) == {str(shallow / UDID)}
    assert found(tmp_path) == {str(shallow / UDID)}


def test_a_root_without_end_is_reported_and_not_walked_for_ever(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).mkdir()
    seen = survey([os.fsencode(tmp_path)], max_folders=5)
    assert {place.reason for place in seen.unreadable} == {"too-many-folders"}


def test_a_missing_root_is_unreadable_and_others_are_walked(tmp_path: Path) -> None:
    there = backup(tmp_path / "there" / UDID)
    (tmp_path / "file").touch()
    seen = walk(tmp_path / "missing", tmp_path / "file", there.parent)
    assert [(p.reason, p.is_root) for p in seen.unreadable] == [
        ("not-there", True),
        ("not-a-folder", True),
    ]
    assert len(seen.folders) == 1


def test_special_files_and_names_that_are_no_text_are_harmless(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xff\xfe caf\xe9")
    backup(odd)
    fifo = tmp_path / "fifo"
    fifo.mkdir()
    os.mkfifo(fifo / "Manifest.db")
    link = tmp_path / "link"
    link.mkdir()
    (link / "Manifest.plist").symlink_to("/etc/passwd")
    (tmp_path / "Manifest.mbdb").mkdir()
    assert found(tmp_path) == {str(odd)}


def test_a_walk_that_is_stopped_gives_no_half_result(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        survey([os.fsencode(tmp_path)], is_stopping=lambda: True)


def test_what_remains_of_a_path_is_its_nearest_existing_folder(tmp_path: Path) -> None:
    gone = tmp_path / "a" / "b" / "c"
    gone.mkdir(parents=True)
    here = tmp_path.stat().st_dev
    shutil.rmtree(tmp_path / "a")
    assert remaining_file_system(os.fsencode(gone)) == here
