"""Each way in which a destination fails: a clear error, nothing half visible, no secret told."""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.archiver.destinations.patience import Limits, Patience
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.rclone_transport import RcloneTransport
from services.archiver.destinations.remotes import RcloneRemote
from services.archiver.errors import (
    DamagedArchiveError,
    DestinationAwayError,
    DestinationFullError,
    DestinationRefusedError,
    TransportError,
)
from services.archiver.format.names import object_path
from services.archiver.store.local_folder import LocalFolder
from shared.credentials import Secret
from tests.integration.archiver.conftest import IMPATIENT
from tests.integration.archiver.fake_b2 import ACCOUNT, KEY, fake_b2
from tests.integration.archiver.faulty_servers import Faults, faulty_proxy
from tests.integration.archiver.rclone_servers import (
    BUCKET,
    CRYPT,
    KINDS,
    Server,
    stored_files,
)

NAME = object_path("ab" * 32)
WRONG = "wrong-horse-4410"


#: For what fails for ever: rclone itself pauses between tries.
ONCE = Limits(tries=1)


def opened(
    daemon: RcloneDaemon, remote: RcloneRemote, limits: Limits = IMPATIENT
) -> RcloneTransport:
    return RcloneTransport(daemon, remote, is_new=True, limits=limits)


@pytest.fixture(params=["s3", "webdav"])
def faulty(
    request: pytest.FixtureRequest, daemon: RcloneDaemon, servers: dict[str, Server]
) -> Iterator[tuple[RcloneTransport, Faults, Path]]:
    """A destination with a proxy before it, and the folder behind it."""
    server = servers[request.param]
    folder = secrets.token_hex(8)
    with faulty_proxy(server.port) as (port, faults):
        transport = opened(daemon, server.remote(folder, port=port))
        transport.put("before", [b"it worked before"])
        yield transport, faults, server.files / BUCKET / folder
        transport.close()


@pytest.mark.parametrize("fault", [503, "drop"])
def test_what_fails_for_a_moment_is_tried_again(
    faulty: tuple[RcloneTransport, Faults, Path], fault: int | str
) -> None:
    transport, faults, folder = faulty
    # Once more than rclone tries by itself.
    faults.mode, faults.times = fault, 2
    transport.put(NAME, [b"content"])
    assert faults.count == 2
    assert transport.get(NAME) == b"content"
    assert len(stored_files(folder)) == 2


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (503, DestinationAwayError),
        (429, DestinationAwayError),
        (507, DestinationFullError),
        (403, DestinationRefusedError),
        (401, DestinationRefusedError),
    ],
)
def test_what_fails_for_ever_is_told_and_nothing_is_half_visible(
    faulty: tuple[RcloneTransport, Faults, Path],
    fault: int,
    expected: type[TransportError],
) -> None:
    transport, faults, folder = faulty
    faults.mode = fault
    transport._patience = Patience(ONCE)
    with pytest.raises(expected):
        transport.put(NAME, [b"content"])
    faults.mode = None
    assert transport.size(NAME) is None
    assert transport.get("before") == b"it worked before"
    assert len(stored_files(folder)) == 1


def test_a_reply_that_is_cut_is_read_again(
    faulty: tuple[RcloneTransport, Faults, Path],
) -> None:
    transport, faults, _ = faulty
    content = secrets.token_bytes(300_000)
    transport.put(NAME, [content])
    faults.mode, faults.times, faults.methods = "half", 1, ("GET",)
    assert transport.get(NAME, offset=1000, size_bytes=200_000) == content[1000:201_000]
    assert faults.count == 1


def test_a_server_that_was_away_when_it_was_first_asked_does_not_change_where_things_go(
    daemon: RcloneDaemon, servers: dict[str, Server]
) -> None:
    """rclone takes a folder that it cannot ask about for a file, and keeps its parent instead."""
    server = servers["s3"]
    folder = secrets.token_hex(8)
    with faulty_proxy(server.port) as (port, faults):
        transport = opened(daemon, server.remote(f"{folder}/inner", port=port, crypt=CRYPT), ONCE)
        faults.mode, faults.methods = 403, ("HEAD", "GET")
        with pytest.raises(DestinationRefusedError):
            transport.size(NAME)
        faults.mode = None
        transport.put(NAME, [b"content"])
        transport.close()
    assert len(stored_files(server.files / BUCKET / folder / "inner")) == 1
    assert len(stored_files(server.files / BUCKET / folder)) == 1


