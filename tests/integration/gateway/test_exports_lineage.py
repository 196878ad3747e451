"""One history of two locked phones, taken out: whose files come along is whose backup is open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.phone import DEMO_UDID, SECOND_UDID, demo_phone, phone_files
from services.indexer.exports.media import LOCKED, NOT_THERE
from tests.integration.gateway.conftest import PASSPHRASE, House, open_house
from tests.integration.gateway.test_exports import download, export, manifest_of
from tests.integration.gateway.test_history import CommandLine, finished
from tests.stack import Stack

MEDIA = {"format": "json", "include_media": True}


@pytest.fixture
async def phones(stack: Stack) -> AsyncIterator[House]:
    """A phone and its successor; each has lost some of the files of its messages."""
    backups = stack.folder / "backups"
    backups.mkdir(exist_ok=True)
    for device, udid, later, lost in (
        ("Old", DEMO_UDID, False, "IMG_2041.jpg"),
        ("New", SECOND_UDID, True, "Audio Message.caf"),
    ):
        demo_phone(
            backups,
            passphrase=PASSPHRASE,
            device_name=device,
            udid=udid,
            later=later,
            files=[one for one in phone_files(later=later) if not one.relative_path.endswith(lost)],
        )
    async with open_house(stack, "discovery", "unlock", "indexer") as house:
        (await house.client.post("/api/backups/refresh")).raise_for_status()
        yield house


async def index(house: House, name: str) -> str:
    """Index a backup's messages and return its session's token."""
    backup_id = await house.backup_id(name)
    token = await house.unlock(backup_id)
    accepted = await house.client.post(
        f"/api/backups/{backup_id}/index",
        json={"kinds": ["message"]},
        headers={"X-Backup-Session": token},
    )
    job = await finished(house.client, accepted.raise_for_status().json()["job_id"])
    assert job["state"] == "completed", job
    return token


async def confirm(house: House) -> None:
    """Say that the second phone follows the first, and wait until they are one history."""
    client = house.client
    async with asyncio.timeout(120):
        offers: list[dict[str, Any]] = []
        while not offers:
            await asyncio.sleep(0.1)
            offers = (await client.get("/api/lineages")).json()["items"]
        answer = await client.post(
            f"/api/lineages/{offers[0]['id']}/confirm", json={"earlier": DEMO_UDID}
        )
        assert answer.is_success, answer.text
        while True:
            params = {"device": SECOND_UDID, "lineage": "true", "limit": 1000}
            page = (await client.get("/api/artifacts", params=params)).json()["items"]
            if len({one["key"] for one in page}) == len(page) and len(page) > 0:
                device = (await client.get(f"/api/devices/{SECOND_UDID}")).json()
                if len(device["lineage"]["devices"]) == 2:
                    return
            await asyncio.sleep(0.1)


def files_of(archive: Any) -> dict[str, dict[str, Any]]:
    """By message and name of the file where it is, and why it is not."""
    return {
        f"{line['key']} {one['n']}": one
        for name in archive.namelist()
        if name.startswith("message/")
        for line in map(json.loads, archive.read(name).splitlines())
        for one in line["attachments"]
    }


async def test_files_of_one_history_come_out_of_every_backup_that_is_open(
    phones: House, tmp_path: Path
) -> None:
    keepsake = CommandLine(phones, tmp_path)
    old, new = await index(phones, "Old"), await index(phones, "New")
    await confirm(phones)
    query = {"lineage": True, "device": SECOND_UDID, "kind": "message"}
    names = {await phones.backup_id("Old"): "Old", await phones.backup_id("New"): "New"}

    async def taken(token: str | None) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        job = await export(phones, {**MEDIA, "query": query}, token=token)
        archive = await download(phones, job)
        return archive, job["report"]["media"], files_of(archive)

    archive, report, both = await taken(f"{old}, {new}")
    lines = [
        json.loads(line)
        for name in archive.namelist()
        if name.startswith("message/")
        for line in archive.read(name).splitlines()
    ]
    keys = [one["key"] for one in lines]
    assert len(keys) == len(set(keys))
    params = {"device": SECOND_UDID, "lineage": "true", "limit": 1000, "kind": "message"}
    page = (await phones.client.get("/api/artifacts", params=params)).json()["items"]
    assert {one["id"] for one in page} == {one["id"] for one in lines}
    assert {one["udid"] for one in manifest_of(archive)["devices"]} == {DEMO_UDID, SECOND_UDID}
    assert report["locked"] == []
    # What the new phone has lost is there all the same: out of the old one's backup.
    restored = [one for one in both.values() if one["path"] and not one["present"]]
    assert restored
    for one in restored:
        assert archive.getinfo(one["path"]).file_size > 0

    _, report, alone = await taken(new)
    assert alone.keys() == both.keys()
    assert [names[one["backup_id"]] for one in report["locked"]] == ["Old"]
    fewer = [key for key in both if both[key]["path"] and not alone[key]["path"]]
    assert len(fewer) == sum(one["files"] for one in report["locked"])
    assert {alone[key]["reason"] for key in fewer} == {LOCKED}

    # Whatever is the same on both needs either.
    _, report, older = await taken(old)
    assert [names[one["backup_id"]] for one in report["locked"]] == ["New"]
    same = [key for key in both if alone[key]["path"] and older[key]["path"]]
    assert same

    archive, report, neither = await taken(None)
    assert {names[one["backup_id"]] for one in report["locked"]} == {"New", "Old"}
    assert neither.keys() == both.keys()
    assert not any(one["path"] for one in neither.values())
    told = manifest_of(archive)["media_left_out"]
    locked = [one for one in told if one["reason"] == LOCKED]
    assert {names[one["backup_id"]] for one in locked} == {"New", "Old"}
    assert sum(one["files"] for one in report["locked"]) == len(locked)
    assert all(one["reason"] in (LOCKED, NOT_THERE) or one["backup_id"] is None for one in told)

    # A session that is over costs its files, and not the others'.
    backup_id = await phones.backup_id("Old")
    await phones.client.post(f"/api/backups/{backup_id}/lock", headers={"X-Backup-Session": old})
    _, report, left = await taken(f"{old},{new}")
    assert [names[one["backup_id"]] for one in report["locked"]] == ["Old"]
    assert {k: v["path"] for k, v in left.items()} == {k: v["path"] for k, v in alone.items()}
    refused = await phones.client.post(
        "/api/exports/content", json=MEDIA, headers={"X-Backup-Session": f"{new},nonsense"}
    )
    assert refused.status_code == 403

    # The command line takes every backup that is open along.
    for name in ("Old", "New"):
        await keepsake("unlock", name, "--passphrase-fd", "0", secret=PASSPHRASE)
    command = ("export", "json", "--device", "New", "--lineage", "--media", "--kind", "message")
    done = await keepsake(*command, "-o", str(tmp_path / "both.zip"), "--json")
    assert done["report"]["media"]["locked"] == []
    assert done["report"]["media"]["written"] == sum(1 for one in both.values() if one["path"])
    await keepsake("lock", "Old")
    done = await keepsake(*command, "-o", str(tmp_path / "one.zip"), "--json")
    assert [names[one["backup_id"]] for one in done["report"]["media"]["locked"]] == ["Old"]
