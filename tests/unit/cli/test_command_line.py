from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli.backup_names import choose_backup
from gateway.cli.client import answer_failure
from gateway.cli.commands.download import name_of
from gateway.cli.failure import Failure, failure_of
from gateway.cli.formats import moment, size
from gateway.cli.main import run
from gateway.cli.session_tokens import drop_token, keep_token, read_secret, store_folder
from gateway.cli.thread_names import choose_thread


def backup(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"{number:08x}-0000-4000-8000-000000000000",
        "udid": f"UDID{number}",
        "name": "Phone",
        "label": None,
        "last_backup_at": None,
    } | fields


BACKUPS = [
    backup(0xAB1, name="Ada"),
    backup(0xAB2, label="Old one"),
    backup(0xCD, udid="SOME-UDID"),
]


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        (BACKUPS[0]["id"], 0),
        ("ada", 0),
        ("OLD ONE", 1),
        ("some-udid", 2),
        ("00000ab1", 0),
        ("ad", 0),
    ],
)
def test_a_backup_is_meant_by_id_beginning_udid_name_or_label(wanted: str, number: int) -> None:
    assert choose_backup(BACKUPS, wanted) is BACKUPS[number]


@pytest.mark.parametrize("wanted", ["mira", "mira\u2019s iphone", "UDID-7"])
def test_of_several_copies_of_a_device_the_newest_is_meant(wanted: str) -> None:
    copies = [
        backup(number, udid="UDID-7", name="Mira\u2019s iPhone", last_backup_at=at)
        for number, at in enumerate(("2021-09-26T21:15:00Z", "2026-10-25T21:15:00Z", None))
    ]
    assert choose_backup(copies, wanted) is copies[1]
    # Of two phones that are called alike it is not.
    with pytest.raises(Failure) as failure:
        choose_backup([*copies, backup(9, udid="UDID-8", name="Mira\u2019s iPad")], "mira")
    assert failure.value.exit_code == 2


@pytest.mark.parametrize(("wanted", "code"), [("phone", 2), ("00000ab", 2), ("nobody", 4), ("", 4)])
def test_what_means_several_or_none_says_so_by_its_exit_code(wanted: str, code: int) -> None:
    with pytest.raises(Failure) as failure:
        choose_backup(BACKUPS, wanted)
    assert failure.value.exit_code == code


@pytest.mark.parametrize(
    ("status", "slug", "code"),
    [
        (404, "not-found", 4),
        (423, "locked", 5),
        (403, "wrong-session", 5),
        (403, "wrong-passphrase", 6),
        (429, "throttled", 7),
        (503, "service-unavailable", 3),
        (403, "forbidden", 1),
        (400, "bad-request", 2),
        (500, "internal", 1),
    ],
)
def test_each_problem_has_its_exit_code(status: int, slug: str, code: int) -> None:
    assert failure_of(status, {"type": f"/problems/{slug}", "title": "x"}).exit_code == code


def test_what_is_wrong_with_a_request_is_said_without_that_it_is_wrong() -> None:
    problem = {
        "type": "/problems/bad-request",
        "title": "The request is not valid.",
        "detail": "There is no filter frm:.",
    }
    assert str(failure_of(400, problem)) == "There is no filter frm:."
    assert str(failure_of(400, {**problem, "detail": ""})) == "The request is not valid."


@pytest.mark.parametrize("group", ["people", "rules", "devices", "lineage", "jobs", "token"])
def test_help_says_what_commands_do_to_the_end_of_the_sentence(
    group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([group, "--help"]) == 0
    said = capsys.readouterr().out
    assert "..." not in said.split("Commands:")[1]


def test_more_words_than_a_search_takes_are_refused_before_anybody_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["search", "a" * 10_000]) == 2
    assert "1,000 characters" in capsys.readouterr().err


def test_wrong_usage_is_2_and_help_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "Exit codes" in capsys.readouterr().out
    assert run(["no-such-command"]) == 2
    assert run(["ls"]) == 2
    assert run(["unlock", "x", "--passphrase", "secret"]) == 2
    assert run(["lock"]) == 2
    for name in ("backups", "threads", "jobs", "token", "get", "search"):
        assert run([name, "--help"]) == 0


