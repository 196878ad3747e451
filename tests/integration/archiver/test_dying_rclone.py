"""rclone may be killed, and may be left alone: nothing is lost, nothing stays behind."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from services.archiver.destinations.failures import PassingError
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.rclone_process import RcloneProcess
from services.archiver.destinations.rclone_transport import RcloneTransport
from services.archiver.destinations.remotes import Crypt
from services.archiver.errors import TransportError
from services.archiver.format.names import object_path
from shared.credentials import Secret
from tests.integration.archiver.conftest import IMPATIENT
from tests.integration.archiver.rclone_servers import (
    BUCKET,
    CRYPT,
    KINDS,
    PASSWORD,
    SECRET_KEY,
    Server,
    stored_files,
)

NAME = object_path("ab" * 32)
_ALONE = """
import sys, time
from pathlib import Path
import msgspec
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.rclone_transport import RcloneTransport
from services.archiver.destinations.remotes import Crypt, RcloneRemote
from shared.credentials import Secret
told = msgspec.json.decode(sys.stdin.buffer.readline())
crypt = told.pop("crypt")
secrets = {name: Secret(value) for name, value in told.pop("secrets").items()}
daemon = RcloneDaemon(Path(sys.argv[1]))
remote = RcloneRemote(**told, secrets=secrets, crypt=Crypt(password=Secret(crypt)))
transport = RcloneTransport(daemon, remote, is_new=True)
daemon.limit_bandwidth(upload=100_000)
print(daemon.pid, flush=True)
transport.put(sys.argv[2], [bytes(6 << 20)])
"""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize(("kind", "crypt"), [("s3", CRYPT), ("sftp", None), ("webdav", CRYPT)])
def test_rclone_killed_in_the_middle_of_an_upload_is_started_again_and_the_object_is_whole(
    kind: str, crypt: Crypt | None, servers: dict[str, Server], scratch: Path
) -> None:
    server = servers[kind]
    folder = secrets.token_hex(8)
    daemon = RcloneDaemon(scratch)
    transport = RcloneTransport(
        daemon,
        server.remote(folder, crypt=crypt),
        is_new=True,
        limits=IMPATIENT,
    )
    content = secrets.token_bytes(6 << 20)
    # So slow that it cannot be done before it is killed.
    daemon.limit_bandwidth(upload=100_000)
    putting = threading.Thread(target=transport.put, args=(NAME, [content]))
    putting.start()
    try:
        below = server.files / BUCKET / folder
        if kind == "s3":
            # What arrives is not seen before all of it did.
            wait_until(lambda: daemon.call("core/stats", {}).get("bytes", 0) > 0)
        else:
            wait_until(lambda: any(path.stat().st_size for path in stored_files(below)))
        assert transport.size(NAME) is None
        daemon._bandwidth = "off"
        first = daemon.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
    finally:
        putting.join(90)
    assert not putting.is_alive()
    assert daemon.pid not in (None, first)
    assert transport.get(NAME) == content
    # rclone, asked again, goes on under the same name.
    assert transport.clean() == 0
    assert [one.path for one in transport.names("objects")] == [NAME]
    assert len(stored_files(below)) == 1
    assert list(daemon.spool.iterdir()) == []
    transport.close()
    daemon.close()


def test_rclone_that_hangs_is_replaced(servers: dict[str, Server], scratch: Path) -> None:
    daemon = RcloneDaemon(scratch, ping_seconds=1)
    transport = RcloneTransport(
        daemon, servers["sftp"].remote(secrets.token_hex(8)), is_new=True, limits=IMPATIENT
    )
    transport.put(NAME, [b"content"])
    first = daemon.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    assert transport.get(NAME) == b"content"
    assert not is_running(first)
    daemon.close()


@pytest.mark.parametrize("kind", KINDS)
def test_rclone_dies_with_us_in_the_middle_of_an_upload_and_what_is_left_is_removed(
    kind: str, servers: dict[str, Server], scratch: Path
) -> None:
    server, folder, password = servers[kind], secrets.token_hex(8), secrets.token_hex(8)
    remote = server.remote(folder, crypt=Crypt(password=Secret(password)))
    ours = subprocess.Popen(
        [sys.executable, "-c", _ALONE, str(scratch), NAME],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert ours.stdin is not None
    assert ours.stdout is not None
    told = {
        "backend": remote.backend,
        "path": remote.path,
        "options": remote.options,
        "secrets": {name: secret.reveal() for name, secret in remote.secrets.items()},
        "crypt": password,
    }
    ours.stdin.write(msgspec.json.encode(told) + b"\n")
    ours.stdin.flush()
    pid = int(ours.stdout.readline())
    (left,) = scratch.glob("rclone-*")
    below = server.files / BUCKET / folder
    wait_until(lambda: kind == "s3" or any(path.stat().st_size for path in stored_files(below)))
    beside = RcloneDaemon(scratch)
    assert left.exists(), "what somebody uses is nobody's leftover"
    assert is_running(pid)
    ours.kill()
    ours.communicate()
    wait_until(lambda: not is_running(pid))

    daemon = RcloneDaemon(scratch)
    assert not left.exists()
    transport = RcloneTransport(daemon, remote, is_new=True, limits=IMPATIENT)
    assert list(transport.names("objects")) == []
    assert transport.size(NAME) is None
    assert transport.clean() == (0 if kind == "s3" else 1)
    assert stored_files(below) == []
    transport.put(NAME, [b"content"])
    assert transport.get(NAME) == b"content"
    assert len(stored_files(below)) == 1
    for one in (daemon, beside):
        one.close()
    assert list(scratch.glob("*rclone-*")) == []


def test_close_ends_rclone_and_removes_its_folder(scratch: Path) -> None:
    daemon = RcloneDaemon(scratch)
    daemon.call("rc/noop", {})
    pid, folder = daemon.pid, daemon.spool.parent
    assert pid is not None
    assert folder.stat().st_mode & 0o777 == 0o700
    daemon.close()
    daemon.close()
    assert not is_running(pid)
    assert not folder.exists()
    with pytest.raises(TransportError):
        daemon.call("rc/noop", {})


def test_no_secret_is_in_rclones_arguments_its_environment_or_its_files(
    servers: dict[str, Server], scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RCLONE_CRYPT_PASSWORD", "inherited")
    monkeypatch.setenv("RCLONE_BWLIMIT", "1B")
    daemon = RcloneDaemon(scratch)
    for kind in KINDS:
        transport = RcloneTransport(
            daemon,
            servers[kind].remote(secrets.token_hex(8), crypt=CRYPT),
            is_new=True,
            limits=IMPATIENT,
        )
        transport.put(NAME, [b"content"])
    process = Path(f"/proc/{daemon.pid}")
    seen = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    seen += b"".join(path.read_bytes() for path in stored_files(daemon.spool.parent))
    assert CRYPT.password2 is not None
    for secret in (SECRET_KEY, PASSWORD, CRYPT.password.reveal(), CRYPT.password2.reveal()):
        assert secret.encode() not in seen
    assert b"RCLONE_" not in seen
    daemon.close()


def test_an_rclone_that_is_killed_at_its_start_is_worth_another_try(tmp_path: Path) -> None:
    program = tmp_path / "rclone"
    program.write_text("#!/bin/sh\nexec /bin/sleep 1000\n")
    program.chmod(0o700)
    process = RcloneProcess(program, tmp_path, name="s1", stall_seconds=60, connect_seconds=60)

    def strike() -> None:
        wait_until(lambda: process.pid is not None)
        os.kill(process.pid or 0, signal.SIGKILL)

    striker = threading.Thread(target=strike)
    striker.start()
    with pytest.raises(PassingError):
        process.start()
    striker.join()
