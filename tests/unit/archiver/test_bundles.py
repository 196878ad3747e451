"""Bundles as they are written, and read again."""

from __future__ import annotations

import datetime as dt
import io
import tarfile
from pathlib import Path

import pytest

from services.archiver.format.bundle import (
    BundleError,
    BundleFile,
    BundleReader,
    check_bundle,
    describe,
    write_bundle,
)
from services.archiver.format.compression import Compression, compressed, decompressed
from services.archiver.format.manifest import (
    Manifest,
    ManifestError,
    SourceFacts,
    read_manifest,
    signing_key,
    write_manifest,
)
from services.archiver.format.standalone import restore
from services.archiver.format.tar_stream import TarStream
from tests.unit.archiver.generated_store import MOMENT, PASSWORD, SOURCE_ID, STORE_ID

KEY = signing_key(PASSWORD, store_id=STORE_ID)
FILES = [
    BundleFile(path="restore.sh", content=b"#!/bin/sh\n"),
    BundleFile(path="config/ä" + "x" * 150, content=b"long"),
    BundleFile(path="empty", content=b""),
    BundleFile(path="databases/large", content=bytes(3 * 1024 * 1024 + 1)),
]


def _manifest(files: list[BundleFile], created_at: dt.datetime = MOMENT) -> Manifest:
    return Manifest(
        archive_id="x", store_id=STORE_ID, kind="flows", created_at=created_at,
        keepsake_version="0", source=SourceFacts(id=SOURCE_ID, name="n", type="t"),
        members=[describe(file) for file in files],
    )  # fmt: skip


def _written(files: list[BundleFile], compression: Compression = "zst") -> bytes:
    output = io.BytesIO()
    write_bundle(output, _manifest(files), files, key=KEY, compression=compression)
    return output.getvalue()


@pytest.mark.parametrize("compression", ["zst", "gz"])
def test_what_is_written_is_read_again(compression: Compression) -> None:
    written = _written(FILES, compression)
    assert written == _written(FILES, compression)
    with BundleReader.open(io.BytesIO(written)) as bundle:
        found = {one.listed.path: one.read(at_most=1 << 24) for one in bundle.members()}
    assert found == {file.path: file.content for file in FILES}
    assert check_bundle(io.BytesIO(written), key=KEY) == _manifest(FILES)


def test_other_programs_read_it_as_well() -> None:
    with tarfile.open(fileobj=io.BytesIO(_written(FILES, "gz"))) as tar:
        modes = {member.name: member.mode for member in tar}
    assert list(modes) == ["manifest.json", "manifest.json.hmac", *(file.path for file in FILES)]
    assert modes["restore.sh"] == 0o755


def test_members_that_nobody_reads_are_checked_all_the_same() -> None:
    with decompressed(io.BytesIO(_written(FILES))) as plain:
        tar = bytearray(plain.read())
    tar[-1024 * 1024] ^= 1
    hurt = io.BytesIO()
    with compressed(hurt, "zst") as output:
        output.write(tar)
    with (
        pytest.raises(BundleError),
        BundleReader.open(io.BytesIO(hurt.getvalue())) as bundle,
    ):
        for _ in bundle.members():
            pass


@pytest.mark.parametrize("change", [b"", b"shorter", b"longer than it was before"])
def test_a_file_that_changes_while_it_is_written_is_told(tmp_path: Path, change: bytes) -> None:
    place = tmp_path / "dump"
    place.write_bytes(b"what it was before")
    files = [BundleFile(path="dump", content=place)]
    manifest = _manifest(files)
    place.write_bytes(change)
    with pytest.raises(BundleError):
        write_bundle(io.BytesIO(), manifest, files, key=None)


def test_a_file_larger_than_plain_headers_can_say_is_announced_right() -> None:
    header = tarfile.TarInfo("databases/huge")
    header.size = 9 * 1024**3
    block = header.tobuf(tarfile.PAX_FORMAT)
    found = TarStream(io.BytesIO(block)).next()
    assert found is not None
    assert (found.name, found.size_bytes) == ("databases/huge", 9 * 1024**3)
    name, size, _ = next(restore.files_of_tar(io.BytesIO(block)))
    assert (name, size) == ("databases/huge", 9 * 1024**3)


def test_a_moment_without_a_zone_is_no_moment() -> None:
    content = write_manifest(_manifest([])).replace(b"56Z", b"56")
    with pytest.raises(ManifestError):
        read_manifest(content)
