"""Vaults whose archives are looked after: rebuilt, verified, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from click.testing import CliRunner, Result

from gateway.cli.main import cli
from shared import postgres
from tests.integration.gateway.conftest import open_house
from tests.integration.gateway.test_archives import Vault
from tests.stack import Stack

PASSWORD = "correct horse battery staple\n"


@asynccontextmanager
async def kept_vault(stack: Stack, **settings: str) -> AsyncIterator[Vault]:
    """A house with a folder to archive and a destination; what is due is due at once."""
    given = {"KEEPSAKE_ARCHIVER__TRIES": "1", "KEEPSAKE_ARCHIVER__GRACE_SECONDS": "0", **settings}
    async with stack.service("archiver", given), open_house(stack, "discovery") as house:
        vault = Vault(house)
        await vault.set_up()
        yield vault


async def run(vault: Vault, path: str, body: Any = None) -> Any:
    """Ask for a job and return it when it is over."""
    job = await vault.job((await vault.post(path, body))["job_id"])
    assert job["state"] == "completed", job
    return job


async def keepsake(vault: Vault, *arguments: str) -> Result:
    """Run a command as a person types it, against the house."""
    house = vault.house
    environment = {
        "HOME": str(house.stack.folder),
        "KEEPSAKE_URL": house.url,
        "KEEPSAKE_API_TOKEN": "test-token",
    }
    return await asyncio.to_thread(CliRunner(env=environment).invoke, cli, arguments)


async def lose_catalogue(stack: Stack) -> None:
    """Do what a lost disk does to the archiver's schema; nothing of the archiver runs."""
    role = stack.credentials("archiver").postgres.user
    server = await postgres.connect(stack.admin)
    try:
        await server.execute("drop schema archiver cascade")
        await server.execute(f'create schema archiver authorization "{role}"')
    finally:
        await server.close()


async def set_up_encrypted(vault: Vault) -> None:
    password = vault.house.stack.folder / "password"
    password.touch(0o600)
    password.write_text(PASSWORD)
    vault.destination = await vault.post(
        "/api/destinations",
        {
            "name": "cloud",
            "type": "rclone",
            "config": {"backend": "local", "path": str(vault.store)},
            "crypt": {"password_ref": f"file:{password}"},
        },
    )


async def catalogue(vault: Vault) -> dict[str, Any]:
    """Return what of the catalogue matters, with the files of each archive and their content."""
    found: dict[str, Any] = {"sources": (await vault.get("/api/sources"))["items"]}
    for source in found["sources"]:
        # When it was registered here.
        del source["created_at"]
    for archive in (await vault.get("/api/archives"))["items"]:
        del archive["destination_id"]
        address = f"/api/archives/{archive['id']}"
        files = (await vault.get(f"{address}/files"))["items"]
        for file in files:
            content = await vault.house.client.get(f"{address}/files/{file.pop('n')}/content")
            file["content"] = content.content if file["type"] == "file" else None
        contents = await vault.get(f"{address}/contents")
        found[archive["id"]] = (archive, files, contents["manifest"])
    return found
