"""Rules over HTTP, from the request that makes one to the job that follows."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.gateway.conftest import PASSPHRASE, House, open_house
from tests.stack import Stack

UDID = "00008110-000A1B2C3D4E5F61"


@pytest.fixture
async def indexing(house: House, stack: Stack) -> AsyncIterator[House]:
    """The house with its indexer."""
    async with stack.service("indexer"):
        yield house


async def finished_jobs(house: House, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while True:
            jobs = (await house.client.get("/api/jobs")).raise_for_status().json()["items"]
            if len(jobs) >= count and all(job["finished_at"] for job in jobs):
                return jobs
            await asyncio.sleep(0.05)


async def test_a_rule_is_made_changed_and_removed_over_http_and_written_down(
    indexing: House,
) -> None:
    client = indexing.client
    assert (await client.get("/api/index-rules")).json()["items"] == []
    made = await client.post("/api/index-rules", json={"device": UDID.lower()})
    assert made.status_code == 201
    rule = made.json()
    assert (rule["device"], rule["kinds"], rule["enabled"]) == (UDID, None, True)
    [job] = await finished_jobs(indexing, 1)
    assert job["origin"] == "rule"
    assert job["subject"]["id"] == await indexing.backup_id("Plain")

    changed = await client.patch(
        f"/api/index-rules/{rule['id']}", json={"device": None, "enabled": False}
    )
    assert changed.json() == {**rule, "device": None, "enabled": False}
    assert (await client.get("/api/index-rules")).json()["items"] == [changed.json()]
    assert (await client.delete(f"/api/index-rules/{rule['id']}")).json() == {"changed": True}
    assert (await client.delete(f"/api/index-rules/{rule['id']}")).status_code == 404
    async with indexing.stack.pool("gateway") as pool:
        noted = await pool.fetch("select action, subject from audit order by at")
    assert [tuple(row) for row in noted][:3] == [
        ("create", "index rule"),
        ("change", f"index rule {rule['id']}"),
        ("delete", f"index rule {rule['id']}"),
    ]


async def test_only_admins_make_rules(stack: Stack) -> None:
    async with open_house(stack, "indexer") as house:
        made = await house.client.post(
            "/api/tokens", json={"name": "reader", "scopes": ["read", "write", "unlock"]}
        )
        headers = {"X-API-Token": made.json()["token"]}
        listed = await house.client.get("/api/index-rules", headers=headers)
        assert listed.status_code == 200
        refused = await house.client.post("/api/index-rules", json={}, headers=headers)
        assert refused.status_code == 403
        wrong = await house.client.post("/api/index-rules", json={"kinds": ["fax"]})
        assert wrong.status_code == 400
        assert "message" in wrong.json()["detail"]


async def test_an_encrypted_backup_is_indexed_once_its_device_has_a_reference(
    indexing: House,
) -> None:
    client = indexing.client
    await client.post("/api/index-rules", json={"kinds": ["message"]})
    await finished_jobs(indexing, 1)
    address = f"/api/devices/{indexing.minted['locked'].udid}/passphrase-reference"
    assert (await client.get(address)).json()["scheme"] is None
    secret = indexing.stack.folder / "secret"
    secret.touch(0o600)
    secret.write_text(f"{PASSPHRASE}\n")
    refused = await client.put(address, json={"reference": "cmd:/bin/cat /x"})
    assert refused.status_code == 400
    kept = await client.put(address, json={"reference": f"file:{secret}"})
    assert kept.json() == {"changed": True}
    jobs = await finished_jobs(indexing, 2)
    locked = await indexing.backup_id("Locked")
    [job] = [job for job in jobs if job["subject"]["id"] == locked]
    # It holds no messages, which is all that there is to say of it.
    assert [one["state"] for one in job["report"]["kinds"]] == ["absent"]
    shown = await client.get(address)
    assert shown.json()["scheme"] == "file"
    assert str(secret) not in shown.text
    unknown = f"/api/devices/{'0' * 40}/passphrase-reference"
    assert (await client.put(unknown, json={"reference": "cred:x"})).status_code == 404
    assert (await client.put(address, json={"reference": None})).json() == {"changed": True}
    async with indexing.stack.pool("gateway") as pool:
        noted = await pool.fetch("select action, subject from audit")
    assert all(str(secret) not in str(tuple(row)) for row in noted)
    assert ("remove", f"passphrase reference of device {indexing.minted['locked'].udid}") in [
        tuple(row) for row in noted
    ]


async def keepsake(house: House, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", *arguments),
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(house.stack.folder),
            "COLUMNS": "120",
            "KEEPSAKE_URL": house.url,
            "KEEPSAKE_API_TOKEN": "test-token",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    shown, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, shown.decode()


async def test_rules_and_references_are_kept_from_the_command_line(indexing: House) -> None:
    udid = indexing.minted["locked"].udid
    code, shown = await keepsake(indexing, "rules", "add", "--device", UDID, "--kind", "message")
    assert code == 0, shown
    await finished_jobs(indexing, 1)
    [rule] = (await indexing.client.get("/api/index-rules")).json()["items"]
    code, shown = await keepsake(indexing, "rules")
    assert (code, UDID in shown, " on " in shown) == (0, True, True), shown
    code, shown = await keepsake(indexing, "rules", "off", rule["id"][:6])
    assert (code, "off" in shown) == (0, True), shown
    code, shown = await keepsake(indexing, "jobs")
    assert (code, " rule " in shown) == (0, True), shown
    code, shown = await keepsake(indexing, "rules", "passphrase", udid, "cred:phone")
    assert code == 0, shown
    code, shown = await keepsake(indexing, "rules", "passphrase", udid)
    assert (code, "cred:" in shown, "phone" in shown) == (0, True, False), shown
    code, shown = await keepsake(indexing, "rules", "passphrase", udid, "--remove")
    assert code == 0, shown
    assert (await keepsake(indexing, "rules", "remove", rule["id"]))[0] == 0
    assert (await keepsake(indexing, "rules", "remove", rule["id"]))[0] == 4
