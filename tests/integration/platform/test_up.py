"""``keepsake up`` as a process: found, alone on its data, alive after crashes, gone at once."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack import make_folder


class Up:
    """One ``keepsake up`` and what it says."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_suffix(f".{time.monotonic_ns()}.log")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local"],
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(data_dir.parent),
                "KEEPSAKE_DATA_DIR": str(data_dir),
                "KEEPSAKE_SCRATCH_DIR": str(data_dir.parent),
                "KEEPSAKE_LOG__LEVEL": "debug",
                **variables,
            },
        )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_ready(self) -> Up:
        until(lambda: "is ready" in self.output or self.process.poll() is not None)
        assert self.process.poll() is None, self.output
        return self

    @property
    def address(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data_dir / "run" / "address.json").read_text())
        return found

    @property
    def port(self) -> int:
        return int(self.address["url"].rpartition(":")[2])

    def get(self, path: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        token = (self.data_dir / "api-token").read_text().strip()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse()

    def is_ready(self) -> bool:
        try:
            return self.get("/health/ready").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def children(self) -> dict[int, str]:
        """Every process of this vault but the supervisor itself, by their command lines."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                status = (entry / "stat").read_text()
            except OSError:
                continue
            marks = (str(self.data_dir), f"keepsake-vault={self.digest}")
            if any(mark in command for mark in marks) and ") Z " not in status:
                found[int(entry.name)] = command
        return found

    @property
    def digest(self) -> str:
        return hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]

    def child(self, part: str) -> int:
        (pid,) = [pid for pid, command in self.children().items() if part in command]
        return pid

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=10)


def until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = make_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Up]:
    """One vault that the tests of this module share; the first start makes its cluster."""
    one = Up(folder / "vault").wait_ready()
    yield one
    one.process.kill()
    one.process.wait()


def test_it_says_where_it_is_and_where_the_token_is(up: Up) -> None:
    assert f"http://127.0.0.1:{up.port}" in up.output
    assert str(up.data_dir / "api-token") in up.output
    assert "Ctrl-C" in up.output
    assert up.address["pid"] == up.process.pid
    assert up.get("/health/ready").status == 200


def test_a_second_up_on_the_same_data_says_who_runs_and_exits_with_3(up: Up) -> None:
    second = Up(up.data_dir)
    assert second.process.wait(timeout=10) == 3
    last = second.output.splitlines()[-1]
    assert str(up.process.pid) in last
    assert up.address["url"] in last
    assert up.is_ready()


def test_two_vaults_run_side_by_side(up: Up, folder: Path) -> None:
    other = Up(folder / "other")
    try:
        other.wait_ready()
        assert other.port != up.port
        assert up.is_ready()
        assert other.is_ready()
    finally:
        assert other.end() == 0
    assert up.is_ready()


def test_with_a_metrics_port_each_of_the_five_processes_has_one_of_its_own(folder: Path) -> None:
    first = free_ports(5)
    other = Up(folder / "other", KEEPSAKE_METRICS__PORT=str(first))
    try:
        other.wait_ready()
        assert other.get("/health/live").status == 200
        for offset, service in enumerate(("gateway", "discovery", "unlock", "indexer", "archiver")):
            connection = http.client.HTTPConnection("127.0.0.1", first + offset, timeout=10)
            connection.request("GET", "/metrics")
            figures = connection.getresponse().read().decode()
            assert f'keepsake_service_ready{{service="{service}"}} 1.0' in figures
            assert f'subject="cmd.{service}.health"' in figures or service == "gateway"
            assert ("keepsake_http_requests_total" in figures) == (service == "gateway")
    finally:
        assert other.end() == 0


def free_ports(count: int) -> int:
    """Return the first of some neighbouring ports that are free now."""
    for first in range(20000 + os.getpid() % 10000, 32000, count):
        with contextlib.ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probe = probes.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    pytest.fail("no neighbouring ports are free")


def test_an_explicit_port_that_is_taken_is_one_line(up: Up, folder: Path) -> None:
    other = Up(folder / "third", KEEPSAKE_HTTP__PORT=str(up.port))
    assert other.process.wait(timeout=20) == 1
    assert f"KEEPSAKE_HTTP__PORT: {up.port} is taken" in other.output.splitlines()[-1]
    assert not other.children()


@pytest.mark.parametrize(
    ("variables", "says", "code"),
    [
        ({"KEEPSAKE_HTTP__PORT": "x"}, "KEEPSAKE_HTTP__PORT: expected int", 2),
        ({"KEEPSAKE_DATA_DIR": "/proc/keepsake"}, "KEEPSAKE_DATA_DIR: cannot write to", 1),
        ({"KEEPSAKE_POSTGRES__BIN": "/nowhere"}, "KEEPSAKE_POSTGRES__BIN: no postgres", 1),
        ({"KEEPSAKE_POSTGRES__DSN": "nonsense"}, "KEEPSAKE_POSTGRES__DSN: expected", 1),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    folder: Path, variables: dict[str, str], says: str, code: int
) -> None:
    wrong = Up(folder / f"wrong{time.monotonic_ns()}", **variables)
    assert wrong.process.wait(timeout=20) == code
    assert says in wrong.output.splitlines()[-1]
    assert "Traceback" not in wrong.output


def test_all_children_share_one_group_that_is_not_the_supervisors(up: Up) -> None:
    groups = {os.getpgid(pid) for pid in up.children() if "postgres: " not in up.children()[pid]}
    assert len(groups) == 1
    assert os.getpgid(up.process.pid) not in groups


def test_no_secret_is_in_an_environment_an_argument_a_file_or_the_log(up: Up) -> None:
    token = (up.data_dir / "api-token").read_text().strip()
    seen = up.output
    for pid in up.children():
        seen += Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        seen += up.children()[pid]
    for path in (up.data_dir / "run").rglob("*"):
        if path.is_file():
            seen += path.read_text(errors="replace")
    for path in (up.data_dir / "logs").iterdir():
        seen += path.read_text(errors="replace")
    assert token not in seen
    assert not re.search(r"\bSU[A-Z2-7]{56}\b", seen)
    assert "password" not in seen.lower().replace("password_encryption", "")


def test_a_crashed_engine_or_service_comes_back_and_the_vault_is_ready_again(up: Up) -> None:
    for part in ("nats-server -c", "postgres -D", "services.indexer", "-m gateway"):
        before = up.child(part)
        os.kill(before, signal.SIGKILL)
        until(lambda part=part, before=before: _is_new(up, part, before))  # type: ignore[misc]
        until(up.is_ready)


def test_postgres_that_somebody_else_tells_to_stop_is_back_at_once(up: Up) -> None:
    """Its "smart" shutdown would wait for our own services, for ever, and let nobody in."""
    before = up.child("postgres -D")
    os.kill(before, signal.SIGTERM)
    until(lambda: _is_new(up, "postgres -D", before))
    until(up.is_ready)


def _is_new(up: Up, part: str, before: int) -> bool:
    found = [pid for pid, command in up.children().items() if part in command]
    return len(found) == 1 and found[0] != before


def test_after_kill_9_everything_is_gone_and_the_next_start_cleans_up(up: Up) -> None:
    """Runs late: it ends the shared vault, and starts it again."""
    scratch = up.data_dir.parent / f"keepsake-{os.getuid()}-{up.digest}"
    (scratch / "plain.db").write_text("left by a crash")
    up.process.kill()
    up.process.wait()
    until(lambda: not up.children(), seconds=10)
    again = Up(up.data_dir)
    try:
        again.wait_ready()
        assert not (scratch / "plain.db").exists()
        assert again.is_ready()
        # A client of live events is connected while Ctrl-C comes.
        stream = socket.create_connection(("127.0.0.1", again.port))
        token = (again.data_dir / "api-token").read_text().strip()
        stream.sendall(
            f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{again.port}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n".encode()
        )
        assert b" 200 " in stream.recv(4096)
        assert again.end(signal.SIGINT) == 0
        # It ended by itself; one that waits for the client is killed, and says nothing.
        assert re.search(r"service_stopped +service=gateway", again.output)
        stream.close()
        assert not again.children()
        assert not (again.data_dir / "run" / "address.json").exists()
    finally:
        again.process.kill()
        again.process.wait()
