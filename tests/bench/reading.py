"""Range reads inside a large encrypted file, against decrypting all of it first."""

from __future__ import annotations

import datetime as dt
import random
import time
from pathlib import Path

from deploy.demo.container import PhoneFile, file_id, mint_backup
from shared.ios_backup import BackupFolder
from tests.bench.figures import Figure, median_seconds, percentile

SIZE_BYTES = 256 * 1024 * 1024
_DOMAIN, _NAME = "CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.MOV"


def measure(folder: Path) -> list[Figure]:
    """1 MiB ranges at seeded places of a 256 MiB file; whole decryption as the peer does it."""
    dice = random.Random(7)
    content = dice.randbytes(1024 * 1024) * (SIZE_BYTES // (1024 * 1024))
    minted = mint_backup(
        folder / "range",
        files=[PhoneFile(_DOMAIN, _NAME, content)],
        passphrase="bench",
        taken_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    backup = BackupFolder.open(minted.path)
    keys = backup.unlock("bench")
    scratch = folder / "range-scratch"
    scratch.mkdir()
    manifest = backup.open_manifest(keys, scratch)
    reader = backup.open_file(manifest.stat(file_id(_DOMAIN, _NAME)), keys)
    times = []
    length = 1024 * 1024
    for _ in range(200):
        offset = dice.randrange(0, SIZE_BYTES - length)
        started = time.perf_counter()
        piece = reader.read(offset, length)
        times.append(time.perf_counter() - started)
        assert piece == content[offset : offset + length]
    reader.close()
    manifest.close()

    from iphone_backup_decrypt import EncryptedBackup

    peer = EncryptedBackup(backup_directory=str(minted.path), passphrase="bench")
    peer_times = []
    for _ in range(3):
        started = time.perf_counter()
        peer.extract_file_as_bytes(_NAME, domain_like=_DOMAIN)
        peer_times.append(time.perf_counter() - started)
    return [
        Figure(
            path="range read of 1 MiB in 256 MiB: speed over extracting first",
            value=1 / median_seconds(times),
            unit="reads/s",
            reference=1 / median_seconds(peer_times),
            reference_name="iphone_backup_decrypt, reads/s",
            goal=">=400",
        ),
        Figure(
            path="range read of 1 MiB, p95",
            value=percentile(times, 0.95) * 1000,
            unit="ms",
            goal="<=5",
        ),
    ]
