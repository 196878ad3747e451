"""What else archives trees: restic, borg, rclone with crypt, tar with zstd. As people run them."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from services.archiver.destinations.rclone_program import find_rclone
from tests.bench.processes import peak_bytes

_LOOK_SECONDS = 0.02
_PASSWORD = "a password of the bench"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What something took: seconds on the wall, seconds of processors, peak memory in bytes."""

    wall: float
    cpu: float
    #: By process where there are several.
    peaks: dict[str, int]


class Peer(ABC):
    """A program with a store of its own below a folder."""

    name: str

    def __init__(self, programs: dict[str, Path], folder: Path) -> None:
        """Use some of *programs*, by name, and keep everything below *folder*."""
        self.programs = programs
        self.folder = folder
        self.store = folder / "store"
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder),
            "RESTIC_PASSWORD": _PASSWORD, "RESTIC_REPOSITORY": str(self.store),
            "RESTIC_PROGRESS_FPS": "0.01",
            "BORG_PASSPHRASE": _PASSWORD, "BORG_REPO": str(self.store),
            "BORG_BASE_DIR": str(folder), "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }  # fmt: skip
        folder.mkdir()

    @abstractmethod
    def prepare(self) -> None:
        """Make an empty store."""

    @abstractmethod
    def archive(self, tree: Path, number: int) -> Cost:
        """Make the archive of that number."""

    @abstractmethod
    def restore(self, number: int, target: Path) -> tuple[Cost, Path]:
        """Get one back; return where the tree is then."""

    def run(self, *command: str, folder: Path | None = None) -> Cost:
        """Run a command to its end."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        process = self._popen(command, folder)
        peak = 0
        # The kernel's own record of a child's peak begins with ours.
        while process.poll() is None:
            peak = max([peak, *map(_peak_bytes, _descendants(process.pid))])
            time.sleep(_LOOK_SECONDS)
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # What a child of a child took counts to it when it was waited for.
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if process.returncode:
            raise RuntimeError(f"{command[0]} ended with {process.returncode}")
        return Cost(wall=wall, cpu=cpu, peaks={self.name: peak})

    def _popen(self, command: tuple[str, ...], folder: Path | None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, env=self.environment, cwd=folder or self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


class Restic(Peer):
    """As it comes: it tries to compress what it meets."""

    name = "restic"

    def prepare(self) -> None:
        self.run(str(self.programs["restic"]), "init", "-q")

    def archive(self, tree: Path, number: int) -> Cost:
        return self.run(str(self.programs["restic"]), "backup", "-q", ".", folder=tree)

    def start(self, tree: Path, number: int) -> subprocess.Popen[bytes]:
        """Begin an archive, to be killed."""
        return self._popen((str(self.programs["restic"]), "backup", "-q", "."), tree)

    def restore(self, number: int, target: Path) -> tuple[Cost, Path]:
        restic = str(self.programs["restic"])
        return self.run(restic, "restore", "-q", "latest", "--target", str(target)), target


class Borg(Peer):
    """Without compression, which is the quickest that it has for such files."""

    name = "borg"

    def prepare(self) -> None:
        self.run(str(self.programs["borg"]), "init", "-e", "repokey-blake2")

    def archive(self, tree: Path, number: int) -> Cost:
        borg = str(self.programs["borg"])
        return self.run(borg, "create", "-C", "none", f"::a{number}", ".", folder=tree)

    def restore(self, number: int, target: Path) -> tuple[Cost, Path]:
        target.mkdir()
        return self.run(
            str(self.programs["borg"]), "extract", f"::a{number}", folder=target
        ), target


class RcloneCrypt(Peer):
    """One object for each file; what was replaced is put aside."""

    name = "rclone crypt"

    def prepare(self) -> None:
        self.store.mkdir()
        obscured = subprocess.run(
            [self.programs["rclone"], "obscure", _PASSWORD],
            capture_output=True, check=True, text=True,
        ).stdout.strip()  # fmt: skip
        self.environment |= {
            "RCLONE_CONFIG": str(self.folder / "none.conf"),
            "RCLONE_CONFIG_SAFE_TYPE": "crypt",
            "RCLONE_CONFIG_SAFE_REMOTE": str(self.store),
            "RCLONE_CONFIG_SAFE_PASSWORD": obscured,
        }

    def archive(self, tree: Path, number: int) -> Cost:
        rclone = str(self.programs["rclone"])
        aside = f"--backup-dir=safe:old/{number}"
        return self.run(rclone, "sync", ".", "safe:now", aside, folder=tree)

    def restore(self, number: int, target: Path) -> tuple[Cost, Path]:
        return self.run(str(self.programs["rclone"]), "copy", "safe:now", str(target)), target


class TarZstd(Peer):
    """Everything anew each time, readable by whoever finds it."""

    name = "tar | zstd"

    def prepare(self) -> None:
        self.store.mkdir()

    def archive(self, tree: Path, number: int) -> Cost:
        made = self.store / f"{number}.tar.zst"
        command = f"set -o pipefail; tar -cf - . | zstd -q -3 -T0 -o '{made}'"
        return self.run("bash", "-c", command, folder=tree)

    def restore(self, number: int, target: Path) -> tuple[Cost, Path]:
        target.mkdir()
        made = self.store / f"{number}.tar.zst"
        command = f"set -o pipefail; zstd -q -d -c '{made}' | tar -xf -"
        return self.run("bash", "-c", command, folder=target), target


_PEERS: dict[str, type[Peer]] = {
    "restic": Restic, "borg": Borg, "rclone": RcloneCrypt, "zstd": TarZstd,
}  # fmt: skip


def _descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(inner for child in children for inner in _descendants(int(child)))]


def _peak_bytes(pid: int) -> int:
    try:
        return peak_bytes(pid)
    except (OSError, IndexError):
        return 0


def find_peers(folder: Path | None) -> tuple[dict[type[Peer], dict[str, Path]], list[str]]:
    """Return the peers that are there, with their programs, and the names of those that are not.

    Programs are looked for in *folder*, then where the shell would.
    """
    there: dict[type[Peer], dict[str, Path]] = {}
    away = []
    for program, kind in _PEERS.items():
        found = shutil.which(program, path=str(folder)) if folder else None
        found = found or (str(find_rclone()) if program == "rclone" else shutil.which(program))
        if found is None:
            away.append(kind.name)
        else:
            there[kind] = {program: Path(found)}
    return there, away


def version_of(programs: dict[str, Path]) -> str:
    """Return what a program says that it is."""
    ((name, path),) = programs.items()
    asked = "--version" if name in ("borg", "zstd") else "version"
    said = subprocess.run([path, asked], capture_output=True, text=True, check=True).stdout
    words = said.split()
    return next((word.strip("v,") for word in words if word.strip("v*,")[:1].isdigit()), "")
