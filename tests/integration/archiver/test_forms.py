"""What a form asks, and that rclone does as it was told about bandwidth."""

from __future__ import annotations

from services.archiver.destinations.forms import read_backends
from services.archiver.destinations.rclone_daemon import RcloneDaemon


def test_back_ends_are_told_with_what_they_need_and_without_what_runs_programs(
    daemon: RcloneDaemon,
) -> None:
    backends = read_backends(daemon)
    assert {"s3", "b2", "sftp", "webdav", "drive", "local", "azureblob"} <= set(backends)
    assert not {"crypt", "alias", "union", "memory"} & set(backends)
    sftp = {field.name: field for field in backends["sftp"].fields}
    assert sftp["host"].is_required
    assert not sftp["port"].is_required
    assert sftp["port"].default == "22"
    assert sftp["pass"].is_password
    assert sftp["pass"].is_secret
    assert "ssh" not in sftp
    assert "server_command" not in sftp
    s3 = {field.name: field for field in backends["s3"].fields}
    assert s3["secret_access_key"].is_secret
    assert s3["secret_access_key"].type == "string"
    assert "AWS" in {example.value for example in s3["provider"].examples}
    assert all(field.help for field in backends["b2"].fields)


def test_the_bandwidth_is_told_again_after_a_start(daemon: RcloneDaemon) -> None:
    import os
    import signal

    def limits() -> tuple[int, int]:
        told = daemon.call("core/bwlimit", {})
        return told["bytesPerSecondTx"], told["bytesPerSecondRx"]

    daemon.limit_bandwidth(upload=1_000_000, download=2_500_000)
    assert limits() == (1_000_000, 2_500_000)
    assert daemon.pid is not None
    os.kill(daemon.pid, signal.SIGKILL)
    assert limits() == (1_000_000, 2_500_000)
    daemon.limit_bandwidth()
    assert limits() == (-1, -1)
