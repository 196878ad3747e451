"""Ten thousand small encrypted files, against the library's own loop and against bare copying."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.demo.container import PhoneFile, mint_backup
from shared.ios_backup import BackupFolder, Manifest, ManifestEntry
from shared.ios_backup.extraction import extract_files
from tests.bench.figures import Figure, median_seconds
from tests.bench.reading import memory_folder

COUNT = 10_000
_SIZES = (1024, 16 * 1024)
_DOMAIN = "CameraRollDomain"
_PASSPHRASE = "bench"


def measure(folder: Path) -> list[Figure]:
    """From the page cache into files that lie in memory: listing, keys and padding included."""
    dice = random.Random(13)
    files = [
        PhoneFile(
            _DOMAIN,
            f"Media/DCIM/{number // 1000}/IMG_{number:05d}.JPG",
            dice.randbytes(dice.randrange(*_SIZES)),
        )
        for number in range(COUNT)
    ]
    minted = mint_backup(folder / "small", files=files, passphrase=_PASSPHRASE)
    expected = sum(len(file.content) for file in files)
    backup = BackupFolder.open(minted.path)
    keys = backup.unlock(_PASSPHRASE)
    scratch = folder / "small-scratch"
    scratch.mkdir()

    from iphone_backup_decrypt import EncryptedBackup

    peer = EncryptedBackup(backup_directory=str(minted.path), passphrase=_PASSPHRASE)

    with backup.open_manifest(keys, scratch) as manifest:

        def ours(target: Path) -> None:
            extract_files(backup, _entries(manifest), keys, target / "ours", processes=1)

        def in_two(target: Path) -> None:
            extract_files(backup, _entries(manifest), keys, target / "ours", processes=2)

        def copied(target: Path) -> None:
            _copy(backup.path, target)

        def library(target: Path) -> None:
            peer.extract_files(
                relative_paths_like="%", domain_like=_DOMAIN, output_folder=str(target)
            )

        ours_s, two_s, copy_s = _timed([ours, in_two, copied], rounds=5, plain_bytes=expected)
        (library_s,) = _timed([library], rounds=1, plain_bytes=None)
    return [
        Figure(
            path=f"decrypting {COUNT:,} small files, two processes",
            value=COUNT / two_s,
            unit="files/s",
            reference=COUNT / copy_s,
            reference_name="bare copy loop, files/s",
            goal=">=0.6",
            note="the start of the second process included",
        ),
        Figure(
            path="the same against the library's loop",
            value=COUNT / two_s,
            unit="files/s",
            reference=COUNT / library_s,
            reference_name="iphone_backup_decrypt, files/s",
            goal=">=15",
        ),
        Figure(
            path="the same, one process",
            value=COUNT / ours_s,
            unit="files/s",
            reference=COUNT / copy_s,
            reference_name="bare copy loop, files/s",
        ),
    ]


def _entries(manifest: Manifest) -> Iterator[ManifestEntry]:
    after: int | None = None
    while True:
        page = manifest.page(kind="file", limit=1000, after=after)
        yield from page.entries
        after = page.next_after
        if after is None:
            return


def _copy(source: Path, target: Path) -> None:
    for prefix in range(256):
        with os.scandir(source / f"{prefix:02x}") as blobs:
            for blob in blobs:
                read = os.open(blob.path, os.O_RDONLY)
                write = os.open(
                    f"{target}/{blob.name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
                )
                os.write(write, os.read(read, 1 << 20))
                os.close(read)
                os.close(write)


def _timed(
    ways: list[Callable[[Path], None]], *, rounds: int, plain_bytes: int | None
) -> list[float]:
    """Return the middle time of each way, measured in turns."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, taken in zip(ways, times, strict=True):
            with memory_folder() as target:
                started = time.perf_counter()
                way(target)
                taken.append(time.perf_counter() - started)
                found = [file.stat().st_size for file in target.rglob("*") if file.is_file()]
                assert len(found) == COUNT
                # A copy of stored bytes is longer by the padding.
                assert plain_bytes is None or plain_bytes <= sum(found) <= plain_bytes + 16 * COUNT
    return [median_seconds(taken) for taken in times]
