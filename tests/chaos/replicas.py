"""A second process of every service beside those of `keepsake up`, killed and started again.

They sign in with the cluster's login and as Postgres' administrator, who gets in by being us.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.chaos.plan import SERVICES
from tests.chaos.record import Record
from tests.chaos.vault import Vault, free_port

_READY_SECONDS = 60.0


class Replicas:
    """One more of each service. The gateway has a port of its own."""

    def __init__(self, vault: Vault, settings: dict[str, str], log: Path) -> None:
        self._vault = vault
        self._log = log
        self._port = free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = os.environ | {
            **settings,
            "KEEPSAKE_POSTGRES__DSN": f"postgresql://keepsake_admin@/keepsake?host={vault.sockets()}",
            "KEEPSAKE_DATA_DIR": str(vault.data_dir),
            "KEEPSAKE_BACKUP_PATHS": str(vault.backups),
            "KEEPSAKE_DISCOVERY__QUIET_SECONDS": "0",
            "KEEPSAKE_HTTP__PORT": str(self._port),
            "KEEPSAKE_SCRATCH_DIR": str(vault.scratch),
            "KEEPSAKE_API_TOKEN": vault.token,
        }

    @property
    def url(self) -> str:
        """Where the second gateway is."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start all of them and wait for the gateway."""
        for service in SERVICES:
            self.start_one(service)
        self._wait_ready()

    def start_one(self, service: str) -> None:
        """Start the second process of a service."""
        module = "gateway" if service == "gateway" else f"services.{service}"
        with self._log.open("ab") as log:
            self._processes[service] = subprocess.Popen(
                [sys.executable, "-m", module], env=self._environment, stdout=log, stderr=log
            )

    def kill(self, service: str, record: Record) -> None:
        """Kill the second process of a service and start it again a moment later."""
        process = self._processes[service]
        if process.poll() is not None:
            record.violated(f"the second {service} ended by itself with {process.returncode}")
        process.kill()
        process.wait()
        record.faults[f"kill second {service}"] += 1
        time.sleep(1.0)
        self.start_one(service)
        started = time.monotonic()
        self._wait_ready()
        record.recoveries.append((f"kill second {service}", time.monotonic() - started))

    def stop(self) -> None:
        """Stop all of them as an orchestrator does."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise TimeoutError("the second gateway is not ready")