def test_a_server_that_says_nothing_any_more_is_away(
    servers: dict[str, Server], scratch: Path
) -> None:
    daemon = RcloneDaemon(scratch, stall_seconds=1)
    server = servers["webdav"]
    with faulty_proxy(server.port) as (port, faults):
        transport = opened(daemon, server.remote(secrets.token_hex(8), port=port), ONCE)
        faults.mode, faults.methods = "stall", ("PUT", "PROPFIND")
        with pytest.raises(DestinationAwayError):
            transport.size(NAME)
    daemon.close()


@pytest.mark.parametrize(("kind", "calls"), [("s3", 1), ("sftp", 2)])
def test_a_server_that_is_gone_is_left_alone_after_some_failures(
    kind: str, calls: int, daemon: RcloneDaemon, servers: dict[str, Server]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        remote = servers[kind].remote("x", port=nobody.getsockname()[1])
        transport = opened(daemon, remote, Limits(tries=1, failures=calls))
        for _ in range(calls):
            with pytest.raises(DestinationAwayError, match="does not answer as it should"):
                transport.get(NAME)
        with pytest.raises(DestinationAwayError, match="left alone"):
            transport.put(NAME, [b"content"])
    transport.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_key_is_refused_and_told_without_it(
    kind: str, daemon: RcloneDaemon, servers: dict[str, Server]
) -> None:
    transport = opened(daemon, servers[kind].remote("x", password=WRONG, crypt=CRYPT))
    for attempt in (lambda: transport.put(NAME, [b"content"]), lambda: transport.size("x")):
        with pytest.raises(DestinationRefusedError) as raised:
            attempt()
        assert WRONG not in str(raised.value)
        assert CRYPT.password.reveal() not in str(raised.value)
    transport.close()


def test_a_bucket_that_does_not_exist_is_told_and_not_made(
    daemon: RcloneDaemon, servers: dict[str, Server]
) -> None:
    transport = opened(daemon, servers["s3"].remote("x", bucket="nobodys"))
    with pytest.raises(DestinationRefusedError, match="bucket does not exist"):
        transport.put(NAME, [b"content"])
    assert not (servers["s3"].files / "nobodys").exists()
    transport.close()


@pytest.mark.parametrize(
    ("mode", "key", "expected"),
    [("cap", KEY, DestinationFullError), (None, f"{KEY}-no-more", DestinationRefusedError)],
)
def test_what_backblaze_refuses_is_understood(
    mode: str | None, key: str, expected: type[TransportError], daemon: RcloneDaemon
) -> None:
    with fake_b2() as b2:
        b2.mode = mode
        transport = opened(
            daemon,
            RcloneRemote(
                backend="b2",
                options={"account": ACCOUNT, "endpoint": b2.url},
                secrets={"key": Secret(key)},
                path="bucket/x",
            ),
        )
        with pytest.raises(expected) as raised:
            transport.put(NAME, [b"content"])
        assert "not-to-be-seen" not in str(raised.value)
        assert b2.files == {}
        transport.close()


def test_what_is_damaged_below_crypt_is_damaged_and_not_away(
    daemon: RcloneDaemon, servers: dict[str, Server]
) -> None:
    for kind in KINDS:
        folder = secrets.token_hex(8)
        transport = opened(daemon, servers[kind].remote(folder, crypt=CRYPT))
        content = secrets.token_bytes(200_000)
        transport.put(NAME, [content])
        (stored,) = stored_files(servers[kind].files / BUCKET / folder)
        damaged = bytearray(stored.read_bytes())
        damaged[100_000] ^= 1
        stored.write_bytes(damaged)
        with pytest.raises(DamagedArchiveError):
            transport.get(NAME)
        assert transport.get(NAME, offset=150_000, size_bytes=1000) == content[150_000:151_000]
        transport.close()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("through", ["folder", "rclone", "crypt"])
def test_a_full_disk_is_told_and_nothing_of_the_object_stays(
    through: str, daemon: RcloneDaemon, tmp_path: Path
) -> None:
    with small_disk(tmp_path) as disk:
        transport = (
            LocalFolder(disk, is_new=True)
            if through == "folder"
            else opened(
                daemon,
                RcloneRemote(
                    backend="local",
                    path=str(disk),
                    crypt=CRYPT if through == "crypt" else None,
                ),
            )
        )
        transport.put("before", [b"it worked before"])
        with pytest.raises(DestinationFullError):
            transport.put(NAME, [bytes(4 << 20)])
        assert transport.size(NAME) is None
        assert transport.get("before") == b"it worked before"
        transport.clean()
        assert len(stored_files(disk)) == 1
        transport.close()
