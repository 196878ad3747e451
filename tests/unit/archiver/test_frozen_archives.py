"""Archives of every format version there was are read for ever, by us and without us."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from uuid import UUID

import pytest

from services.archiver.destinations.setting_up import check_store
from services.archiver.format.bundle import BundleReader
from services.archiver.format.compression import decompressed
from services.archiver.format.manifest import signing_key
from services.archiver.store.blobs import BlobReader
from services.archiver.store.local_folder import LocalFolder
from services.archiver.store.tree_restorer import restore_tree
from services.archiver.store.verification import verify_bundle
from tests.fixtures.archives.generate import FOLDER, told
from tests.unit.archiver.generated_store import PASSWORD, STORE_ID, tree_of
from tests.unit.archiver.standalone_reader import FOLDER as TODAY
from tests.unit.archiver.standalone_reader import needs_programs, run_alone

SAMPLES = sorted(FOLDER.glob("format-*.tar.zst"))


@pytest.fixture(scope="module", params=SAMPLES, ids=lambda sample: sample.name)
def sample(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, dict[str, list[object]]]]:
    store = tmp_path_factory.mktemp("frozen") / "store"
    with (
        request.param.open("rb") as file,
        decompressed(file) as plain,
        tarfile.open(fileobj=io.BytesIO(plain.read())) as tar,
    ):
        tar.extractall(store, filter="data")
    expected = json.loads(request.param.with_name(request.param.name[:-8] + ".json").read_text())
    return store, expected


def test_there_is_a_sample_and_it_is_small() -> None:
    assert SAMPLES
    assert all(sample.stat().st_size < 200_000 for sample in SAMPLES)


@needs_programs
@pytest.mark.parametrize("which", ["today's reader", "the bundle's own reader"])
def test_a_stranger_gets_everything_back(
    sample: tuple[Path, dict[str, dict[str, list[object]]]], tmp_path: Path, which: str
) -> None:
    store, expected = sample
    assert run_alone("--store", store, "check").returncode == 0
    assert run_alone("--store", store, "check", password="wrong").returncode == 5
    for number, (path, files) in enumerate(expected.items()):
        script = TODAY / "restore.py"
        if which != "today's reader":
            script = tmp_path / "restore.py"
            with (store / path).open("rb") as file, BundleReader.open(file) as bundle:
                for member in bundle.members():
                    if member.listed.path == "restore.py":
                        script.write_bytes(member.read(at_most=1 << 20))
        target = tmp_path / f"{number}"
        done = run_alone(
            "--store", store, "--archive", Path(path).name, "restore", target, script=script
        )
        assert (done.returncode, done.stderr) == (0, "")
        _expect(target, files)


def test_we_get_everything_back(
    sample: tuple[Path, dict[str, dict[str, list[object]]]], tmp_path: Path
) -> None:
    store, expected = sample
    transport, key = LocalFolder(store), signing_key(PASSWORD, store_id=STORE_ID)
    for number, (path, files) in enumerate(expected.items()):
        assert verify_bundle(transport, path, key=key, sha256=None) == "right"
        if "device_backup" in path:
            blobs = BlobReader(transport, takes_whole_packs=bool(number))
            restored = restore_tree(tree_of(transport, path), tmp_path / f"{number}", blobs=blobs)
            assert not restored.refused
            _expect(tmp_path / f"{number}", files)


def test_packs_are_named_by_their_listing(
    sample: tuple[Path, dict[str, dict[str, list[object]]]],
) -> None:
    packs = list((sample[0] / "packs").rglob("*.tar"))
    assert packs
    for pack in packs:
        listing = subprocess.run(["tar", "-tf", pack], capture_output=True, check=True).stdout
        assert hashlib.sha256(listing).hexdigest() == pack.stem


def _expect(target: Path, files: dict[str, list[object]]) -> None:
    if "config/ä.env" in files:
        for name, (sha256,) in files.items():
            assert hashlib.sha256((target / name).read_bytes()).hexdigest() == sha256
    else:
        assert told(target) == files


def test_the_generator_does_not_replace_a_sample() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fixtures.archives.generate"],
        capture_output=True, text=True, check=False, cwd=FOLDER.parents[2],
    )  # fmt: skip
    assert done.returncode == 1
    assert "stays as it is" in done.stderr


def test_the_store_is_known_by_its_mark_and_canary(
    sample: tuple[Path, dict[str, dict[str, list[object]]]],
) -> None:
    assert str(check_store(LocalFolder(sample[0]), UUID(STORE_ID)).store_id) == STORE_ID
