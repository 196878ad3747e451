"""What a recovery sheet tells to type, for secrets that are told to rclone in other ways."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from services.archiver.destinations.places import RclonePlace
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.recovery_page import page
from services.archiver.destinations.recovery_sheet import Sheet
from services.archiver.destinations.setting_up import attempt
from services.archiver.storage.destinations import Held
from shared.contracts.archiver import (
    CryptConfig,
    Destination,
    DestinationConfig,
    DestinationId,
)
from shared.credentials import Secret
from tests.integration.archiver.conftest import IMPATIENT
from tests.integration.archiver.rclone_servers import BUCKET, PASSWORD, USER, Server
from tests.unit.archiver.generated_store import MOMENT, STORE_ID, make_phone_store, snapshot
from tests.unit.archiver.standalone_reader import needs_programs


def sheet_of(config: DestinationConfig, **given: object) -> Sheet:
    destination = Destination(
        id=DestinationId("5a0f7c1e-6f0a-4f8e-9c53-0d9d7f3f2a11"),
        name="cloud",
        type="rclone",
        config=config,
        crypt=CryptConfig(password_ref="file:/etc/keepsake/archives") if given else None,
        store_id=STORE_ID,
        created_at=MOMENT,
    )
    return Sheet(
        destination=destination,
        made_at=dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
        keepsake="1.0",
        obscured=frozenset({"pass"}),
        **given,  # type: ignore[arg-type]
    )


def type_in(home: Path, commands: str, answers: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-eu", "-c", commands],
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "TMPDIR": str(home),
        },
        input=answers,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@needs_programs
@pytest.mark.parametrize("secret", ["pass", "key_pem"])
def test_a_server_is_signed_in_to_with_a_password_and_with_a_key_in_a_file(
    daemon: RcloneDaemon, tmp_path: Path, secret: str
) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    (tmp_path / "key").write_bytes(pem)
    known = tmp_path / "known"
    known.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    server = Server("sftp", tmp_path, "--authorized-keys", str(known))
    try:
        make_phone_store(tmp_path)
        (tmp_path / "store").rename(server.files / BUCKET / "store")
        if secret == "key_pem":
            given = Secret(pem.decode())
            remote = msgspec.structs.replace(server.remote("store"), secrets={secret: given})
            tried = attempt(RclonePlace(daemon, remote, limits=IMPATIENT))
            assert tried.store is not None, tried
        config = DestinationConfig(
            backend="sftp",
            path=f"{BUCKET}/store",
            options={"host": "127.0.0.1", "port": str(server.port), "user": USER},
            secret_options={secret: "op://Home/server/secret"},
        )
        commands = "\n".join(step.commands for step in sheet_of(config).steps())
        typed = PASSWORD if secret == "pass" else str(tmp_path / "key")
        done = type_in(tmp_path, commands, f"{typed}\n")
    finally:
        server.stop()
    assert done.returncode == 0, done.stderr
    assert snapshot(tmp_path / "restored") == snapshot(tmp_path / "phone")


@pytest.mark.parametrize("kind", ["plain", "encrypted"])
def test_the_commands_for_a_mirror_get_its_files(tmp_path: Path, kind: str) -> None:
    is_encrypted = kind == "encrypted"
    files = tmp_path / "files"
    (files / "inner").mkdir(parents=True)
    (files / "inner" / "note.txt").write_text("hello\n")
    (tmp_path / "place").mkdir()
    config = DestinationConfig(backend="local", path=f"{tmp_path}/place")
    given: dict[str, object] = {"passwords": (Secret(PASSWORD), None)} if is_encrypted else {}
    sheet = sheet_of(config, **given)
    sheet = msgspec.structs.replace(
        sheet, destination=msgspec.structs.replace(sheet.destination, mode="mirror")
    )
    reaching, *getting = (step.commands for step in sheet.steps())
    filled = f'rclone copy "{files}" "$remote/mirrors/photos/current"'
    done = type_in(tmp_path, "\n".join((reaching, filled, *getting)), f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    assert "photos/" in done.stdout
    back = tmp_path / "restored" / "photos" / "current" / "inner" / "note.txt"
    assert back.read_text() == "hello\n"
    assert (tmp_path / "place" / "mirrors").exists() != is_encrypted


def test_a_sheet_shows_passwords_to_the_last_space_and_nobody_elses_words_as_commands() -> None:
    config = DestinationConfig(
        backend="s3",
        path="bucket/$(touch x)",
        options={"endpoint": "http://x'; touch y; '"},
        secret_options={"secret_access_key": "env:KEEPSAKE_SECRET_S3"},
    )
    held = Held(source_id="a", name="<b>\nme", type="directory", archive_count=2, newest_at=MOMENT)
    passwords = (Secret("two  spaces and an end "), Secret("<&>"))
    sheet = sheet_of(config, passwords=passwords, held=[held])
    text = sheet.text()
    assert "  password  two  spaces and an end \n" in text
    assert "'place:bucket/$(touch x)/'" in text
    assert "<b> me" in text
    assert "two  spaces" not in repr(sheet)
    printed = page(sheet)
    assert "<td>two  spaces and an end </td>" in printed
    assert "<td>&lt;&amp;&gt;</td>" in printed
    assert "<b>" not in printed
    script = "\n".join(step.commands for step in sheet.steps())
    checked = subprocess.run(["/bin/sh", "-n", "-c", script], capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")
