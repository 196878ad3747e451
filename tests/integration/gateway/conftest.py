from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from deploy.demo.container import MintedBackup, PhoneFile, mint_backup
from deploy.demo.phone import demo_phone
from tests.stack import Stack

PASSPHRASE = "lighthouse keeper"
#: Plain HTTP is spoken: no test reads the certificates of all authorities.
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
BIG = bytes(range(256)) * 8192  # 2 MiB: several reads of the bus
FILES = (
    PhoneFile("HomeDomain", "Library/Notes/note.txt", b"a note about lighthouses\n"),
    PhoneFile("HomeDomain", "Library/Preferences/empty.plist", b""),
    PhoneFile("MediaDomain", "Media/page.html", b"<script>alert(1)</script>"),
    PhoneFile("MediaDomain", 'Media/na"me;\u202e\u00e9.txt', b"odd name"),
    PhoneFile(
        "CameraRollDomain",
        "Media/DCIM/100APPLE/IMG_0001.MOV",
        BIG,
        modified_at=dt.datetime(2023, 5, 4, 3, 2, 1, tzinfo=dt.UTC),
    ),
)


@dataclass
class House:
    """A running vault: HTTP in front, real services behind."""

    stack: Stack
    client: httpx.AsyncClient
    url: str
    minted: dict[str, MintedBackup] = field(default_factory=dict)

    async def backup_id(self, name: str) -> str:
        listed = (await self.client.get("/api/backups")).raise_for_status().json()
        return next(one["id"] for one in listed["items"] if one["name"] == name)

    async def unlock(self, backup_id: str) -> str:
        answer = await self.client.post(
            f"/api/backups/{backup_id}/unlock", json={"passphrase": PASSPHRASE}
        )
        return answer.raise_for_status().json()["session_token"]

    async def file_id(self, backup_id: str, path: str, token: str | None = None) -> str:
        headers = {"X-Backup-Session": token} if token else {}
        page = await self.client.get(
            f"/api/backups/{backup_id}/files", params={"path_like": f"%{path}"}, headers=headers
        )
        return page.raise_for_status().json()["items"][0]["file_id"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def open_house(stack: Stack, *services: str, **settings: str) -> AsyncIterator[House]:
    """Run the gateway and *services*; where there is an indexer, whoever else has jobs as well."""
    if "indexer" in services:
        services = (*services, "archiver")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with AsyncExitStack() as running:
        for service in services:
            await running.enter_async_context(stack.service(service))
        await running.enter_async_context(
            stack.service("gateway", {"KEEPSAKE_HTTP__PORT": str(port), **settings})
        )
        client = await running.enter_async_context(
            httpx.AsyncClient(
                base_url=url,
                headers={"X-API-Token": "test-token"},
                timeout=30,
                trust_env=False,
                verify=_NO_AUTHORITIES,
            )
        )
        yield House(stack, client, url)


OpenHouse = Callable[..., Awaitable[House]]


@pytest.fixture
async def gateway(stack: Stack) -> AsyncIterator[House]:
    """The gateway alone: every service is away."""
    async with open_house(stack) as house:
        yield house


@pytest.fixture
async def house(stack: Stack) -> AsyncIterator[House]:
    """Two backups, one encrypted, found and ready to open."""
    backups = stack.folder / "backups"
    backups.mkdir(exist_ok=True)
    minted = {
        "plain": mint_backup(
            backups, files=FILES, device_name="Plain", udid="00008110-000A1B2C3D4E5F61"
        ),
        "locked": mint_backup(backups, files=FILES, device_name="Locked", passphrase=PASSPHRASE),
    }
    async with open_house(stack, "discovery", "unlock") as house:
        house.minted = minted
        (await house.client.post("/api/backups/refresh")).raise_for_status()
        yield house


@pytest.fixture
async def vault(stack: Stack) -> AsyncIterator[House]:
    """A demo phone, encrypted, with everything running."""
    backups = stack.folder / "backups"
    backups.mkdir(exist_ok=True)
    demo_phone(backups, passphrase=PASSPHRASE, device_name="Demo")
    async with open_house(stack, "discovery", "unlock", "indexer") as house:
        (await house.client.post("/api/backups/refresh")).raise_for_status()
        yield house
