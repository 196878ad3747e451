"""What comes from a destination may be hostile: clear errors, bounded memory, an end."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.archiver.errors import ObjectMissingError
from services.archiver.format.bundle import BundleError, check_bundle
from services.archiver.format.compression import compressed
from services.archiver.format.manifest import TREE_MEMBER, ManifestError, read_manifest
from services.archiver.format.names import PACK_BYTES, sha256_hex
from services.archiver.format.packs import PackBuilder, is_whole_pack, read_pack
from services.archiver.format.tree import TreeEntry, TreeError, read_line, read_lines
from services.archiver.store.blobs import BlobReader
from services.archiver.store.tree_restorer import restore_tree
from tests.unit.archiver.damaged_archives import READERS, Archive, archive, try_one
from tests.unit.archiver.generated_store import make_store, snapshot
from tests.unit.archiver.hostile_bundles import compress, make_bundle
from tests.unit.archiver.standalone_reader import check, needs_programs

MOST_BYTES = 200 * 1024 * 1024
NAME = "ab" * 32


@pytest.fixture(scope="module")
def made() -> Iterator[Archive]:
    with archive() as one:
        yield one


@needs_programs
@pytest.mark.parametrize("reader", READERS)
def test_damaged_archives_give_clear_errors_and_leave_nothing_outside(
    made: Archive, reader: str
) -> None:
    for number in range(60 if reader == "standalone" else 150):
        try_one(made, reader, seed=20, number=number)


@pytest.fixture
def bounded() -> Iterator[None]:
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_BYTES


def _header(kind: bytes, size: int, *, name: str = "x") -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.size = kind, size
    return header


@needs_programs
@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE]
)
def test_a_header_that_unfolds_is_refused_before_it_does(tmp_path: Path, kind: bytes) -> None:
    bomb = io.BytesIO()
    size = 600 * 1024 * 1024
    with compressed(bomb, "zst") as output:
        output.write(_header(kind, size).tobuf(tarfile.GNU_FORMAT))
        for _ in range(600):
            output.write(bytes(1024 * 1024))
    with pytest.raises(BundleError):
        check_bundle(io.BytesIO(bomb.getvalue()), key=None)
    path = tmp_path / "store/bundles" / ("0" * 36)
    path.mkdir(parents=True)
    (path / "backup_20261121123456.x.tar.zst").write_bytes(bomb.getvalue())
    assert check(tmp_path / "store") == 1


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_members_that_are_no_files_are_refused(kind: bytes) -> None:
    header = _header(kind, 0)
    header.linkname = "/etc/passwd"
    bundle = make_bundle([("x", b"")], headers=[header])
    with pytest.raises(BundleError):
        check_bundle(io.BytesIO(bundle), key=None)


@pytest.mark.usefixtures("bounded")
def test_a_tree_of_one_endless_line_is_refused() -> None:
    with pytest.raises(TreeError):
        for _ in read_lines(b"[" * 65536 for _ in range(1 << 20)):
            pass


def test_a_tree_that_comes_in_small_pieces_is_read_in_time() -> None:
    line = json.dumps({"path": "x" * 2000, "type": "file", "mode": 0, "mtime_ns": 0}).encode()
    content = (line + b"\n") * 50
    pieces = (content[at : at + 1] for at in range(len(content)))
    assert len(list(read_lines(pieces))) == 50


@pytest.mark.parametrize(
    "edit",
    [
        lambda manifest: manifest | {"members": [_member("../x")]},
        lambda manifest: manifest | {"members": [_member("/etc/passwd")]},
        lambda manifest: manifest | {"members": [_member("x"), _member("x")]},
        lambda manifest: manifest | {"members": [_member("x") | {"size_bytes": -1}]},
        lambda manifest: manifest | {"members": [_member("a\0b")]},
        lambda manifest: manifest | {"version": 2},
        lambda manifest: manifest | {"format": "tar"},
        lambda manifest: manifest | {"created_at": "yesterday"},
        lambda manifest: {},
    ],
)
def test_manifests_that_no_bundle_can_have_are_refused(
    edit: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    bundle = make_bundle([], edit=edit)
    check_bundle(io.BytesIO(make_bundle([])), key=None)
    with pytest.raises(BundleError):
        check_bundle(io.BytesIO(bundle), key=None)


def _member(path: str) -> dict[str, Any]:
    return {"path": path, "size_bytes": 0, "sha256": sha256_hex(b"")}


@pytest.mark.parametrize(
    "start", [b'{"facts":', b'{"format":"keepsake-archive","version":1,"contents":{"x":']
)
def test_lists_in_lists_without_end_are_refused(start: bytes) -> None:
    with pytest.raises(ManifestError):
        read_manifest(start + b"[" * 200_000)
    with pytest.raises(TreeError):
        read_line(b'{"other":' + b"[" * 200_000)


def _line(**changes: object) -> bytes:
    blob = [NAME, None, 0, 5]
    line = {"path": "x", "type": "file", "mode": 0o600, "mtime_ns": 0, "size": 5, "blobs": [blob]}
    return json.dumps(line | changes).encode()


def test_a_right_line_is_read() -> None:
    assert read_line(_line()).size_bytes == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "../x"},
        {"path": "/x"},
        {"path": "x//y"},
        {"path": "./x"},
        {"path": ""},
        {"path": "x\0y"},
        {"path": "/".join(["x"] * 300)},
        {"path": "x" * 5000},
        {"path": None},
        {"path": None, "path_base64": "!!"},
        {"type": "socket"},
        {"type": "directory"},
        {"type": "symlink"},
        {"type": "symlink", "size": 0, "blobs": [], "target": ""},
        {"type": "symlink", "size": 0, "blobs": [], "target": "x\0y"},
        {"type": "symlink", "size": 0, "blobs": [], "target": "x" * 5000},
        {"target": "x"},
        {"mode": -1},
        {"mode": 2**40},
        {"mtime_ns": 2**63},
        {"mtime_ns": -(2**70)},
        {"size": 6},
        {"size": -5},
        {"blobs": [["../../../../etc/passwd", None, 0, 5]]},
        {"blobs": [["A" * 64, None, 0, 5]]},
        {"blobs": [[NAME, "../" * 21 + "x", 0, 5]]},
        {"blobs": [[NAME, NAME, -1, 5]]},
        {"blobs": [[NAME, NAME, 2**63, 5]]},
        {"blobs": [[NAME, None, 0, 10], [NAME, None, 0, -5]]},
        {"size": 1 << 40, "blobs": [[NAME, None, 0, 1 << 40]]},
    ],
)
def test_lines_that_no_tree_can_have_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(TreeError):
        read_line(_line(**changes))


@pytest.mark.parametrize("size", [-512, -1024, 2**60])
def test_a_pack_with_impossible_sizes_ends(size: int) -> None:
    header = _header(tarfile.REGTYPE, size, name=NAME)
    content = header.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
    with pytest.raises(tarfile.TarError):
        list(read_pack(content))
    assert not is_whole_pack(NAME, content)


def test_a_pack_counts_headers_and_filling_as_well() -> None:
    """A million blobs of a few bytes would be a gigabyte of tar."""
    pack = PackBuilder()
    half = PACK_BYTES // 2
    pack.add(sha256_hex(bytes(half)), bytes(half))
    assert pack.has_room(half - 1024)
    assert not pack.has_room(half - 1023)
    for number in range(3):
        pack.add(sha256_hex(bytes([number])), bytes([number]))
    assert pack.has_room(half - 4096)
    assert not pack.has_room(half - 4095)
    made = pack.finish()
    assert made is not None
    assert is_whole_pack(made.name, b"".join(made.pieces))


def test_what_is_no_file_in_a_store_is_not_waited_for(tmp_path: Path) -> None:
    transport = make_store(tmp_path / "store")
    folder = tmp_path / "store/objects/ab"
    folder.mkdir(parents=True)
    os.mkfifo(folder / NAME)
    (tmp_path / "store/objects/cd").mkdir()
    (tmp_path / "store/objects/ef").symlink_to("/etc")
    for path in (f"objects/ab/{NAME}", "objects/cd", "objects/ef/passwd/x"):
        with pytest.raises(ObjectMissingError):
            transport.get(path)


def test_a_tree_cannot_write_beside_the_target_or_through_what_it_made(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"mine")
    target = tmp_path / "target"
    (target / "there").parent.mkdir()
    (target / "there").symlink_to(outside)
    blobs = BlobReader(make_store(tmp_path / "store"), takes_whole_packs=True)
    was = snapshot(outside)
    entries = [
        TreeEntry(path=b"link", type="symlink", mode=0, mtime_ns=0, target=bytes(outside)),
        TreeEntry(path=b"link/file", type="file", mode=0o600, mtime_ns=0),
        TreeEntry(path=b"there/file", type="file", mode=0o600, mtime_ns=0),
        TreeEntry(path=b"there", type="directory", mode=0o777, mtime_ns=0),
        TreeEntry(path=b"root", type="file", mode=0o6777, mtime_ns=0),
    ]
    for overwrites in (False, True):
        restored = restore_tree(entries, target, blobs=blobs, overwrites=overwrites)
        assert {one.path for one in restored.refused} == {b"link", b"there/file", b"there"}
    assert snapshot(outside) == was
    assert (target / "root").stat().st_mode & 0o7777 == 0o777


@pytest.mark.usefixtures("bounded")
def test_a_pack_without_end_is_not_taken_into_memory(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    place = tmp_path / f"store/packs/ab/{NAME}.tar"
    place.parent.mkdir(parents=True)
    with place.open("wb") as file:
        file.truncate(1 << 40)
    entry = read_line(_line(blobs=[[NAME, NAME, 512, 5]]))
    restored = restore_tree(
        [entry], tmp_path / "target", blobs=BlobReader(store, takes_whole_packs=True)
    )
    assert restored.refused_count == 1


@needs_programs
def test_a_tree_larger_than_its_manifest_says_is_not_restored_by_a_stranger(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    lines = b"".join(_line(path=f"{n}") + b"\n" for n in range(10))
    bundle = make_bundle([(TREE_MEMBER, compress(lines))], size_bytes=5)
    path = (
        "bundles/a0a1a2a3-a4a5-46a7-88a9-aaabacadaeaf/backup_20261121123456.device_backup.tar.zst"
    )
    store.put(path, [bundle])
    assert check(tmp_path / "store") == 1
