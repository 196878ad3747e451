"""One `keepsake up` that may be killed and started again, and the processes it consists of."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

_START_SECONDS = 90.0
#: Below the range that the system takes outgoing ports from: a dead gateway's port stays free.
_PORTS = range(20_000, 30_000)


@dataclass(frozen=True)
class Process:
    """A process of the vault; ``label`` is a target's name, or what else it is."""

    pid: int
    label: str


class Vault:
    """Starts, finds, kills. Calls come from one thread; reading ``url`` and ``token`` from any."""

    def __init__(
        self,
        data_dir: Path,
        backups: Path,
        *,
        scratch: Path,
        log: Path,
        settings: Mapping[str, str] | None = None,
        replicas: int = 1,
        module: str = "deploy.local",
    ) -> None:
        """*module* is what is run; with two replicas it is ``tests.chaos.doubled``."""
        self.data_dir = data_dir
        self.scratch = scratch
        self.log = log
        self.sessions: list[int] = []
        self.exit_codes: list[int] = []
        self.backups = backups
        self.replicas = replicas
        self._settings = dict(settings or {})
        self._module = module if replicas == 1 else "tests.chaos.doubled"
        self._ports = free_ports(replicas)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """Where each gateway is."""
        return [f"http://127.0.0.1:{port}" for port in self._ports]

    @property
    def token(self) -> str:
        """The bootstrap token; there from the first start on."""
        return (self.data_dir / "api-token").read_text().strip()

    @property
    def supervisor(self) -> int:
        """Process id of the current supervisor."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and return at once."""
        environment = os.environ | {
            "KEEPSAKE_DATA_DIR": str(self.data_dir),
            "KEEPSAKE_BACKUP_PATHS": str(self.backups),
            "KEEPSAKE_DISCOVERY__QUIET_SECONDS": "0",
            "KEEPSAKE_LOG__LEVEL": "info",
            "KEEPSAKE_HTTP__PORT": str(self._ports[0]),
            "KEEPSAKE_CHAOS_SECOND_PORT": str(self._ports[-1]),
            "KEEPSAKE_SCRATCH_DIR": str(self.scratch),
            **self._settings,
        }
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.sessions.append(self._process.pid)

    def wait_ready(self, seconds: float = _START_SECONDS) -> float:
        """Wait for the first full answer; returns how long it took. Raises ``TimeoutError``."""
        started = time.monotonic()
        while not self.answers():
            assert self._process is not None
            if (code := self._process.poll()) is not None:
                raise RuntimeError(f"keepsake up ended with {code}; see {self.log}")
            if time.monotonic() - started > seconds:
                raise TimeoutError("keepsake up is not ready")
            time.sleep(0.05)
        return time.monotonic() - started

    def answers(self) -> bool:
        """Tell whether every part answers: readiness, and one question to each service."""
        return all(self._answers(url) for url in self.urls)

    def _answers(self, url: str) -> bool:
        try:
            ready = httpx.get(f"{url}/health/ready", timeout=5)
            if ready.status_code != 200:
                return False
            headers = {"Authorization": f"Bearer {self.token}"}
            return all(
                httpx.get(f"{url}/api/{path}", headers=headers, timeout=5).status_code == 200
                for path in ("backups", "kinds", "sessions", "sources")
            )
        except (httpx.HTTPError, OSError):
            return False

    def is_running(self) -> bool:
        """Whether the supervisor lives."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Kill the supervisor and nobody else."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to stop, as Ctrl-C does; returns the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def processes(self) -> list[Process]:
        """Return the supervisor and everything below it."""
        if not self.is_running():
            return []
        found, queue = [], [(self.supervisor, "supervisor")]
        while queue:
            pid, label = queue.pop()
            found.append(Process(pid, label))
            queue += [(child, _label(child, label)) for child in children(pid)]
        return found

    def find(self, target: str) -> list[int]:
        """Return the process ids of *target*."""
        return [process.pid for process in self.processes() if process.label == target]

    def leftovers(self) -> list[str]:
        """Return what lives of all that we ever started, by command line.

        That is by session, and by our scratch folder for what has a session of its own.
        """
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            command = command_line(int(entry.name))
            if fields[0] != "Z" and (
                int(fields[3]) in self.sessions or f"{self.scratch}/" in command
            ):
                found.append(f"{entry.name} {command[:120]}")
        return found

    def sockets(self) -> Path:
        """Return the folder of the embedded Postgres' socket."""
        from deploy.local.layout import Layout, engine_user

        return Layout(self.data_dir).socket_folder(engine_user())

    def address(self) -> dict[str, object]:
        """Return what the command line would find."""
        found: dict[str, object] = json.loads((self.data_dir / "run/address.json").read_text())
        return found


def children(pid: int) -> list[int]:
    """Return the children of a process, whichever of its threads started them."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
    return found


def command_line(pid: int) -> str:
    """Return the command line of a process; empty when it has gone."""
    try:
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode("utf-8", "replace")
        )
    except OSError:
        return ""


def peak_memory_bytes(pid: int) -> int:
    """Return the largest resident size that a process ever had."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _label(pid: int, parent: str) -> str:
    command = command_line(pid)
    if parent == "postgres":
        return "backend" if "[local]" in command else "postgres helper"
    if parent == "indexer":
        return "worker"
    if parent == "archiver":
        return "rclone"
    if "-m services." in command:
        return command.rpartition("-m services.")[2].split()[0]
    if "-m gateway" in command:
        return "gateway"
    if "nats-server" in command:
        return "nats"
    return "postgres" if "/postgres -D" in command else "other"


def free_port() -> int:
    """Return a port that nobody listens on."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return so many ports that nobody listens on."""
    found: list[int] = []
    for port in random.Random().sample(_PORTS, 50):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no port is free")
