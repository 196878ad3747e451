"""Discovery's looks at a folder of very many files, against ``find``."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from services.discovery.blobs import present_blobs
from services.discovery.measuring import measure as measure_folder
from tests.bench.figures import Figure, median_seconds

_ROUNDS = 3


def measure(folder: Path, files: int) -> list[Figure]:
    """Names and sizes of *files* files in 256 folders, all in the page cache."""
    tree = folder / "scanned"
    make_tree(tree, files)
    try:
        names, sizes, found = scan_seconds(tree, files)
    finally:
        shutil.rmtree(tree)
    return [
        Figure(
            path=f"names of {files:,} blobs",
            value=files / names,
            unit="files/s",
            reference=files / found,
            reference_name="find -printf %s, files/s",
            goal=">=4",
        ),
        Figure(
            path="the same with sizes",
            value=files / sizes,
            unit="files/s",
            reference=files / found,
            reference_name="find -printf %s, files/s",
            goal=">=0.85",
        ),
    ]


def make_tree(tree: Path, files: int) -> None:
    """Make *files* empty files with the names that blobs have."""
    tree.mkdir()
    handles = []
    for prefix in range(256):
        (tree / f"{prefix:02x}").mkdir()
        handles.append(os.open(tree / f"{prefix:02x}", os.O_RDONLY))
    for number in range(files):
        name = f"{number % 256:02x}{number * 0x9E3779B97F4A7C15 % 2**152:038x}"
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=handles[number % 256]))
    for handle in handles:
        os.close(handle)


def scan_seconds(tree: Path, files: int) -> tuple[float, float, float]:
    """Return the seconds that discovery takes for names and for sizes, and those of ``find``."""

    def names() -> int:
        prefixes = (f"{number:02x}" for number in range(256))
        return sum(len(present_blobs(f"{tree}/{prefix}")) for prefix in prefixes)

    def sizes() -> int:
        return measure_folder(os.fsencode(tree)).file_count

    def found() -> int:
        command = ["find", str(tree), "-type", "f", "-printf", "%s\n"]
        return subprocess.run(command, capture_output=True, check=True).stdout.count(b"\n")

    ways: list[Callable[[], int]] = [names, sizes, found]
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(_ROUNDS):
        for way, taken in zip(ways, times, strict=True):
            started = time.perf_counter()
            assert way() == files
            taken.append(time.perf_counter() - started)
    return (median_seconds(times[0]), median_seconds(times[1]), median_seconds(times[2]))