def test_without_a_running_vault_the_exit_code_is_3_also_as_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEEPSAKE_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("KEEPSAKE_URL", raising=False)
    assert run(["backups"]) == 3
    said = capsys.readouterr().err
    assert "keepsake up" in said
    # Most who read it run it elsewhere, as the demo does.
    assert str(tmp_path) in said
    assert "KEEPSAKE_DATA_DIR" in said
    assert run(["backups", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["title"]
    # An address that was left behind by a crash.
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "address.json").write_text('{"url": "http://127.0.0.1:1", "pid": 1}')
    assert run(["threads"]) == 3


def thread(number: int, title: str, *, is_group: bool = False) -> dict[str, Any]:
    return {
        "id": str(number), "kind": "message", "title": title, "is_group": is_group,
        "last_at": None, "device": "UDID-1",
    }  # fmt: skip


THREADS = [
    thread(1, "Jonas Ahl"),
    thread(2, "Boat with Jonas", is_group=True),
    thread(3, "Lake", is_group=True),  # matched by a participant
]


@pytest.mark.parametrize(("wanted", "number"), [("jonas", 0), ("boat", 1), ("LAKE", 2)])
def test_a_thread_is_meant_by_its_title_a_conversation_of_two_before_groups(
    wanted: str, number: int
) -> None:
    assert choose_thread(THREADS, wanted) is THREADS[number]


@pytest.mark.parametrize(("found", "code"), [([], 4), (THREADS, 2), ([*THREADS, THREADS[0]], 2)])
def test_no_thread_or_several_are_said_by_the_exit_code(
    found: list[dict[str, Any]], code: int
) -> None:
    with pytest.raises(Failure) as failure:
        choose_thread(found, "elsewhere" if code == 4 or len(found) == 3 else "jonas")
    assert failure.value.exit_code == code


@pytest.mark.parametrize("word", ["-winter", "-hello", "-V"])
def test_a_word_that_is_left_out_of_a_search_is_no_option(
    word: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KEEPSAKE_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("KEEPSAKE_URL", raising=False)
    assert run(["search", "garden", word]) == 3  # understood; nothing runs that could answer


def test_help_imports_neither_http_nor_tables() -> None:
    code = (
        "import sys\nfrom gateway.cli.main import run\nrun(['--help'])\n"
        "heavy = {'httpx', 'rich', 'litestar', 'asyncpg', 'nats', 'msgspec'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_KEEPSAKE_COMPLETE" in capsys.readouterr().out


def test_session_tokens_are_kept_in_a_private_folder_until_they_expire(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    url = "http://127.0.0.1:8080"
    opened = {"session_token": "s.t", "expires_at": "2999-01-01T00:00:00Z"}
    assert keep_token(url, "one", opened)
    assert keep_token(url, "two", {**opened, "expires_at": "2000-01-01T00:00:00Z"})
    folder = store_folder()
    assert folder is not None
    assert folder.stat().st_mode & 0o777 == 0o700
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "one" in file.read_text()
    drop_token(url, None)
    assert json.loads(file.read_text()) == {}
    folder.chmod(0o755)  # others may look in: not used any more
    assert store_folder() != folder


def test_a_secret_is_one_line_of_a_descriptor() -> None:
    reading, writing = os.pipe()
    with io.FileIO(writing, "w") as pipe:
        pipe.write("päss word \nrest".encode())
    assert read_secret(reading) == "päss word "


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename=\"x\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.txt", "Größe.txt"),
        ("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", ".._.._etc_passwd"),
        ("attachment; filename*=UTF-8''..", "file"),
        ("attachment", "file"),
    ],
)
def test_a_download_is_named_without_folders(header: str, name: str) -> None:
    assert name_of(header) == name


def test_numbers_are_shown_as_people_read_them() -> None:
    assert [size(one) for one in (0, 999, 1000, 41_200_000_000, None)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "41.2 GB",
        "-",
    ]
    assert moment(None) == "-"
    assert moment("nonsense") == "-"


def test_of_several_titles_the_one_that_was_written_whole_is_meant() -> None:
    threads = [thread(1, "Family iPad"), thread(2, "Family", is_group=True)]
    assert choose_thread(threads, "family") is threads[1]


def test_threads_of_several_devices_say_of_which(capsys: pytest.CaptureFixture[str]) -> None:
    same = [thread(1, "Family"), {**thread(2, "Family"), "device": "UDID-2"}]
    with pytest.raises(Failure) as failure:
        choose_thread(same, "family")
    failure.value.tell(as_json=False)
    said = capsys.readouterr().err
    assert "UDID-1" in said
    assert "UDID-2" in said
    assert "--device" in said


def test_a_backup_that_is_listed_and_not_found_has_lost_its_folder() -> None:
    problem = {"type": "/problems/not-found", "title": "There is no such backup.", "detail": ""}
    answer = httpx.Response(404, json=problem)
    failure = answer_failure(answer)
    assert failure.exit_code == 4
    assert failure.title == "The folder of this backup is gone."
    assert "--refresh" in failure.detail
