"""Folders, lock, token and environment of a vault on one machine."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from deploy.local.address import choose_place
from deploy.local.errors import AlreadyRunningError, StartError
from deploy.local.layout import Layout, is_traversable, private_folder
from deploy.local.process import RunAs
from deploy.local.services import child_environment, reference_environment
from deploy.local.token import ensure_api_token, token_file
from shared.settings import Settings

STRANGER = RunAs(uid=61234, gid=61234, user="stranger")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings(folder: Path, **variables: str) -> Settings:
    return Settings.load({"HOME": str(folder), "KEEPSAKE_DATA_DIR": str(folder), **variables})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_data_directory_is_locked_once_and_the_second_is_told_who_holds_it(
    tmp_path: Path,
) -> None:
    layout = Layout(tmp_path / "data")
    layout.create()
    lock = layout.lock()
    with pytest.raises(AlreadyRunningError, match=rf"starting or stopping .*pid {os.getpid()}"):
        Layout(tmp_path / "data").lock()
    layout.write_address("http://127.0.0.1:8080")
    with pytest.raises(AlreadyRunningError, match=r"http://127\.0\.0\.1:8080"):
        Layout(tmp_path / "data").lock()
    os.close(lock)
    os.close(layout.lock())


def test_a_data_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="KEEPSAKE_DATA_DIR: cannot write to"):
        Layout(tmp_path / "file" / "data").create()


def test_the_token_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = ensure_api_token(settings(tmp_path))
    assert ensure_api_token(settings(tmp_path)) == first
    assert mode(token_file(settings(tmp_path))) == 0o600
    given = ensure_api_token(settings(tmp_path, KEEPSAKE_API_TOKEN="mine"))
    assert given.reveal() == "mine"
    assert ensure_api_token(settings(tmp_path)) == first


def test_a_private_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "mine")
    assert mode(folder) == 0o700
    assert private_folder(tmp_path / "mine") == folder
    folder.chmod(0o777)
    with pytest.raises(StartError):
        private_folder(folder)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(StartError):
        private_folder(tmp_path / "link")


def test_a_folder_below_a_closed_one_cannot_be_reached_by_another_user(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "open").mkdir(parents=True)
    closed.chmod(0o700)
    assert not is_traversable(closed / "open", STRANGER)


def test_the_port_that_is_nobodys_wish_gives_way_and_the_explicit_one_does_not(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        explicit = settings(tmp_path, KEEPSAKE_HTTP__PORT=str(port))
        with pytest.raises(StartError, match=f"KEEPSAKE_HTTP__PORT: {port} is taken"):
            choose_place(explicit)
    free = choose_place(settings(tmp_path))
    other = choose_place(settings(tmp_path))
    assert free.port != other.port
    assert free.url == f"http://127.0.0.1:{free.port}"
    os.close(free.reservation)
    os.close(other.reservation)


def test_a_childs_environment_holds_settings_and_no_secret() -> None:
    environment = child_environment(
        {
            "PATH": "/bin",
            "AWS_SECRET_ACCESS_KEY": "hunter2",
            "KEEPSAKE_API_TOKEN": "hunter2",
            "KEEPSAKE_POSTGRES__DSN": "hunter2",
            "KEEPSAKE_NATS__URL": "hunter2",
            "KEEPSAKE_CREDENTIALS": "hunter2",
            "KEEPSAKE_PASSPHRASE": "hunter2",
            "KEEPSAKE_LOG__LEVEL": "debug",
            "KEEPSAKE_BACKUP_PATHS": "/b",
        },
        {"KEEPSAKE_HTTP__PORT": "1"},
    )
    assert "hunter2" not in environment.values()
    assert environment["KEEPSAKE_LOG__LEVEL"] == "debug"
    assert environment["KEEPSAKE_BACKUP_PATHS"] == "/b"
    assert environment["KEEPSAKE_HTTP__PORT"] == "1"
    assert environment["PATH"] == "/bin"


def test_only_what_passphrase_references_need_is_handed_to_unlock_besides() -> None:
    given = {
        "CREDENTIALS_DIRECTORY": "/run/credentials/keepsake",
        "OP_SERVICE_ACCOUNT_TOKEN": "ops_x",
        "OP_SESSION_home": "session",
        "KEEPSAKE_SECRET_PHONE": "hunter2",
    }
    others = {"AWS_SECRET_ACCESS_KEY": "no", "KEEPSAKE_API_TOKEN": "no"}
    assert reference_environment({**given, **others}) == given
    assert not set(given) & set(child_environment({**given, **others}, {}))
