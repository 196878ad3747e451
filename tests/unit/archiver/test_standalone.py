"""What a stranger with a store, Python and zstd can do: the reader that lies in every bundle."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from services.archiver.format.bundle import BundleFile, BundleReader
from services.archiver.format.standalone import standalone_files
from services.archiver.format.tree import TreeEntry
from services.archiver.store.local_folder import LocalFolder
from tests.unit.archiver.generated_store import (
    MOMENT,
    PASSWORD,
    make_phone_store,
    make_store,
    put_bundle,
    snapshot,
)
from tests.unit.archiver.hostile_bundles import put_tree_bundle
from tests.unit.archiver.standalone_reader import FOLDER, needs_programs, run_alone

pytestmark = needs_programs

DATABASE = b"PGDMP" + bytes(range(256)) * 30


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("standalone")
    make_phone_store(folder)
    return folder


def test_it_knows_nothing_but_pythons_own_library() -> None:
    tree = ast.parse((FOLDER / "restore.py").read_text(), feature_version=(3, 8))
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert names <= sys.stdlib_module_names


def test_every_bundle_begins_with_what_gets_it_back(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    path = put_bundle(store, [BundleFile(path="databases/n8n.dump", content=DATABASE)], kind="n8n")
    with (tmp_path / "store" / path).open("rb") as file, BundleReader.open(file) as bundle:
        members = [member.listed.path for member in bundle.members()]
    assert members == [
        "restore.sh", "restore.py", "requirements.txt", "system_info.json", "databases/n8n.dump",
    ]  # fmt: skip
    assert [file.path for file in standalone_files()] == members[:4]


def test_a_phone_comes_back_as_it_was(phone: Path, tmp_path: Path) -> None:
    done = run_alone("--store", phone / "store", "restore", tmp_path / "target")
    assert (done.returncode, done.stderr) == (0, "")
    assert snapshot(tmp_path / "target") == snapshot(phone / "phone")


def test_the_shell_script_taken_out_of_a_bundle_does_it_all(phone: Path, tmp_path: Path) -> None:
    (bundle,) = (phone / "store").glob("bundles/*/*.zst")
    with (
        subprocess.Popen(["zstd", "-dcq", bundle], stdout=subprocess.PIPE) as plain,
        tarfile.open(fileobj=plain.stdout, mode="r|") as tar,
    ):
        for member in tar:
            if member.name in ("restore.sh", "restore.py"):
                (tmp_path / member.name).write_bytes(tar.extractfile(member).read())
    script = tmp_path / "restore.sh"
    listed = run_alone("--store", phone / "store", "list", script=script)
    assert listed.returncode == 0
    assert "A phone" in listed.stdout
    done = run_alone("--store", phone / "store", "restore", tmp_path / "target", script=script)
    assert done.returncode == 0
    assert snapshot(tmp_path / "target") == snapshot(phone / "phone")


def test_the_shell_script_says_what_is_missing(phone: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("dirname", "sh"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    environment = {"PATH": str(tmp_path / "bin")}
    command = ["/bin/sh", FOLDER / "restore.sh", "--store", phone / "store", "list"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "Python 3.8 or newer is needed" in done.stderr
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "zstd is needed" in done.stderr


def test_through_rclone_it_reads_the_same(phone: Path, tmp_path: Path) -> None:
    rclone = Path(sys.executable).parent / "rclone"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "rclone").symlink_to(rclone)
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_AWAY_TYPE": "alias",
        "RCLONE_CONFIG_AWAY_REMOTE": str(phone),
        "KEEPSAKE_PASSWORD": PASSWORD,
    }
    for wanted in ([], ["Manifest.plist"]):
        target = tmp_path / f"target {len(wanted)}"
        command = [
            sys.executable, "-I", FOLDER / "restore.py", "--store", "rclone:away:store",
            "restore", target, *wanted,
        ]  # fmt: skip
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        was = snapshot(phone / "phone")
        expected = {path: was[path] for path in map(os.fsencode, wanted)} if wanted else was
        assert snapshot(target) == expected


def test_parts_are_restored_alone(phone: Path, tmp_path: Path) -> None:
    was = snapshot(phone / "phone")
    (folder,) = (path for path, what in was.items() if path.endswith(b"5") and what[0] == "file")
    wanted = os.fsdecode(folder.partition(b"/")[0])
    done = run_alone("--store", phone / "store", "restore", tmp_path / "target", wanted, "link")
    assert done.returncode == 0
    found = snapshot(tmp_path / "target")
    assert set(found) == {path for path in was if path.startswith(os.fsencode(wanted))} | {b"link"}


def test_what_is_there_and_differs_stays_unless_it_is_said(phone: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "Manifest.plist").write_bytes(b"mine")
    done = run_alone("--store", phone / "store", "restore", target)
    assert done.returncode == 1
    assert "Manifest.plist: something else is there already" in done.stderr
    assert (target / "Manifest.plist").read_bytes() == b"mine"
    done = run_alone("--store", phone / "store", "restore", target, "--overwrite")
    assert done.returncode == 0
    assert snapshot(target) == snapshot(phone / "phone")


def test_a_restore_that_was_interrupted_goes_on(phone: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    run_alone("--store", phone / "store", "restore", target)
    (target / "film").unlink()
    kept = (target / "Manifest.plist").stat()
    done = run_alone("--store", phone / "store", "restore", target)
    assert done.returncode == 0
    assert snapshot(target) == snapshot(phone / "phone")
    assert (target / "Manifest.plist").stat().st_ino == kept.st_ino


@pytest.mark.parametrize("compression", ["zst", "gz"])
def test_bundles_without_a_tree_are_unpacked(tmp_path: Path, compression: str) -> None:
    store = make_store(tmp_path / "store")
    long = f"config/{'x' * 120}/äöü.env"
    files = [
        BundleFile(path="databases/n8n.dump", content=DATABASE),
        BundleFile(path=long, content=b"KEY=1\n"),
    ]
    path = put_bundle(store, files, kind="n8n_backup", compression=compression)  # type: ignore[arg-type]
    alone = tmp_path / f"alone.tar.{compression}"
    shutil.copy(tmp_path / "store" / path, alone)
    for number, where in enumerate((["--store", tmp_path / "store"], ["--archive", alone])):
        target = tmp_path / f"target {number}"
        assert run_alone(*where, "check").returncode == 0
        done = run_alone(*where, "restore", target)
        assert (done.returncode, done.stderr) == (0, "")
        assert (target / "databases/n8n.dump").read_bytes() == DATABASE
        assert (target / long).read_bytes() == b"KEY=1\n"
        assert (target / "databases/n8n.dump").stat().st_mtime == MOMENT.timestamp()


def test_nothing_is_written_outside_of_the_target_or_through_links(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    outside = tmp_path / "outside"
    outside.mkdir()
    entries = [
        TreeEntry(path=b"out", type="symlink", mode=0o777, mtime_ns=0, target=bytes(outside)),
        TreeEntry(path=b"out/file", type="file", mode=0o4777, mtime_ns=0),
    ]
    put_tree_bundle(store, entries)
    target = tmp_path / "target"
    done = run_alone("--store", tmp_path / "store", "restore", target)
    # The folder came first; the link is in its way.
    assert done.returncode == 1
    assert not list(outside.iterdir())
    assert (target / "out" / "file").stat().st_mode & 0o7777 == 0o777
    shutil.rmtree(target)
    target.mkdir()
    (target / "out").symlink_to(outside)
    done = run_alone("--store", tmp_path / "store", "restore", target, "--overwrite")
    assert done.returncode == 1
    assert not list(outside.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--store", "/nowhere", "list"], 4),
        (["--archive", "backup_none", "check"], 4),
        (["restore"], 2),
        (["dance"], 2),
    ],
)
def test_it_ends_with_a_code_for_what_was_wrong(arguments: list[str], code: int) -> None:
    assert run_alone(*arguments).returncode == code


def test_a_version_of_tomorrow_is_said_to_be_one(phone: Path, tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    put_tree_bundle(store, [], edit=lambda manifest: manifest | {"version": 2})
    done = run_alone("--store", tmp_path / "store", "check")
    assert done.returncode == 4
    assert "version" in done.stderr


def test_a_target_that_takes_nothing_is_said_to_be_one(phone: Path) -> None:
    done = run_alone("--store", phone / "store", "restore", "/proc/keepsake")
    assert done.returncode == 6


def test_a_bundle_that_is_no_file_costs_itself(phone: Path, tmp_path: Path) -> None:
    shutil.copytree(phone / "store", tmp_path / "store", symlinks=True)
    (bundle,) = (tmp_path / "store").glob("bundles/*/*.zst")
    bundle.with_name("backup_20200101000000.device_backup.tar.zst").symlink_to("/etc/passwd")
    os.mkfifo(bundle.with_name("backup_20200101000001.device_backup.tar.zst"))
    done = run_alone("--store", tmp_path / "store", "check")
    assert done.returncode == 4
    assert done.stderr.count("no file that can be read") == 2
    assert "Read 3 archives and 10 blobs" in done.stdout


def test_several_sources_are_not_guessed_between(phone: Path, tmp_path: Path) -> None:
    shutil.copytree(phone / "store", tmp_path / "store", symlinks=True)
    other = BundleFile(path="databases/x.dump", content=b"x")
    store = LocalFolder(tmp_path / "store")
    put_bundle(store, [other], kind="flows", source_id="b" * 36)
    done = run_alone("--store", tmp_path / "store", "restore", tmp_path / "target")
    assert done.returncode == 2
    assert "choose with --archive" in done.stderr


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    entry = TreeEntry(path=b"\x1b]0;gotcha\x07\n", type="file", mode=0o600, mtime_ns=0)
    path = put_tree_bundle(store, [entry])
    done = run_alone("--store", tmp_path / "store", "--archive", Path(path).name, "list")
    assert "\\x1b]0;gotcha\\x07\\n" in done.stdout
    assert "\x1b" not in done.stdout
    assert LocalFolder(tmp_path / "store").size(path)
