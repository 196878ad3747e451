"""Small pictures over HTTP: the phone's own, those that are made, and why there are none."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image

from deploy.demo.contacts import ContactsDatabase
from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.photos import DOMAIN, LIBRARY, attributes_of
from deploy.demo.photos_database import PhotosDatabase
from deploy.demo.pictures import png
from services.indexer.kinds.photo.files import IN_ICLOUD
from tests.integration.gateway.conftest import PASSPHRASE, House, open_house
from tests.integration.gateway.test_history import finished
from tests.stack import Stack

AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
OWN = png(1, width=20, height=20)
ALONE = "0D96E8BA-323E-480A-BF27-0DDEE52719A9"


def large() -> bytes:
    made = io.BytesIO()
    Image.linear_gradient("L").resize((900, 600)).convert("RGB").save(made, "JPEG")
    return made.getvalue()


def phone() -> list[PhoneFile]:
    library, book = PhotosDatabase(), ContactsDatabase()
    book.person(guid="C", First="Zoë")
    for name, state in (("OWN", 0), ("MADE", 0), ("AWAY", 1), ("BROKEN", 0)):
        library.asset(f"DCIM/100APPLE/{name}.JPG", taken_at=AT, ZUUID=name, ZCLOUDLOCALSTATE=state)
    return [
        PhoneFile(DOMAIN, LIBRARY, library.to_bytes()),
        PhoneFile("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb", book.to_bytes()),
        PhoneFile(DOMAIN, "Media/DCIM/100APPLE/OWN.JPG", large()),
        PhoneFile(DOMAIN, "Media/PhotoData/Thumbnails/V2/DCIM/100APPLE/OWN.JPG/5005.JPG", OWN),
        PhoneFile(DOMAIN, "Media/DCIM/100APPLE/MADE.JPG", large()),
        PhoneFile(DOMAIN, "Media/DCIM/100APPLE/BROKEN.JPG", b"\xff\xd8\xff\xe0 noise"),
        PhoneFile(
            DOMAIN,
            "Media/DCIM/100APPLE/ALONE.JPG",
            large(),
            attributes=attributes_of(ALONE, name="Mine.jpg", taken_at=AT, favorite=1),
        ),
    ]


@pytest.fixture
async def vault(stack: Stack) -> AsyncIterator[House]:
    backups = stack.folder / "backups"
    backups.mkdir(exist_ok=True)
    mint_backup(backups, files=phone(), passphrase=PASSPHRASE, device_name="Photos")
    async with open_house(stack, "discovery", "unlock", "indexer") as house:
        (await house.client.post("/api/backups/refresh")).raise_for_status()
        yield house


async def index(house: House, name: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return a session's token, and the artifacts by key."""
    backup_id = await house.backup_id(name)
    token = await house.unlock(backup_id)
    accepted = await house.client.post(
        f"/api/backups/{backup_id}/index", headers={"X-Backup-Session": token}
    )
    job = await finished(house.client, accepted.raise_for_status().json()["job_id"])
    assert job["state"] == "completed", job
    page = (await house.client.get("/api/artifacts", params={"limit": 100})).json()
    return token, {one["key"]: one for one in page["items"]}


async def test_small_pictures_are_the_phone_s_own_or_made_or_there_is_a_reason(
    vault: House,
) -> None:
    token, artifacts = await index(vault, "Photos")
    session = {"X-Backup-Session": token}

    def url(key: str) -> str:
        return f"/api/artifacts/{artifacts[key]['id']}/thumbnail"

    assert (await vault.client.get(url("OWN"))).status_code == 423
    assert (await vault.client.get(url("MADE"))).status_code == 423
    own = (await vault.client.get(url("OWN"), headers=session)).raise_for_status()
    assert own.content == OWN

    made = (await vault.client.get(url("MADE"), headers=session)).raise_for_status()
    assert made.headers["content-type"] == "image/jpeg"
    assert made.headers["content-disposition"].startswith("inline")
    with Image.open(io.BytesIO(made.content)) as small:
        assert small.size == (512, 341)
    again = await vault.client.get(
        url("MADE"), headers=session | {"If-None-Match": made.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    head = await vault.client.head(url("MADE"), headers=session)
    assert (head.status_code, head.content) == (200, b"")

    away = await vault.client.get(url("AWAY"), headers=session)
    assert (away.status_code, away.json()["detail"]) == (404, IN_ICLOUD)
    broken = await vault.client.get(url("BROKEN"), headers=session)
    assert (broken.status_code, broken.json()["type"]) == (404, "/problems/no-thumbnail")
    contact = await vault.client.get(url("C"), headers=session)
    assert (contact.status_code, contact.json()["type"]) == (404, "/problems/not-found")
    none = await vault.client.get("/api/artifacts/999999999/thumbnail", headers=session)
    assert none.status_code == 404


async def test_what_a_phone_wrote_beside_a_file_comes_into_the_history(vault: House) -> None:
    _, artifacts = await index(vault, "Photos")
    payload = artifacts[ALONE]["payload"]
    assert payload["original_name"] == "Mine.jpg"
    assert payload["is_favourite"] is True
    assert payload["taken_at_local"] == "2024-05-01T14:00:00+02:00"
    assert payload["is_file_alone"] is True
