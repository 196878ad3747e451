"""What a form asks, and that rclone does as it was told about bandwidth."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from services.archiver.destinations.forms import problems, read_backends
from services.archiver.destinations.places import RclonePlace
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.remotes import RcloneRemote
from services.archiver.destinations.setting_up import attempt
from shared.credentials import Secret
from tests.integration.archiver.conftest import IMPATIENT


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
    assert not s3["access_key_id"].is_secret
    assert not sftp["host"].is_secret
    assert all(field.help for field in backends["b2"].fields)


def test_back_ends_say_whether_somebody_has_to_sign_in_elsewhere(daemon: RcloneDaemon) -> None:
    backends = read_backends(daemon)
    assert {"s3", "b2", "sftp", "webdav", "mailru"} <= {
        name for name, one in backends.items() if one.login == "none" and not one.note
    }
    for name in ("drive", "dropbox", "onedrive", "box", "google cloud storage"):
        assert backends[name].login == "token"
        assert f'rclone authorize "{name}"' in backends[name].note
        token = next(field for field in backends[name].fields if field.name == "token")
        assert token.is_secret
    assert backends["iclouddrive"].login == "dialogue"
    assert "google photos" not in backends
    # Hidden by rclone, and the best there is for a machine without a browser.
    drive = {field.name: field for field in backends["drive"].fields}
    assert drive["service_account_credentials"].is_secret
    remote = RcloneRemote(backend="drive", path="keepsake")
    assert "rclone authorize" in problems(remote, backends)[0]
    given = msgspec.structs.replace(remote, secrets={"token": Secret("{}")})
    assert problems(given, backends) == []


class SigningIn(ThreadingHTTPServer):
    """A service that wants a token: it writes down who asks, and gives a new token for an old."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Answer)


class _Answer(BaseHTTPRequestHandler):
    server: SigningIn

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.path, self.headers.get("Authorization") or "", body))
        is_token = self.path.startswith("/token")
        answer = {"code": "404", "msg": "Not Found"}
        if is_token:
            answer = {"access_token": "renewed", "token_type": "Bearer", "refresh_token": "next"}
        self.send_response(200 if is_token else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(msgspec.json.encode(answer))

    do_POST = do_GET  # noqa: N815 -- the names are the server's

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def test_a_token_from_a_reference_signs_in_and_is_renewed_when_it_is_over(
    daemon: RcloneDaemon,
) -> None:
    server = SigningIn()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        for expiry in ("2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"):
            token = {"access_token": "first", "token_type": "Bearer", "refresh_token": "again"}
            remote = RcloneRemote(
                backend="hidrive",
                path="keepsake",
                options={"endpoint": address, "token_url": f"{address}/token"},
                secrets={"token": Secret(msgspec.json.encode(token | {"expiry": expiry}).decode())},
            )
            report = attempt(RclonePlace(daemon, remote, limits=IMPATIENT))
            assert [step.outcome for step in report.steps][:2] == ["warning", "done"]
            assert "first" not in str(report)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    (path, who, _), *later = server.asked
    assert path.startswith("/meta")
    assert who == "Bearer first"
    (path, _, body), (_, who, _) = (one for one in later if one[1] != "Bearer first")
    assert path == "/token"
    assert b"refresh_token=again" in body
    assert who == "Bearer renewed"


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
