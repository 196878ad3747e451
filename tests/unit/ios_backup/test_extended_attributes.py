import os
import plistlib
import sqlite3
from pathlib import Path

import pytest

from deploy.demo.container import PhoneFile, mint_backup
from shared.ios_backup import BackupFolder
from shared.ios_backup.extended_attributes import read_extended_attributes
from shared.ios_backup.manifest_entry import read_archive

SAMPLES = os.environ.get("KEEPSAKE_SAMPLES")
PREFIX = "com.apple.assetsd."


def stored(attributes: dict[str, object]) -> bytes:
    return plistlib.dumps(attributes, fmt=plistlib.FMT_BINARY)


def test_attributes_are_those_that_the_phone_wrote(tmp_path: Path) -> None:
    given = {f"{PREFIX}UUID": bytes(range(16)), "com.apple.other": b"x"}
    minted = mint_backup(
        tmp_path, files=[PhoneFile("CameraRollDomain", "Media/a.JPG", b"x", attributes=given)]
    )
    folder = BackupFolder.open(minted.path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with folder.open_manifest(None, scratch) as manifest:
        entry = manifest.find("CameraRollDomain", "Media/a.JPG")
    assert entry is not None
    found = read_extended_attributes(entry.extended_attributes, prefix=PREFIX)
    assert found == {f"{PREFIX}UUID": bytes(range(16))}


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        b"",
        b"bplist00",
        b"no list",
        plistlib.dumps([b"x"]),
        stored({f"{PREFIX}UUID": "text"}),
        stored({f"{PREFIX}{'x' * 200}": b"x"}),
        stored({f"{PREFIX}long": bytes(2000)}),
        stored({f"{PREFIX}{number}": bytes([number]) * 1000 for number in range(100)}),
    ],
)
def test_what_no_phone_writes_has_no_attributes(garbage: bytes | None) -> None:
    assert read_extended_attributes(garbage, prefix=PREFIX) == {}


def test_a_file_has_some_attributes_at_most() -> None:
    many = stored({f"{PREFIX}{number:03}": b"x" for number in range(200)})
    assert len(read_extended_attributes(many, prefix=PREFIX)) == 40


@pytest.mark.skipif(SAMPLES is None, reason="KEEPSAKE_SAMPLES is not set")
def test_a_real_manifest_tells_of_62_pictures() -> None:
    manifest = Path(SAMPLES or "", "ios/mvt-project+mvt/ios_backup/Manifest.db")
    uri = f"file:{str(manifest).replace('+', '%2b')}?immutable=1"
    with sqlite3.connect(uri, uri=True) as connection:
        blobs = connection.execute("select file from Files where flags = 1").fetchall()
    found = [
        read_extended_attributes(read_archive(blob).extended_attributes, prefix=PREFIX)
        for (blob,) in blobs
    ]
    identities = [one[f"{PREFIX}UUID"] for one in found if f"{PREFIX}UUID" in one]
    assert len(set(identities)) == len(identities) == 62
    assert {len(one) for one in identities} == {16}
