"""The public samples through the whole product, over HTTP: found, opened, read, indexed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running_stack import RunningStack, running_stack
from tests.stack import make_folder

_DERIVED = ("encrypted_clean", "plain_twin", "encrypted_uid_keys")


@pytest.fixture(scope="module")
def vault(samples: Path) -> Iterator[RunningStack]:
    folder = make_folder()
    root = folder / "phones"
    for name in _DERIVED:
        (source,) = (samples / "ios" / "derived" / name).glob("0*")
        shutil.copytree(source, root / name / source.name)
    minted = samples / "ios" / "matan1008+pyiosbackup" / "encrypted_sqlite_manifest"
    shutil.copytree(minted, root / "pyiosbackup")
    shutil.copytree(samples / "ios" / "mvt-project+mvt" / "ios_backup", root / "mvt")
    try:
        with running_stack(folder / "data", root) as stack:
            yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _backups(vault: RunningStack) -> dict[str, dict[str, Any]]:
    listed = vault.client.post("/api/backups/refresh").json()["items"]
    return {Path(one["path"]).relative_to(vault.data_dir.parent / "phones").parts[0]: one
            for one in listed}  # fmt: skip


def _open(vault: RunningStack, backup: str, passphrase: str | None) -> dict[str, str]:
    answer = vault.client.post(f"/api/backups/{backup}/unlock", json={"passphrase": passphrase})
    assert answer.status_code == 200, answer.text
    return {"X-Backup-Session": answer.json()["session_token"]}


def _everything(
    vault: RunningStack, path: str, headers: dict[str, str] | None = None, **asked: str
) -> list[dict[str, Any]]:
    """All items of a listing, page by page."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        params: dict[str, Any] = {"limit": 1000, **asked}
        if cursor is not None:
            params["cursor"] = cursor
        page = vault.client.get(path, params=params, headers=headers).json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


@pytest.mark.parametrize("name", _DERIVED)
def test_every_file_of_the_minted_backups_is_what_it_was(
    vault: RunningStack, samples: Path, name: str
) -> None:
    expected = json.loads((samples / "ios" / "derived" / name / "EXPECTED.json").read_text())
    backup = _backups(vault)[name]
    assert backup["encrypted"] is bool(expected["encrypted"])
    session = _open(vault, backup["id"], expected["password"] if backup["encrypted"] else None)
    checked = 0
    for file in expected["files"]:
        if file["verdict"] != "ok":
            continue
        content = vault.client.get(
            f"/api/backups/{backup['id']}/files/{file['fileID']}/content", headers=session
        )
        assert hashlib.sha256(content.content).hexdigest() == file["sha256"], file["fileID"]
        checked += 1
    assert checked > 0


def test_the_sample_whose_manifest_is_not_padded_opens(vault: RunningStack) -> None:
    backup = _backups(vault)["pyiosbackup"]
    session = _open(vault, backup["id"], "0000")
    file = "5727bd1c5fa1055e15d8b4a75a74793c84b5ffdc"
    content = vault.client.get(f"/api/backups/{backup['id']}/files/{file}/content", headers=session)
    assert content.content == b"Test data"


def test_a_real_manifest_is_browsed_page_by_page(vault: RunningStack) -> None:
    backup = _backups(vault)["mvt"]
    session = _open(vault, backup["id"], None)
    files = _everything(vault, f"/api/backups/{backup['id']}/files", headers=session)
    assert len(files) == 3721
    assert len({file["file_id"] for file in files}) == 3721
    answer = vault.client.get(f"/api/backups/{backup['id']}/domains", headers=session)
    domains = answer.json()["items"]
    assert len(domains) == 562
    assert sum(domain["file_count"] for domain in domains) == 1089


def test_messages_and_contacts_of_a_sample_stand_in_the_history(
    vault: RunningStack, samples: Path
) -> None:
    folder = samples / "ios" / "novkostya+ios-backup-parser"
    expected = json.loads((folder / "EXPECTED.json").read_text())["messages"]["texts"]
    backup = _backups(vault)["encrypted_clean"]
    session = _open(vault, backup["id"], "correct horse battery")
    accepted = vault.client.post(f"/api/backups/{backup['id']}/index", headers=session).json()
    job = vault.wait_for_job(accepted["job_id"])
    assert job["state"] == "completed", job
    kinds = {one["kind"]: one for one in job["report"]["kinds"]}  # type: ignore[index]
    assert {kinds[name]["state"] for name in ("message", "contact")} == {"indexed"}
    assert {one["state"] for one in kinds.values()} <= {"indexed", "absent"}
    assert kinds["message"]["read"] == len(expected)
    # 32 messages and events, 5 chats, 4 calls.
    assert (kinds["whatsapp"]["state"], kinds["whatsapp"]["kept"]) == ("indexed", 41)
    messages = _everything(vault, "/api/artifacts", device=backup["udid"], kind="message")
    texts = {int(one["key"].rpartition("-")[2]): one["text"] for one in messages}
    # 7 is a tapback, shown with its message; 9 and 10 have no text that could be read.
    wanted = {int(row): text for row, text in expected.items() if int(row) != 7}
    assert {row: (text or "").replace("\ufffc", "") for row, text in texts.items()} == {
        row: text or "" for row, text in wanted.items()
    }
    (loved,) = (one for one in messages if one["payload"]["reactions"])
    assert loved["key"] == "fx-msg-0002"
    contacts = _everything(vault, "/api/artifacts", device=backup["udid"], kind="contact")
    book = folder / "contacts" / "testdata" / "contacts.1.AddressBook.sqlitedb"
    with contextlib.closing(sqlite3.connect(f"file:{book}?immutable=1", uri=True)) as database:
        (people,) = database.execute("select count(*) from ABPerson").fetchone()
    assert len(contacts) == kinds["contact"]["kept"] == people
    words = "quick brown fox"
    assert vault.client.get("/api/search", params={"q": words}).json()["total"] >= 1
