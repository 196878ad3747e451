"""A library of Immich as a source: what is taken, in which order, and what is refused."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import socket
from pathlib import Path

import pytest

from services.archiver.errors import (
    CancelledByPersonError,
    DumpRefusedError,
    SourceChangedError,
    SourceUnmountedError,
)
from services.archiver.sources.immich import ImmichTree, make_folders, next_steps
from services.archiver.sources.matching import takes
from tests.immich_library import DUMP, FOLDERS, PERSON, add_dump, make_library

HOUR = dt.timedelta(hours=1)


def _tree(
    root: Path, *, with_regenerable: bool = False, exclude: tuple[str, ...] = ()
) -> ImmichTree:
    return ImmichTree(
        root,
        takes=takes(include=(), exclude=exclude),
        most_dump_age=28 * HOUR,
        with_regenerable=with_regenerable,
    )


def _walked(tree: ImmichTree) -> list[str]:
    with tree:
        return [os.fsdecode(found.path) for found in tree.walk()]


def test_the_dump_comes_first_then_what_nobody_can_make_again(tmp_path: Path) -> None:
    dump = make_library(tmp_path)
    tree = _tree(tmp_path)
    walked = _walked(tree)
    assert walked[:2] == ["backups", f"backups/{dump.name}"]
    tops = list(dict.fromkeys(path.partition("/")[0] for path in walked[2:]))
    assert tops == [
        "library", "upload", "profile", "backups", "encoded-video", "notes.txt", "thumbs",
    ]  # fmt: skip
    assert len(walked) == len(set(walked))
    assert walked.index("library") < walked.index("library/.immich")
    assert tree.facts["left_out"] == ["thumbs", "encoded-video", "postgres", "pgdata"]


def test_what_is_made_anew_is_left_out_but_for_the_markers(tmp_path: Path) -> None:
    make_library(tmp_path)
    walked = _walked(_tree(tmp_path, exclude=(".*",)))
    assert {path for path in walked if path.endswith(".immich")} == {
        f"{folder}/.immich" for folder in FOLDERS
    }
    assert not [path for path in walked if "0a1b-preview" in path or path.endswith(".mp4")]
    assert not [path for path in walked if path.startswith(("postgres", "pgdata"))]
    assert not [path for path in walked if path.endswith(".tmp")]
    everything = _walked(_tree(tmp_path, with_regenerable=True))
    assert f"thumbs/{PERSON}/0a/1b/0a1b-preview.jpeg" in everything


def test_the_dump_is_archived_whatever_patterns_leave_out(tmp_path: Path) -> None:
    dump = make_library(tmp_path)
    walked = _walked(_tree(tmp_path, exclude=("backups/", "*.gz")))
    assert [path for path in walked if path.startswith("backups")] == [
        "backups",
        f"backups/{dump.name}",
    ]


def test_the_newest_dump_is_told_by_its_name_and_its_time(tmp_path: Path) -> None:
    make_library(tmp_path)
    old = add_dump(tmp_path, age=9 * 24 * HOUR, server="1.9.9")
    # As a copy of a library that did not keep times leaves it.
    os.utime(old)
    tree = _tree(tmp_path)
    tree.prepare()
    tree.read_dump(lambda: False)
    said = tree.facts["dump"]
    assert (said["server_version"], said["postgres_version"]) == ("2.5.0", "14.19")
    assert said["read_to_its_end"] is True
    taken = dt.datetime.fromisoformat(said["taken_at"])
    assert taken <= dt.datetime.fromisoformat(tree.facts["files_read_from"])


def test_a_dump_of_an_older_immich_is_known_by_its_milliseconds(tmp_path: Path) -> None:
    newest = make_library(tmp_path, dump_age=20 * HOUR)
    at = dt.datetime.now(dt.UTC) - HOUR
    named = newest.with_name(f"immich-db-backup-{int(at.timestamp() * 1000)}.sql.gz")
    shutil.copy(newest, named)
    tree = _tree(tmp_path)
    tree.prepare()
    assert tree.facts["dump"]["name"] == named.name
    assert tree.facts["dump"]["server_version"] is None


@pytest.mark.parametrize("folder", ["library", "upload", "profile", "backups"])
def test_a_folder_without_its_marker_is_taken_for_an_unmounted_disk(
    tmp_path: Path, folder: str
) -> None:
    make_library(tmp_path)
    shutil.rmtree(tmp_path / folder)
    (tmp_path / folder).mkdir()
    with pytest.raises(SourceUnmountedError, match=f"The folder {folder} "):
        _walked(_tree(tmp_path))


def test_markers_of_what_is_left_out_are_asked_for_only_where_it_is_wanted(tmp_path: Path) -> None:
    make_library(tmp_path)
    shutil.rmtree(tmp_path / "thumbs")
    assert "thumbs" not in _walked(_tree(tmp_path))
    with pytest.raises(SourceUnmountedError):
        _walked(_tree(tmp_path, with_regenerable=True))


def test_a_library_without_a_dump_or_with_an_old_one_is_refused(tmp_path: Path) -> None:
    dump = make_library(tmp_path, dump_age=41 * HOUR)
    with pytest.raises(DumpRefusedError, match=r"(40|41) hours old"):
        _tree(tmp_path).prepare()
    for path in dump.parent.glob("immich-db-backup-*.sql.gz"):
        path.unlink()
    with pytest.raises(DumpRefusedError, match="none"):
        _tree(tmp_path).prepare()


def test_a_dump_that_is_cut_damaged_or_unfinished_is_refused(tmp_path: Path) -> None:
    dump = make_library(tmp_path)
    whole = dump.read_bytes()
    status = dump.stat()
    flipped = bytearray(whole)
    flipped[-6] ^= 1
    for content in (whole[:-20], bytes(flipped), b""):
        dump.write_bytes(content)
        os.utime(dump, ns=(status.st_mtime_ns, status.st_mtime_ns))
        tree = _tree(tmp_path)
        tree.prepare()
        with pytest.raises(DumpRefusedError):
            tree.read_dump(lambda: False)
    # Packed whole, but the program that made it ended in the middle.
    add_dump(tmp_path, age=2 * HOUR, content=DUMP[: DUMP.index(b"complete") - 5])
    tree = _tree(tmp_path)
    tree.prepare()
    with pytest.raises(DumpRefusedError, match="breaks off"):
        tree.read_dump(lambda: False)
    with pytest.raises(CancelledByPersonError):
        tree.read_dump(lambda: True)


def test_a_dump_that_is_replaced_or_gone_in_between_makes_no_archive(tmp_path: Path) -> None:
    dump = make_library(tmp_path)
    tree = _tree(tmp_path)
    _walked(tree)
    tree.check_dump()
    # One that is made meanwhile changes nothing.
    add_dump(tmp_path, age=dt.timedelta(minutes=1))
    tree.check_dump()
    assert _walked(tree)[1] == f"backups/{dump.name}"
    dump.write_bytes(dump.read_bytes())
    with pytest.raises(SourceChangedError):
        tree.check_dump()
    dump.unlink()
    with pytest.raises(SourceChangedError):
        tree.check_dump()


def test_a_dump_of_the_future_is_waited_for(tmp_path: Path) -> None:
    make_library(tmp_path, dump_age=-HOUR)
    with pytest.raises(SourceChangedError, match="future"):
        _tree(tmp_path).prepare()


def test_a_restored_library_gets_what_immich_looks_for(tmp_path: Path) -> None:
    (tmp_path / "thumbs").mkdir()
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / ".immich").write_text("1753927200000")
    assert set(make_folders(tmp_path)) == set(FOLDERS) - {"library"}
    assert (tmp_path / "library" / ".immich").read_text() == "1753927200000"
    assert all((tmp_path / folder / ".immich").read_text().isdigit() for folder in FOLDERS)
    assert make_folders(tmp_path) == []


def test_no_folder_is_made_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    target = tmp_path / "target"
    target.mkdir()
    (target / "thumbs").symlink_to(outside)
    (target / "upload").write_text("not a folder")
    assert set(make_folders(target)) == set(FOLDERS) - {"thumbs", "upload"}
    assert list(outside.iterdir()) == []


def test_what_is_to_be_done_next_names_the_dump_and_what_is_made_anew(tmp_path: Path) -> None:
    dump = make_library(tmp_path)
    tree = _tree(tmp_path)
    tree.prepare()
    steps = next_steps(tree.facts)
    assert "2.5.0" in steps[0]
    assert dump.name in steps[1]
    assert "Thumbnails" in steps[2]


def test_special_files_are_told_and_links_stay_links(tmp_path: Path) -> None:
    make_library(tmp_path)
    os.mkfifo(tmp_path / "library" / "pipe")
    short = Path("/tmp") / f"keepsake-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as ours:
        ours.bind(str(short))
        short.rename(tmp_path / "upload" / "socket")
    (tmp_path / "library" / "link").symlink_to("../upload")
    tree = _tree(tmp_path)
    with tree:
        links = {found.path: found.target for found in tree.walk() if found.type == "symlink"}
    assert links == {b"library/link": b"../upload"}
    assert dict(tree.skipped) == {
        b"library/pipe": "is neither a file, a folder nor a link",
        b"upload/socket": "is neither a file, a folder nor a link",
    }
