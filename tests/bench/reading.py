"""One large encrypted file: ranges against decrypting all of it, all of it against OpenSSL."""

from __future__ import annotations

import datetime as dt
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.demo.container import PhoneFile, file_id, mint_backup
from shared.ios_backup import BackupFolder, Keys, ManifestEntry
from tests.bench.figures import Figure, median_seconds, percentile
from tests.bench.processes import own_growth

SIZE_BYTES = 256 * 1024 * 1024
_DOMAIN, _NAME = "CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.MOV"
_PASSPHRASE = "bench"
_RANGE_BYTES = 1024 * 1024


def measure(folder: Path) -> list[Figure]:
    """1 MiB ranges at seeded places of a 256 MiB file, then all of it into memory-backed files."""
    dice = random.Random(7)
    content = dice.randbytes(1024 * 1024) * (SIZE_BYTES // (1024 * 1024))
    minted = mint_backup(
        folder / "range",
        files=[PhoneFile(_DOMAIN, _NAME, content)],
        passphrase=_PASSPHRASE,
        taken_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    backup = BackupFolder.open(minted.path)
    keys = backup.unlock(_PASSPHRASE)
    scratch = folder / "range-scratch"
    scratch.mkdir()
    with backup.open_manifest(keys, scratch) as manifest:
        entry = manifest.stat(file_id(_DOMAIN, _NAME))
    assert entry is not None
    figures = _ranges(backup, keys, entry, content, dice)
    del content
    return figures + _whole(backup, keys, entry)


def _ranges(
    backup: BackupFolder, keys: Keys, entry: ManifestEntry, content: bytes, dice: random.Random
) -> list[Figure]:
    times = []
    with backup.open_file(entry, keys) as reader:
        for _ in range(200):
            offset = dice.randrange(0, SIZE_BYTES - _RANGE_BYTES)
            started = time.perf_counter()
            piece = reader.read(offset, _RANGE_BYTES)
            times.append(time.perf_counter() - started)
            assert piece == content[offset : offset + _RANGE_BYTES]

    from iphone_backup_decrypt import EncryptedBackup

    peer = EncryptedBackup(backup_directory=str(backup.path), passphrase=_PASSPHRASE)
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


def _whole(backup: BackupFolder, keys: Keys, entry: ManifestEntry) -> list[Figure]:
    """All of the file from the page cache to a file that lies in memory, three ways in turns."""
    assert entry.wrapped_key is not None
    # Minted: this key protects nothing.
    key = keys.unwrap(entry.wrapped_key).hex()
    blob = backup.path / entry.file_id[:2] / entry.file_id
    growth: list[int] = []

    from iphone_backup_decrypt import EncryptedBackup

    peer = EncryptedBackup(backup_directory=str(backup.path), passphrase=_PASSPHRASE)

    def ours(target: Path) -> None:
        with own_growth(growth), backup.open_file(entry, keys) as reader:
            reader.copy_to(target)

    def openssl(target: Path) -> None:
        names = ["-K", key, "-iv", "0" * 32, "-in", str(blob), "-out", str(target)]
        subprocess.run(["openssl", "enc", "-d", "-aes-256-cbc", *names], check=True)

    def library(target: Path) -> None:
        peer.extract_file(relative_path=_NAME, domain_like=_DOMAIN, output_filename=str(target))

    ways: dict[str, Callable[[Path], None]] = {"ours": ours, "library": library}
    if shutil.which("openssl"):
        ways["openssl"] = openssl
    times: dict[str, list[float]] = {name: [] for name in ways}
    with memory_folder() as folder:
        for _ in range(5):
            for name, way in ways.items():
                target = folder / name
                started = time.perf_counter()
                way(target)
                times[name].append(time.perf_counter() - started)
                assert target.stat().st_size == SIZE_BYTES
                target.unlink()
    rates = {name: SIZE_BYTES / 1e6 / median_seconds(taken) for name, taken in times.items()}
    figures = [
        Figure(
            path="decrypting 256 MiB into a file",
            value=rates["ours"],
            unit="MB/s",
            reference=rates["library"],
            reference_name="iphone_backup_decrypt, MB/s",
            goal=">=4.5",
        )
    ]
    if "openssl" in rates:
        figures.append(
            Figure(
                path="the same against OpenSSL's own program",
                value=rates["ours"],
                unit="MB/s",
                reference=rates["openssl"],
                reference_name="openssl enc, MB/s",
                goal=">=1.5",
            )
        )
    figures.append(
        Figure(path="the same, growth of memory", value=max(growth) / 1e6, unit="MB", goal="<=16")
    )
    return figures


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder whose files lie in memory where the system has one: disks differ too much."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="ks-bench-", dir=shared if shared.is_dir() else None
    ) as name:
        yield Path(name)
