"""A phone and its successor over HTTP and the command line: offered, confirmed, read as one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.everything import whole_phone
from tests.integration.gateway.conftest import House
from tests.integration.gateway.test_history import CommandLine
from tests.stack import Stack

OLD_UDID = "00008101-001A2B3C4D5E6F70"
NEW_UDID = "00008140-001A2B3C4D5E6F71"


@pytest.fixture
async def phones(stack: Stack, vault: House) -> House:
    """A phone with everything, and four weeks later the next one that it was restored onto."""
    for udid, name, later in ((OLD_UDID, "Old", False), (NEW_UDID, "New", True)):
        await asyncio.to_thread(
            whole_phone, stack.folder / "backups" / name, udid=udid, device_name=name, later=later
        )
    client = vault.client
    (await client.post("/api/backups/refresh")).raise_for_status()
    for name in ("Old", "New"):
        await index(vault, await vault.backup_id(name))
    return vault


async def index(house: House, backup_id: str) -> None:
    started = await house.client.post(f"/api/backups/{backup_id}/index")
    job_id = started.raise_for_status().json()["job_id"]
    async with asyncio.timeout(240):
        while True:
            job = (await house.client.get(f"/api/jobs/{job_id}")).json()
            if job["state"] not in ("pending", "running"):
                break
            await asyncio.sleep(0.1)
    assert job["state"] == "completed", job


async def everything(house: House, path: str, **params: Any) -> list[dict[str, Any]]:
    """All items of a list."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        asked = {name: value for name, value in (params | {"cursor": cursor}).items() if value}
        page = (await house.client.get(path, params=asked)).raise_for_status().json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


