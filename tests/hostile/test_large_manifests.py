"""A manifest that is accepted and takes long: it costs who opens it, and nobody else."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.demo.container import PhoneFile, mint_backup
from tests.hostile.conftest import Vault
from tests.hostile.wire import connection, head, is_well

UDID = "00008110-0000000000000AFF"
#: Of the million that is accepted.
RECORDS = 60_000
#: Whoever is held up may find that an opening is over before it could be given up.
_TRIES = 10


def record(number: int) -> bytes:
    """A file of 44 letters that nobody has."""
    domain, path = b"HomeDomain", b"Library/Caches/%09d/%019d" % (number, number)
    strings = b"".join(len(one).to_bytes(2, "big") + one for one in (domain, path))
    numbers = struct.pack(">HQIIIIIQBB", 0x81A4, number, 0, 0, 1, 1, 1, 5, 3, 0)
    return strings + 3 * b"\xff\xff" + numbers


@pytest.fixture(scope="module")
def large(vault: Vault) -> Iterator[str]:
    """A backup of iOS 9 whose manifest is read record by record, in Python; gone afterwards."""
    root: Path = vault.stack.data_dir.parent / "phones"
    minted = mint_backup(root, files=[PhoneFile("HomeDomain", "a", b"a")], udid=UDID, format="mbdb")
    manifest = minted.path / "Manifest.mbdb"
    with manifest.open("ab") as file:
        for number in range(RECORDS):
            file.write(record(number))
    client = vault.stack.client
    try:
        client.post("/api/backups/refresh")
        items = client.get("/api/backups").json()["items"]
        [found] = [item for item in items if item["udid"] == UDID]
        assert found["missing_files"] == RECORDS
        yield found["id"]
    finally:
        shutil.rmtree(minted.path)
        client.post("/api/backups/refresh")


def test_while_a_long_manifest_is_opened_everybody_else_is_served(vault: Vault, large: str) -> None:
    client = vault.stack.client
    questions = (
        "/api/sessions",
        f"/api/backups/{vault.plain}/files?limit=5",
        f"/api/backups/{vault.plain}/domains",
        "/api/backups",
    )
    with ThreadPoolExecutor(1) as beside:
        opening = beside.submit(client.post, f"/api/backups/{large}/unlock", json={})
        for _ in range(5):
            for question in questions:
                assert client.get(question).status_code == 200, question
        # They were answered meanwhile, by the process that reads the manifest.
        assert not opening.done()
        opened = opening.result()
    assert opened.status_code == 200, opened.text
    assert opened.json()["file_count"] == RECORDS + 1
    session = {"X-Backup-Session": opened.json()["session_token"]}
    page = client.get(f"/api/backups/{large}/files?limit=3&sort=size", headers=session)
    assert [one["present"] for one in page.json()["items"]] == [False] * 3
    assert client.post(f"/api/backups/{large}/lock", headers=session).status_code == 200


def test_who_hangs_up_while_a_long_manifest_is_opened_leaves_nothing_of_it(
    vault: Vault, large: str
) -> None:
    before = _plaintext(vault)
    body = b"{}"
    for _ in range(_TRIES):
        with connection(vault) as made:
            made.sendall(
                head(
                    vault,
                    "POST",
                    f"/api/backups/{large}/unlock",
                    "Content-Type: application/json",
                    f"Content-Length: {len(body)}",
                )
                + body
            )
            while not _plaintext(vault) - before and not _sessions(vault, large):
                assert is_well(vault)
        while _plaintext(vault) - before and not _sessions(vault, large):
            assert is_well(vault)
        if not (opened := _sessions(vault, large)):
            break
        # It was open before we had hung up.
        assert vault.stack.client.delete(f"/api/sessions/{opened[0]}").status_code == 200
    else:
        pytest.fail("hanging up gave nothing up")
    assert not _plaintext(vault) - before
    assert _opens(vault, large)


def test_whoever_locks_everything_means_what_is_being_opened_as_well(
    vault: Vault, large: str
) -> None:
    client = vault.stack.client
    before = _plaintext(vault)
    for _ in range(_TRIES):
        with ThreadPoolExecutor(1) as beside:
            opening = beside.submit(client.post, f"/api/backups/{large}/unlock", json={})
            while not _plaintext(vault) - before and not opening.done():
                assert is_well(vault)
            assert client.delete("/api/sessions").status_code == 200
            answer = opening.result()
        if answer.status_code != 200:
            break
    else:
        pytest.fail("locking gave nothing up")
    assert answer.status_code == 409, answer.text
    assert answer.json()["type"] == "/problems/opening-abandoned"
    assert client.get("/api/sessions").json()["items"] == []
    while _plaintext(vault):
        assert is_well(vault)
    assert _opens(vault, large)


def _plaintext(vault: Vault) -> set[Path]:
    """The manifests that unlock has written, or is writing."""
    return {path for path in vault.scratch.rglob("manifest.sqlite") if "unlock" in path.parts}


def _sessions(vault: Vault, backup: str) -> list[str]:
    items = vault.stack.client.get("/api/sessions").json()["items"]
    return [one["session_id"] for one in items if one["backup_id"] == backup]


def _opens(vault: Vault, backup: str) -> bool:
    """Whether it is opened anew, by somebody who waits for it."""
    client = vault.stack.client
    opened = client.post(f"/api/backups/{backup}/unlock", json={})
    session = {"X-Backup-Session": opened.json()["session_token"]}
    return client.post(f"/api/backups/{backup}/lock", headers=session).status_code == 200
