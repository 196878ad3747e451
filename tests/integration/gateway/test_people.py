"""People over HTTP and the command line: found, merged, split, renamed and undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.conftest import House
from tests.integration.gateway.test_history import CommandLine, indexed


@pytest.fixture
async def vault(vault: House) -> House:
    """A demo phone that is indexed."""
    await indexed(vault)
    return vault


async def listed(house: House, **params: Any) -> list[dict[str, Any]]:
    answer = await house.client.get("/api/people", params={"limit": 1000} | params)
    items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
    return items


async def shown(house: House, person: str) -> dict[str, Any]:
    answer = await house.client.get(f"/api/people/{person}")
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


async def test_people_of_a_phone_are_put_right_by_hand_and_back(vault: House) -> None:
    client = vault.client
    everyone = await listed(vault)
    named = [one for one in everyone if one["card_count"] and not one["is_me"]]
    first, second = named[:2]
    whole = await shown(vault, first["id"])
    assert {one["handle"] for one in whole["origins"]} == set(whole["handles"])
    assert await shown(vault, whole["handles"][0]) == whole

    merged = await client.post(f"/api/people/{first['id']}/merge", json={"with": second["id"]})
    assert merged.status_code == 200
    assert set((await shown(vault, first["id"]))["handles"]) == {
        *first["handles"],
        *second["handles"],
    }
    assert (await client.get(f"/api/people/{second['id']}")).status_code == 404
    changes = (await client.get("/api/people/changes")).json()["items"]
    assert changes == [merged.json()]

    renamed = await client.patch(f"/api/people/{first['id']}", json={"name": "Both of them"})
    assert renamed.json()["kind"] == "rename"
    assert [one["id"] for one in await listed(vault, q="both of")] == [first["id"]]
    undo = f"/api/people/changes/{merged.json()['id']}/undo"
    assert (await client.post(undo)).status_code == 409
    back = await client.post(f"/api/people/changes/{renamed.json()['id']}/undo")
    assert back.json()["undone_at"]
    assert (await client.post(undo)).status_code == 200
    assert await listed(vault) == everyone


async def test_what_was_written_by_a_person_is_found_by_id_and_by_handle(vault: House) -> None:
    client = vault.client
    page = (await client.get("/api/artifacts", params={"kind": "message", "limit": 1000})).json()
    sender = next(one["sender"] for one in page["items"] if one["sender"]["handle"])
    assert sender["person_id"]
    counts = set()
    for person in (sender["person_id"], sender["handle"]):
        hits = await client.get("/api/search", params={"person": person, "limit": 1})
        counts.add(hits.raise_for_status().json()["total"])
        threads = await client.get("/api/threads", params={"person": person})
        assert threads.raise_for_status().json()["items"]
    assert len(counts) == 1
    assert counts != {0}
    gone = "11111111-8b86-4d01-b42d-00cf4fc964ff"
    for path in ("search", "threads"):
        assert (await client.get(f"/api/{path}", params={"person": gone})).status_code == 404


async def test_changes_by_hand_need_the_scope_and_are_accounted_for(vault: House) -> None:
    client = vault.client
    person = (await listed(vault))[0]
    made = await client.post("/api/tokens", json={"name": "reader", "scopes": ["read"]})
    reader = {"X-API-Token": made.json()["token"]}
    path = f"/api/people/{person['id']}"
    for method, url, body in (
        ("PATCH", path, {"name": "x"}),
        ("POST", f"{path}/merge", {"with": person["id"]}),
        ("POST", f"{path}/split", {"handles": person["handles"]}),
        ("POST", f"/api/people/changes/{person['id']}/undo", None),
    ):
        refused = await client.request(method, url, json=body, headers=reader)
        assert refused.status_code == 403
    assert (await client.get(path, headers=reader)).status_code == 200
    assert (await client.patch(path, json={"name": None})).status_code == 200
    for method, url, body in (
        ("POST", f"{path}/merge", {"with": "me"}),
        ("POST", f"{path}/merge", {"with": person["id"]}),
        ("POST", f"{path}/split", {"handles": []}),
        ("POST", f"{path}/split", {"handles": ["nobody"]}),
        ("PATCH", path, {"name": ""}),
    ):
        assert (await client.request(method, url, json=body)).status_code == 400
    async with vault.stack.pool("gateway") as pool:
        rows = await pool.fetch("select action, subject from audit where subject like 'person %'")
    assert ("rename", f"person {person['id']}") in {(one["action"], one["subject"]) for one in rows}
    assert not any(handle in one["subject"] for one in rows for handle in person["handles"])


async def test_the_command_line_puts_people_right(vault: House, tmp_path: Path) -> None:
    keepsake = CommandLine(vault, tmp_path)
    everyone = (await keepsake("people", "--json"))["items"]
    first, second = [one for one in everyone if one["card_count"] and len(one["handles"]) > 0][:2]
    assert first["name"] in await keepsake("people")
    assert [
        one["id"] for one in (await keepsake("people", "list", first["name"], "--json"))["items"]
    ]
    assert first["handles"][0] in await keepsake("people", "show", first["id"][:8])

    await keepsake("people", "merge", first["handles"][0], second["handles"][0])
    both = await keepsake("people", "show", second["handles"][0], "--json")
    assert both["id"] == first["id"]
    await keepsake("people", "rename", first["id"], "Somebody")
    assert (await keepsake("people", "show", "Somebody", "--json"))["id"] == first["id"]
    await keepsake("people", "undo")
    await keepsake("people", "undo")
    assert (await keepsake("people", "--json"))["items"] == everyone
    await keepsake("people", "undo", code=4)
    await keepsake("people", "show", "no such person", code=4)

    more = next((one for one in everyone if len(one["handles"]) > 1), None)
    assert more, "the demo has somebody with two handles"
    await keepsake("people", "split", more["id"], more["handles"][0])
    assert len((await keepsake("people", "--json"))["items"]) == len(everyone) + 1
    await keepsake("people", "rename", more["id"], "--clear")
