"""The private copy of a manifest: whole, whichever way it is copied, or none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from deploy.demo.minted_manifest import Entry, manifest_db
from shared.ios_backup import manifest_staging
from shared.ios_backup.errors import DamagedManifest
from shared.ios_backup.manifest_staging import stage_manifest
from tests.unit.ios_backup.manifests import DAY

KEY = bytes(range(32))
PADDING = b"\x10" * 16


def content() -> bytes:
    """Two and a half MiB, so that each half is read in more than one piece."""
    entries = [
        Entry(
            file_id=f"{number:040x}", domain="HomeDomain", relative_path=f"{number}" * 50,
            kind="file", size=number, mode=0o100644, modified_at=DAY, protection_class=3,
            wrapped_key=os.urandom(44), target=None, inode=number,
        )
        for number in range(2000)
    ]  # fmt: skip
    return manifest_db(entries, uid_keys=False)


def stored(tmp_path: Path, plain: bytes, *, key: bytes | None) -> int:
    if key is not None:
        plain = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor().update(
            plain + PADDING
        )  # fmt: skip
    path = tmp_path / "stored"
    path.write_bytes(plain)
    return os.open(path, os.O_RDONLY)


@pytest.fixture(params=[0, 1 << 40], ids=["in halves", "in one go"])
def _large_from(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_staging, "_LARGE_BYTES", request.param)


@pytest.mark.usefixtures("_large_from")
@pytest.mark.parametrize("key", [KEY, None], ids=["encrypted", "plain"])
def test_a_copy_is_what_was_stored(tmp_path: Path, key: bytes | None) -> None:
    plain = content()
    assert len(plain) > 2 << 20
    source = stored(tmp_path, plain, key=key)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    copy = stage_manifest(source, scratch, key=key)
    os.close(source)
    assert copy.read_bytes() == plain
    assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("_large_from")
@pytest.mark.parametrize("key", [KEY, None], ids=["encrypted", "plain"])
@pytest.mark.parametrize("left", [0, 7, 16, 1_000_000, 1_999_991, 2_300_000])
def test_a_manifest_that_is_cut_off_while_it_is_copied_leaves_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: bytes | None, left: int
) -> None:
    source = stored(tmp_path, content(), key=key)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    real = os.statvfs

    def look(path: Any) -> os.statvfs_result:
        # Its length is known by now.
        os.truncate(tmp_path / "stored", left)
        return real(path)

    monkeypatch.setattr("shared.ios_backup.manifest_staging.os.statvfs", look)
    with pytest.raises(DamagedManifest):
        stage_manifest(source, scratch, key=key)
    os.close(source)
    assert not list(scratch.iterdir())
