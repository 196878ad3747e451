"""Credentials: handed over in memory, and shown to nobody."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from shared.credentials import parent_pipe
from shared.settings import (
    Credentials,
    NatsCredentials,
    PostgresCredentials,
    Secret,
    SettingsError,
)

CREDENTIALS = Credentials(
    nats=NatsCredentials(url="nats://h:1", nkey_seed=Secret("seed")),
    postgres=PostgresCredentials(
        host="/run/pg", database="keepsake", user="keepsake_unlock", password=Secret("pass")
    ),
    api_token=Secret("token"),
)


def test_credentials_come_through_a_pipe_that_stays_open() -> None:
    read, write = os.pipe()
    try:
        os.write(write, CREDENTIALS.encode())
        environ = {"KEEPSAKE_CREDENTIALS": f"fd:{read}"}
        assert Credentials.load(environ) == CREDENTIALS
        assert parent_pipe(environ) == read
        assert not os.get_inheritable(read)
        os.close(write)
        write = -1
        assert os.read(read, 1) == b""
    finally:
        os.close(read)
        if write >= 0:
            os.close(write)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    file.write_bytes(CREDENTIALS.encode())
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="others may read"):
        Credentials.load({"KEEPSAKE_CREDENTIALS": str(file)})
    file.chmod(0o600)
    assert Credentials.load({"KEEPSAKE_CREDENTIALS": str(file)}) == CREDENTIALS


def test_what_cannot_be_read_is_said_without_repeating_it(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    file.write_text('{"nats": "hunter2"}')
    file.chmod(0o600)
    with pytest.raises(SettingsError) as error:
        Credentials.load({"KEEPSAKE_CREDENTIALS": str(file)})
    assert "hunter2" not in str(error.value)


def test_a_service_alone_takes_the_two_connection_settings() -> None:
    credentials = Credentials.load(
        {
            "KEEPSAKE_NATS__URL": "nats://user:p%40ss@bus:4222,nats://bus2:4222",
            "KEEPSAKE_POSTGRES__DSN": "postgresql://me:w%2Fd@db:6432/vault?sslmode=require",
        }
    )
    assert credentials.nats == NatsCredentials(
        url="nats://bus:4222,nats://bus2:4222", user="user", password=Secret("p@ss")
    )
    assert credentials.postgres == PostgresCredentials(
        host="db",
        port=6432,
        database="vault",
        user="me",
        password=Secret("w/d"),
        ssl_mode="require",
    )


def test_without_any_credentials_the_line_says_what_to_set() -> None:
    with pytest.raises(SettingsError, match="KEEPSAKE_POSTGRES__DSN"):
        Credentials.load({})


def test_a_dsn_survives_being_written_and_read() -> None:
    assert PostgresCredentials.from_dsn(CREDENTIALS.postgres.dsn().reveal()) == CREDENTIALS.postgres


@pytest.mark.parametrize("bad", ["", "mysql://x", "postgresql://h:port/x", "hunter2"])
def test_a_bad_dsn_is_not_repeated(bad: str) -> None:
    with pytest.raises(SettingsError, match="KEEPSAKE_POSTGRES__DSN: expected") as error:
        PostgresCredentials.from_dsn(bad)
    assert "hunter2" not in str(error.value)


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {CREDENTIALS}"
    assert secret == Secret("hunter2")
    assert secret != Secret("other")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
