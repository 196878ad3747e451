"""Locked notes, over HTTP and the command line: a passphrase of their own opens them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import mint_backup
from deploy.demo.notes import PASSWORD, SECRET, demo_files
from tests.integration.gateway.conftest import PASSPHRASE, House, open_house
from tests.integration.gateway.test_history import CommandLine
from tests.integration.gateway.test_thumbnails import index
from tests.stack import Stack


@pytest.fixture
async def vault(stack: Stack) -> AsyncIterator[House]:
    """A phone with notes."""
    backups = stack.folder / "backups"
    backups.mkdir(exist_ok=True)
    mint_backup(backups, files=demo_files(later=False), passphrase=PASSPHRASE, device_name="Notes")
    async with open_house(stack, "discovery", "unlock", "indexer") as house:
        (await house.client.post("/api/backups/refresh")).raise_for_status()
        yield house


async def test_a_locked_note_opens_with_its_own_passphrase_and_an_open_backup(
    vault: House,
) -> None:
    token, notes = await index(vault, "Notes")
    session = {"X-Backup-Session": token}

    async def ask(key: str, passphrase: str, headers: dict[str, str] = session) -> Any:
        return await vault.client.post(
            f"/api/artifacts/{notes[key]['id']}/open",
            json={"passphrase": passphrase},
            headers=headers,
        )

    said = (await ask("NOTE-LOCKED", PASSWORD)).raise_for_status().json()
    assert (said["title"], said["text"]) == ("Boathouse", f"Boathouse\n{SECRET}")
    assert SECRET in said["html"]
    for key, passphrase, headers, status, problem in (
        ("NOTE-LOCKED", PASSWORD, {}, 423, "locked"),
        ("NOTE-LOCKED", PASSPHRASE, session, 403, "wrong-passphrase"),
        ("NOTE-LOCKED-BY-CODE", PASSWORD, session, 409, "locked-by-device"),
        ("NOTE-RECIPE", PASSWORD, session, 409, "not-locked"),
        ("NOTE-LOCKED", "", session, 400, "bad-request"),
    ):
        answer = await ask(key, passphrase, headers)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}")
        assert SECRET not in answer.text
    # What was opened is not in the history now, nor left on disk.
    found = await vault.client.get("/api/search", params={"q": "lifebelt"})
    assert found.json()["total"] == 0
    left = [path for path in vault.stack.folder.rglob("note-*") if "scratch" in str(path)]
    assert left == []


async def test_the_command_line_reads_notes_locked_or_not(vault: House, tmp_path: Path) -> None:
    token, notes = await index(vault, "Notes")
    run = CommandLine(vault, tmp_path)

    async def note(key: str, *options: str, secret: str | None = None, code: int = 0) -> Any:
        if secret is not None:
            options = (*options, "--passphrase-fd", "0")
        return await run(
            "note", notes[key]["id"], *options, secret=secret, code=code, KEEPSAKE_SESSION=token
        )

    assert SECRET in await note("NOTE-LOCKED", secret=PASSWORD)
    assert SECRET in (await note("NOTE-LOCKED", "--json", secret=PASSWORD))["html"]
    await note("NOTE-LOCKED", secret="wrong", code=6)
    # There is no terminal to ask.
    await note("NOTE-LOCKED", code=2)
    assert "Planks" in await note("NOTE-REPAIR")
