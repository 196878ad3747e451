"""References to secrets: every sort, and everything that can be wrong with one."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import shared.secret_references as references
from shared.secret_references import SecretReferenceError, parse_reference, resolve

SECRET = "correct horse"


async def fetch(text: str, **environ: str) -> str:
    reference = parse_reference(text, allow_commands=True)
    return (await resolve(reference, environ=environ)).reveal()


def program(folder: Path, body: str, *, name: str = "tell") -> Path:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(0o700)
    return path


def private(folder: Path, content: bytes, *, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def is_over(number: int) -> bool:
    """Whether a process has ended, though nobody may have taken note of it yet."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(
    "text",
    [
        *("", "phone", "http://x", "vault:secret/phone#field", "FILE:/x", "file:", "file:  "),
        *("file:relative", "file:/with\nline", "file:/" + "x" * 1100, "env:HOME", "env:lower"),
        *("cred:../shadow", "cred:.hidden", "cred:a/b", "op://Home/Ada", "op:/x", "keyring:x"),
        *("cmd:relative", "cmd:/bin/echo 'open"),
    ],
)
def test_what_can_never_be_resolved_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(SecretReferenceError) as raised:
        parse_reference(text, allow_commands=True)
    assert len(text) < 12 or text not in str(raised.value)


def test_programs_are_run_only_where_somebody_allowed_it() -> None:
    with pytest.raises(SecretReferenceError, match="REFERENCE_COMMANDS"):
        parse_reference("cmd:/bin/echo x", allow_commands=False)


def test_a_reference_shows_its_scheme_only() -> None:
    reference = parse_reference("file:/home/ada/phone", allow_commands=False)
    assert "ada" not in repr(reference)
    assert "ada" not in str(reference)


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"correct horse", SECRET),
        (b"correct horse\n", SECRET),
        (b"correct horse\r\n", SECRET),
        (b"correct horse\n\n", "correct horse\n"),
        (b" spaces stay ", " spaces stay "),
        ("pässwörd\n".encode(), "pässwörd"),
    ],
)
async def test_a_private_file_gives_its_text_less_one_line_end(
    tmp_path: Path, content: bytes, secret: str
) -> None:
    assert await fetch(f"file:{private(tmp_path, content)}") == secret


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
async def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path, b"correct horse", mode=mode)
    with pytest.raises(SecretReferenceError, match="chmod 600") as raised:
        await fetch(f"file:{path}")
    assert SECRET not in str(raised.value)
    assert str(path) not in str(raised.value)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xff\xfe\x00", b"x" * 4097], ids=["empty", "a line", "binary", "long"]
)
async def test_a_file_that_holds_no_passphrase_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SecretReferenceError):
        await fetch(f"file:{private(tmp_path, content)}")


async def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (pipe, tmp_path, Path("/dev/zero"), tmp_path / "nothing"):
        with pytest.raises(SecretReferenceError):
            await fetch(f"file:{path}")


async def test_a_variable_is_read_from_the_environment_of_the_service() -> None:
    given = {"KEEPSAKE_SECRET_PHONE": SECRET}
    assert await fetch("env:KEEPSAKE_SECRET_PHONE", **given) == SECRET
    with pytest.raises(SecretReferenceError):
        await fetch("env:KEEPSAKE_SECRET_PAD", **given)


async def test_a_credential_is_found_where_systemd_put_it(tmp_path: Path) -> None:
    # As systemd makes them: the folder is ours alone, whatever the file's mode says.
    (tmp_path / "phone").write_bytes(b"correct horse\n")
    assert await fetch("cred:phone", CREDENTIALS_DIRECTORY=str(tmp_path)) == SECRET
    with pytest.raises(SecretReferenceError):
        await fetch("cred:pad", CREDENTIALS_DIRECTORY=str(tmp_path))
    with pytest.raises(SecretReferenceError):
        await fetch("cred:phone")


async def test_a_program_gives_the_secret_and_gets_no_shell_and_no_environment_of_ours(
    tmp_path: Path,
) -> None:
    tell = program(
        tmp_path,
        "import os, sys\nassert sys.argv[1:] == ['a b', '$HOME;x']\n"
        "assert 'KEEPSAKE_SECRET_X' not in os.environ\nassert not sys.stdin.read()\n"
        "print('correct horse')",
    )
    assert await fetch(f"cmd:{tell} 'a b' '$HOME;x'", KEEPSAKE_SECRET_X="no") == SECRET


@pytest.mark.parametrize(
    "body",
    ["raise SystemExit('correct horse')", "print('correct horse'); raise SystemExit(3)", ""],
)
async def test_a_program_that_fails_or_is_silent_gives_no_secret(tmp_path: Path, body: str) -> None:
    with pytest.raises(SecretReferenceError) as raised:
        await fetch(f"cmd:{program(tmp_path, body)}")
    assert SECRET not in str(raised.value)
    with pytest.raises(SecretReferenceError):
        await fetch(f"cmd:{tmp_path}/nothing")


async def test_a_program_that_says_too_much_is_stopped(tmp_path: Path) -> None:
    endless = program(tmp_path, "while True: print('x' * 1000, flush=True)")
    with pytest.raises(SecretReferenceError, match="too long"):
        await fetch(f"cmd:{endless}")


async def test_a_program_that_takes_too_long_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "_SECONDS", 1.5)
    slow = program(
        tmp_path,
        "import subprocess, sys\n"
        f"child = subprocess.Popen(['/bin/sleep', '600'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n",
    )
    with pytest.raises(SecretReferenceError, match="in time"):
        await fetch(f"cmd:{slow}")
    child = int((tmp_path / "pid").read_text())
    for _ in range(200):
        if is_over(child):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it still runs")


async def test_one_password_is_asked_with_the_service_account_alone(tmp_path: Path) -> None:
    program(
        tmp_path,
        "import os, sys\nassert sys.argv[1:] == ['read', '--no-newline', 'op://Home/Phone/code']\n"
        "assert os.environ['OP_SERVICE_ACCOUNT_TOKEN'] == 'ops_x'\n"
        "assert 'OP_SESSION' not in os.environ\nprint('correct horse', end='')",
        name="op",
    )
    given = {"PATH": str(tmp_path), "OP_SERVICE_ACCOUNT_TOKEN": "ops_x", "OP_SESSION": "other"}
    assert await fetch("op://Home/Phone/code", **given) == SECRET
    with pytest.raises(SecretReferenceError, match="OP_SERVICE_ACCOUNT_TOKEN"):
        await fetch("op://Home/Phone/code", PATH=str(tmp_path))
    with pytest.raises(SecretReferenceError, match="not installed"):
        await fetch("op://Home/Phone/code", PATH=str(tmp_path / "nowhere"))


async def test_a_keyring_is_asked_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SecretReferenceError, match="not installed"):
        await fetch("keyring:keepsake/phone")
    known = {("keepsake", "ada/phone"): SECRET}
    monkeypatch.setitem(
        sys.modules, "keyring", SimpleNamespace(get_password=lambda *asked: known.get(asked))
    )
    assert await fetch("keyring:keepsake/ada/phone") == SECRET
    with pytest.raises(SecretReferenceError):
        await fetch("keyring:keepsake/nobody")

    def refuse(*_: str) -> str:
        raise RuntimeError("locked: correct horse")

    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=refuse))
    with pytest.raises(SecretReferenceError) as raised:
        await fetch("keyring:keepsake/phone")
    assert SECRET not in str(raised.value)
