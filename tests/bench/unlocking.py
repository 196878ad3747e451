"""Unlocking against the fastest PBKDF2 this processor can do, and against hashlib."""

from __future__ import annotations

import ctypes
import hashlib
import platform
import shutil
import subprocess
import time
from pathlib import Path

from tests.bench.figures import Figure, median_seconds

ITERATIONS = 10_000_000
_SOURCE = Path(__file__).with_name("pbkdf2_floor.c")


def _floor(folder: Path) -> ctypes.CDLL | None:
    """Compile the C loop; None where there is no compiler or no SHA extension."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler or platform.machine() != "x86_64":
        return None
    if " sha_ni" not in Path("/proc/cpuinfo").read_text():
        return None
    library = folder / "pbkdf2_floor.so"
    subprocess.run(
        [compiler, "-O3", "-msha", "-msse4.1", "-shared", "-fPIC", "-o", library, _SOURCE],
        check=True,
    )
    return ctypes.CDLL(str(library))


def measure(folder: Path, rounds: int = 3) -> list[Figure]:
    """Time one derivation of 10M rounds, interleaved with the floor and with hashlib."""
    from iphone_backup_decrypt.utils import pbkdf2_hmac

    passphrase, salt = b"a passphrase", b"0123456789abcdef0123"
    floor = _floor(folder)
    ours: list[float] = []
    floors: list[float] = []
    peers: list[float] = []
    for _ in range(rounds):
        started = time.process_time()
        key = pbkdf2_hmac("sha256", passphrase, salt, ITERATIONS, 32)
        ours.append(time.process_time() - started)
        if floor is not None:
            output = ctypes.create_string_buffer(32)
            started = time.process_time()
            floor.pbkdf2_sha256_32(passphrase, len(passphrase), salt, len(salt), ITERATIONS, output)
            floors.append(time.process_time() - started)
            assert output.raw == key, "the floor computes something else"
    started = time.process_time()
    assert hashlib.pbkdf2_hmac("sha256", passphrase, salt, ITERATIONS, 32) == key
    peers.append(time.process_time() - started)
    figures = [
        Figure(
            path="key derivation, 10M rounds, against hashlib",
            value=median_seconds(ours),
            unit="cpu s",
            reference=median_seconds(peers),
            reference_name="hashlib, s",
        )
    ]
    if floors:
        figures.insert(
            0,
            Figure(
                path="key derivation, 10M rounds",
                value=median_seconds(ours),
                unit="cpu s",
                reference=median_seconds(floors),
                reference_name="C with SHA-NI, s",
                goal="<=1.3",
            ),
        )
    return figures
