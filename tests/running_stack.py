"""A real `keepsake up` for end-to-end tests and measuring: a process, spoken to over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


class RunningStack:
    """One running vault and an authenticated client for it."""

    def __init__(
        self, process: subprocess.Popen[bytes], data_dir: Path, ready_seconds: float
    ) -> None:
        self.process = process
        self.data_dir = data_dir
        self.ready_seconds = ready_seconds
        address = json.loads((data_dir / "run" / "address.json").read_text())
        token = (data_dir / "api-token").read_text().strip()
        self.client = httpx.Client(
            base_url=address["url"], headers={"Authorization": f"Bearer {token}"}, timeout=120
        )

    def wait_for_job(self, job_id: str) -> dict[str, object]:
        """Poll until the job is over and return it."""
        while True:
            job: dict[str, object] = self.client.get(f"/api/jobs/{job_id}").json()
            if job["state"] not in {"pending", "running"}:
                return job
            time.sleep(0.05)

    def processes(self) -> list[int]:
        """The supervisor and everything below it."""
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            queue += parents.get(pid, [])
        return found

    def memory_bytes(self) -> int:
        """Proportional set size of the whole process tree: shared pages are counted once."""
        total = 0
        for pid in self.processes():
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(
                int(line.split()[1]) * 1024
                for line in rollup.splitlines()
                if line.startswith("Pss:")
            )
        return total


@contextmanager
def running_stack(
    data_dir: Path,
    backups: Path,
    *,
    log: Path | None = None,
    module: str = "deploy.local",
    **settings: str,
) -> Iterator[RunningStack]:
    """Start Keepsake on *data_dir*, wait until it is ready, stop it at the end.

    *settings* are environment variables without the prefix; *log* receives all it prints; *module*
    is what is run.
    """
    environment = os.environ | {
        "KEEPSAKE_DATA_DIR": str(data_dir),
        "KEEPSAKE_BACKUP_PATHS": str(backups),
        "KEEPSAKE_DISCOVERY__QUIET_SECONDS": "0",
        "KEEPSAKE_LOG__LEVEL": "warning",
        **{f"KEEPSAKE_{name}": value for name, value in settings.items()},
    }
    started = time.perf_counter()
    address = data_dir / "run" / "address.json"
    address.unlink(missing_ok=True)
    with (log or Path(os.devnull)).open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        # One client: each new one reads the certificates of all authorities.
        with httpx.Client(timeout=5) as asking:
            while True:
                if process.poll() is not None:
                    raise RuntimeError(f"keepsake up ended with {process.returncode}")
                try:
                    url = json.loads(address.read_text())["url"]
                    if asking.get(f"{url}/health/ready").status_code == 200:
                        break
                except (OSError, ValueError, KeyError, httpx.HTTPError):
                    pass
                time.sleep(0.02)
        yield RunningStack(process, data_dir, time.perf_counter() - started)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