@pytest.mark.timeout(600)
async def test_a_phone_and_its_successor_are_one_history_once_a_person_says_so(
    phones: House, tmp_path: Path
) -> None:
    client = phones.client
    keepsake = CommandLine(phones, tmp_path)
    (offer,) = (await client.get("/api/lineages")).raise_for_status().json()["items"]
    assert (offer["earlier"], offer["later"]) == (OLD_UDID, NEW_UDID)
    assert offer["is_directed"]
    assert {"message", "whatsapp", "photo"} <= {one["kind"] for one in offer["shares"]}
    device = (await client.get(f"/api/devices/{NEW_UDID}")).json()
    assert device["lineage"] == {"devices": [NEW_UDID], "links": [offer]}
    told = await keepsake("lineage")
    assert "Old → New" in told
    assert "The same things are on both" in " ".join(told.split())

    apart: dict[str, dict[str, dict[str, Any]]] = {}
    for udid in (OLD_UDID, NEW_UDID):
        for one in await everything(phones, "/api/artifacts", device=udid, limit=1000):
            apart.setdefault(one["kind"], {}).setdefault(one["key"], {})[udid] = one
    plain = await everything(phones, "/api/artifacts", device=NEW_UDID, lineage="true", limit=1000)
    assert {one["device"] for one in plain} == {NEW_UDID}

    done = await keepsake("lineage", "confirm", offer["id"][:8], "--json")
    assert done["devices"] == [OLD_UDID, NEW_UDID]
    (link,) = (await client.get("/api/lineages", params={"state": "confirmed"})).json()["items"]
    assert link["devices"] == [OLD_UDID, NEW_UDID]
    again = await client.post(f"/api/lineages/{offer['id']}/confirm")
    assert (again.status_code, again.json()) == (202, link)
    (job,) = (await client.get("/api/jobs", params={"kind": "lineage"})).json()["items"]
    assert (job["id"], job["state"]) == (link["job_id"], "completed")
    assert job["subject"] == {"type": "lineage", "id": link["id"]}
    assert job["report"] == {"state": "confirmed", "devices": link["devices"]}
    cancelled = await client.post(f"/api/jobs/{job['id']}/cancel")
    assert cancelled.json()["state"] == "completed"
    assert await keepsake("jobs", "show", job["id"], "--json") == job
    device = (await client.get(f"/api/devices/{OLD_UDID}")).json()
    assert device["lineage"]["devices"] == [OLD_UDID, NEW_UDID]

    kinds = (
        await client.get("/api/kinds", params={"device": NEW_UDID, "lineage": "true"})
    ).raise_for_status()
    counts = {one["kind"]: one["count"] for one in kinds.json()["items"] if one["count"]}
    assert counts == {kind: len(by_key) for kind, by_key in apart.items()}

    for kind, by_key in apart.items():
        listed = await everything(
            phones, "/api/artifacts", device=OLD_UDID, kind=kind, lineage="true", limit=50
        )
        assert {one["key"]: one["id"] for one in listed} == {
            key: (own.get(NEW_UDID) or own[OLD_UDID])["id"] for key, own in by_key.items()
        }, kind
        assert len(listed) == len(by_key)
        found = (
            await client.get(
                "/api/search",
                params={"q": f"kind:{kind}", "device": NEW_UDID, "lineage": "true", "limit": 1000},
            )
        ).json()
        assert {one["artifact"]["id"] for one in found["items"]} == {one["id"] for one in listed}
        edited = next(
            (
                own
                for own in by_key.values()
                if len(own) == 2 and own[OLD_UDID]["text"] != own[NEW_UDID]["text"]
            ),
            None,
        )
        if edited is not None:
            versions = await client.get(f"/api/artifacts/{edited[NEW_UDID]['id']}/versions")
            assert [one["id"] for one in versions.json()["items"]] == [
                edited[OLD_UDID]["id"],
                edited[NEW_UDID]["id"],
            ]

    threads = await everything(phones, "/api/threads", kind="message", lineage="true")
    assert threads
    assert sum(one["artifact_count"] for one in threads) == len(apart["message"])
    assert any(one["devices"] == [OLD_UDID, NEW_UDID] for one in threads)
    for thread in threads:
        items = await everything(
            phones, f"/api/threads/{thread['id']}/artifacts", lineage="true", limit=7
        )
        assert len(items) == thread["artifact_count"]
        assert len({one["key"] for one in items}) == len(items)
    shown = await keepsake("threads", "list", "--lineage", "--kind", "message", "--json")
    assert [one["id"] for one in shown["items"]] == [one["id"] for one in threads]
    person = next(one for one in threads if not one["is_group"])["participants"][0]["person_id"]
    whole = await keepsake("people", "show", person, "--lineage", "--json")
    once = (await client.get(f"/api/people/{person}")).json()
    assert 0 < whole["thread_count"] < once["thread_count"]
    hits = await keepsake("search", "--lineage", "kind:message", "--limit", "1000", "--json")
    assert hits["total"] == len(apart["message"])

    revisions = {
        udid: (await client.get(f"/api/devices/{udid}/revisions")).json()["items"][0]["revision"]
        for udid in (OLD_UDID, NEW_UDID)
    }
    diff = await client.get(
        f"/api/devices/{NEW_UDID}/diff",
        params={"from": revisions[OLD_UDID], "to": revisions[NEW_UDID], "kind": "message"},
    )
    assert diff.raise_for_status().json()["added"] == sum(
        OLD_UDID not in own for own in apart["message"].values()
    )

    assert (await keepsake("lineage", "undo", "--json"))["state"] == "offered"
    back = await everything(phones, "/api/artifacts", device=NEW_UDID, lineage="true", limit=1000)
    assert back == plain
    await keepsake("lineage", "decline", offer["id"][:8])
    refused = await client.post(f"/api/lineages/{offer['id']}/confirm", json={})
    assert refused.status_code == 409
    await keepsake("lineage", "confirm", offer["id"][:8], code=1)


async def test_nonsense_about_lineages_is_refused_in_words(vault: House, tmp_path: Path) -> None:
    client = vault.client
    nobody = "0f6e4f6a-6f0d-4c53-9d0e-7f3a5a1d2c01"
    assert (await client.get("/api/lineages")).json() == {"items": [], "next_cursor": None}
    for path, params in (
        ("/api/lineages", {"state": "maybe"}),
        ("/api/lineages", {"device": "x"}),
        ("/api/lineages", {"colour": "blue"}),
        ("/api/lineages", {"cursor": "x"}),
        ("/api/artifacts", {"lineage": "perhaps"}),
    ):
        answer = await client.get(path, params=params)
        assert answer.status_code == 400, path
        assert answer.json()["detail"]
    for decision in ("confirm", "decline", "undo"):
        assert (await client.post(f"/api/lineages/{nobody}/{decision}")).status_code == 404
    for body in ({"earlier": "x"}, {"later": NEW_UDID}, []):
        answer = await client.post(f"/api/lineages/{nobody}/confirm", json=body)
        assert answer.status_code == 400
    keepsake = CommandLine(vault, tmp_path)
    await keepsake("lineage", "undo", code=4)
    await keepsake("lineage", "decline", "abc", code=4)
