"""Settings: where a value comes from, and what a wrong one says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a keepsake.toml of the developer."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(folder: Path, **variables: str) -> Settings:
    return Settings.load({"HOME": str(folder), "KEEPSAKE_DATA_DIR": str(folder), **variables})


def test_every_setting_has_a_default(tmp_path: Path) -> None:
    settings = Settings.load({"XDG_DATA_HOME": str(tmp_path)})
    assert settings.data_dir == tmp_path / "keepsake"
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)
    assert settings.session.ttl_seconds == 3600
    assert settings.nats.url is None
    assert settings.explicit == frozenset()


def test_two_underscores_nest(tmp_path: Path) -> None:
    settings = load(tmp_path, KEEPSAKE_HTTP__PORT="9000", KEEPSAKE_LOG__FORMAT="json")
    assert settings.http.port == 9000
    assert settings.log.format == "json"
    assert "http.port" in settings.explicit
    assert "http.host" not in settings.explicit


def test_variables_win_over_the_file_in_the_working_directory_and_that_over_the_data_dir(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "keepsake.toml").write_text("[http]\nport = 1\nhost = 'a'\n[log]\nlevel = 'debug'\n")
    (tmp_path / "keepsake.toml").write_text(f"data_dir = '{data}'\n[http]\nport = 2\nhost = 'b'\n")
    settings = Settings.load({"KEEPSAKE_HTTP__PORT": "3"})
    assert (settings.http.port, settings.http.host, settings.log.level) == (3, "b", "debug")
    assert settings.data_dir == data


def test_backup_paths_are_separated_by_colons_or_listed(tmp_path: Path) -> None:
    assert load(tmp_path, KEEPSAKE_BACKUP_PATHS="/a:/b/c").backup_paths == [
        Path("/a"),
        Path("/b/c"),
    ]
    (tmp_path / "keepsake.toml").write_text("backup_paths = ['/d', '/e']\n")
    assert load(tmp_path).backup_paths == [Path("/d"), Path("/e")]


def test_the_folders_of_finder_are_watched_when_they_exist(tmp_path: Path) -> None:
    folder = tmp_path / "Library" / "Application Support" / "MobileSync" / "Backup"
    assert load(tmp_path).backup_paths == []
    folder.mkdir(parents=True)
    assert load(tmp_path).backup_paths == [folder]


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("KEEPSAKE_HTTP__PORT", "hunter2", "KEEPSAKE_HTTP__PORT: expected int"),
        ("KEEPSAKE_HTTP__PORT", "70000", "KEEPSAKE_HTTP__PORT: expected int <= 65535"),
        ("KEEPSAKE_HTTP__PROT", "1", "KEEPSAKE_HTTP__PROT: there is no such setting"),
        ("KEEPSAKE_LOG__LEVEL", "hunter2", "KEEPSAKE_LOG__LEVEL: not one of the values"),
        (
            "KEEPSAKE_INDEXER__NIGHTLY_AT",
            "25:00",
            "KEEPSAKE_INDEXER__NIGHTLY_AT: expected a time such as 03:30, or off",
        ),
        ("KEEPSAKE_SESSION__TTL_SECONDS", "0", "KEEPSAKE_SESSION__TTL_SECONDS: expected int >= 1"),
    ],
)
def test_a_bad_value_is_named_in_one_line_and_not_repeated(
    tmp_path: Path, variable: str, value: str, says: str
) -> None:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, **{variable: value})
    assert str(error.value).startswith(says)
    assert "hunter2" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_bad_value_of_a_file_is_named_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "keepsake.toml").write_text("[http]\nport = 'x'\n")
    with pytest.raises(SettingsError, match=r"http\.port in .*keepsake\.toml: expected int"):
        load(tmp_path)


def test_an_unknown_section_of_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "keepsake.toml").write_text("[htpp]\nport = 1\n")
    with pytest.raises(SettingsError, match=r"htpp in .*keepsake\.toml: there is no such"):
        load(tmp_path)


def test_other_variables_with_the_prefix_and_empty_ones_are_ignored(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        KEEPSAKE_GATEWAY_PORT="tcp://10.0.0.1:80",
        KEEPSAKE_SAMPLES="/x",
        KEEPSAKE_NATS__URL="",
    )
    assert settings.nats.url is None


def test_secrets_do_not_show_in_the_settings(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        KEEPSAKE_API_TOKEN="hunter2",
        KEEPSAKE_POSTGRES__DSN="postgresql://u:hunter2@h/d",
        KEEPSAKE_NATS__URL="nats://u:hunter2@h",
    )
    assert settings.api_token is not None
    assert settings.api_token.reveal() == "hunter2"
    assert "hunter2" not in repr(settings)


def test_scratch_is_a_folder_of_this_vault_alone_wherever_it_is_put(tmp_path: Path) -> None:
    one = load(tmp_path / "a", KEEPSAKE_SCRATCH_DIR=str(tmp_path)).scratch_dir
    two = load(tmp_path / "b", KEEPSAKE_SCRATCH_DIR=str(tmp_path)).scratch_dir
    assert one.parent == two.parent == tmp_path
    assert one != two
    assert str(os.getuid()) in one.name
