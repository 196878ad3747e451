"""Taking things out: from a request to a zip that proves itself, and everything in between."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

from services.indexer.exports.feeding import NOT_ASKED_FOR
from services.indexer.exports.media import LOCKED
from tests.integration.gateway.conftest import PASSPHRASE, House
from tests.integration.gateway.test_history import CommandLine, finished, indexed

MESSAGES = {"kind": "message"}


async def export(
    house: House, body: dict[str, Any], *, token: str | None = None, **parameters: str
) -> dict[str, Any]:
    """Ask for an export and return its job when that is over."""
    accepted = await house.client.post(
        "/api/exports/content",
        json=body,
        params=parameters,
        headers={"X-Backup-Session": token} if token else {},
    )
    assert accepted.status_code == 202, accepted.text
    return await finished(house.client, accepted.json()["job_id"])


async def download(house: House, job: dict[str, Any]) -> zipfile.ZipFile:
    assert job["state"] == "completed", job
    answer = await house.client.get(job["report"]["export"]["download"])
    assert answer.status_code == 200, answer.text
    facts = job["report"]["export"]
    assert len(answer.content) == facts["size_bytes"]
    assert hashlib.sha256(answer.content).hexdigest() == facts["sha256"]
    return zipfile.ZipFile(io.BytesIO(answer.content))


def manifest_of(archive: zipfile.ZipFile) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(archive.read("manifest.json"))
    return found


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sealed_files(house: House) -> list[Path]:
    return [one for one in house.stack.layout.data_dir.glob("exports/*/*/*/*") if one.is_file()]


async def listed(house: House, kind: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await house.client.get(
            "/api/artifacts",
            params={"kind": kind, "limit": 1000} | ({"cursor": cursor} if cursor else {}),
        )
        items += page.raise_for_status().json()["items"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return items


async def test_an_export_holds_what_the_lists_show_and_proves_itself(
    vault: House, tmp_path: Path
) -> None:
    _, token = await indexed(vault)
    job = await export(vault, {"query": {}, "format": "json", "include_media": True}, token=token)
    archive = await download(vault, job)
    assert archive.testzip() is None
    archive.extractall(tmp_path)
    checked = await asyncio.create_subprocess_exec(
        *("sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"), cwd=tmp_path
    )
    assert await checked.wait() == 0
    sums = (tmp_path / "SHA256SUMS").read_text().splitlines()
    assert len(sums) == len(archive.namelist()) - 1

    manifest = manifest_of(archive)
    assert manifest["format"] == "json"
    assert {one["path"] for one in manifest["members"]} == set(archive.namelist()) - {
        "manifest.json",
        "SHA256SUMS",
    }
    assert manifest["devices"][0]["name"] == "Demo"
    assert manifest["devices"][0]["revision"]
    written = {one["kind"]: one["written"] for one in manifest["kinds"]}
    assert written == {one["kind"]: one["written"] for one in job["report"]["kinds"]}
    for kind in ("message", "contact", "photo"):
        shown = {one["id"]: one for one in await listed(vault, kind)}
        assert written[kind] == len(shown)
    lines = [
        json.loads(line)
        for name in archive.namelist()
        if name.startswith("message/")
        for line in archive.read(name).splitlines()
    ]
    messages = {one["id"]: one for one in await listed(vault, "message")}
    assert {one["id"] for one in lines} == messages.keys()
    some = lines[0]
    assert some["payload"] == messages[some["id"]]["payload"]
    assert some["sender"] == messages[some["id"]]["sender"]
    attached = [one for line in lines for one in line["attachments"] if one["path"]]
    assert attached
    for one in attached:
        assert archive.getinfo(one["path"]).file_size > 0
    missing = [one for line in lines for one in line["attachments"] if not one["path"]]
    assert all(one["reason"] for one in missing)
    assert job["report"]["media"]["written"] >= len(attached)


async def test_what_is_locked_is_left_out_and_said_so(vault: House) -> None:
    await indexed(vault)
    job = await export(vault, {"query": MESSAGES, "format": "json", "include_media": True})
    archive = await download(vault, job)
    manifest = manifest_of(archive)
    assert manifest["media"]["written"] == 0
    assert {LOCKED} <= {one["reason"] for one in job["report"]["media"]["left_out"]}
    assert any(one["reason"] == LOCKED and one["name"] for one in manifest["media_left_out"])
    assert not any(name.startswith("media/") for name in archive.namelist())
    assert sum(one["written"] for one in manifest["kinds"]) > 0

    without = await export(vault, {"query": MESSAGES, "format": "json"})
    manifest = manifest_of(await download(vault, without))
    assert manifest["notes"] == [NOT_ASKED_FOR]
    wrong = await vault.client.post(
        "/api/exports/content",
        json={"format": "json"},
        headers={
            "X-Backup-Session": "00000000-0000-4000-8000-000000000000.not-a-token-of-ours-at-all"
        },
    )
    assert wrong.status_code in (403, 423)


async def test_a_query_means_what_it_means_in_lists_and_searches(vault: House) -> None:
    await indexed(vault)
    threads = (await vault.client.get("/api/threads", params={"kind": "message"})).json()["items"]
    thread = max(threads, key=lambda one: one["artifact_count"])

    async def ids(query: dict[str, Any]) -> list[str]:
        archive = await download(vault, await export(vault, {"query": query, "format": "json"}))
        return [
            json.loads(line)["id"]
            for name in archive.namelist()
            if name.endswith(".jsonl") and name != "threads.jsonl"
            for line in archive.read(name).splitlines()
        ]

    async def all_of(query: dict[str, str]) -> set[str]:
        page = await vault.client.get("/api/artifacts", params=query | {"limit": "1000"})
        return {one["id"] for one in page.raise_for_status().json()["items"]}

    got = await ids({"thread": thread["id"]})
    assert len(got) == thread["artifact_count"]
    page = await vault.client.get(f"/api/threads/{thread['id']}/artifacts", params={"limit": 1000})
    # Oldest first, as a conversation is read.
    assert got[:1000] == [one["id"] for one in page.json()["items"]]
    some = got[:3]
    assert set(await ids({"artifact_ids": [*some, "999999999"]})) == set(some)
    text = next(one["text"] for one in page.json()["items"] if one["text"])
    word = max(text.split(), key=len)
    hits = await vault.client.get("/api/search", params={"q": word, "limit": 1000})
    assert set(await ids({"q": word})) == {one["artifact"]["id"] for one in hits.json()["items"]}
    person = {"person": thread["participants"][0]["handle"], "kind": "message"}
    hits = await vault.client.get("/api/search", params=person | {"limit": 1000})
    with_them = {one["artifact"]["id"] for one in hits.raise_for_status().json()["items"]}
    assert with_them
    assert set(await ids(person)) == with_them
    for query in ({"kind": "contact"}, {"kind": "photo", "from": "2020-01-01"}):
        assert set(await ids(query)) == await all_of(query)
    kinds = await ids({"kinds": ["contact", "call"]})
    assert set(kinds) == await all_of({"kind": "contact"}) | await all_of({"kind": "call"})
    assert await ids({"kind": "message", "to": "1990-01-01"}) == []


REFUSED: tuple[dict[str, Any], ...] = (
    {"format": "docx"},
    {"format": "json", "query": {"kind": "nonsense"}},
    {"format": "json", "query": {"from": "2024-01-02", "to": "2024-01-01"}},
    {"format": "json", "query": {"q": " "}},
    {"format": "json", "query": {"q": "x", "as_of": "2024-01-01"}},
    {"format": "json", "query": {"artifact_ids": ["1"], "kind": "note"}},
    {"format": "json", "query": {"unknown": 1}},
    {"format": "json", "time_zone": "Europe/Atlantis"},
    {"format": "json", "time_zone": "../../etc/passwd"},
)


async def test_what_cannot_be_made_is_refused_at_once(vault: House) -> None:
    for body in REFUSED:
        answer = await vault.client.post("/api/exports/content", json=body)
        assert answer.status_code == 400, (body, answer.text)
    for q in ("form:anna", 'lake "not closed', "after:yesterday lake", "-lake", "in:nowhere lake"):
        answer = await vault.client.post(
            "/api/exports/content", json={"format": "json", "query": {"q": q}}
        )
        assert answer.status_code == 400, (q, answer.text)
        # In the words of the search.
        searched = await vault.client.get("/api/search", params={"q": q})
        assert searched.json()["detail"] == answer.json()["detail"]
    for path in ("/api/search?q=x&kind=mood", "/api/artifacts?kind=mood", "/api/threads?kind=mood"):
        listed = await vault.client.get(path)
        assert listed.status_code == 400, path
        assert listed.json()["detail"].startswith("kind must be one of: ")
    jobs = await vault.client.get("/api/jobs", params={"kind": "export"})
    assert jobs.json()["items"] == []


async def test_a_download_goes_on_where_it_broke_off_and_is_gone_when_removed(
    vault: House,
) -> None:
    await indexed(vault)
    job = await export(vault, {"query": MESSAGES, "format": "json"})
    url = job["report"]["export"]["download"]
    whole = await vault.client.get(url)
    name = job["report"]["export"]["name"]
    assert f'filename="{name}"' in whole.headers["content-disposition"]
    assert whole.headers["content-type"] == "application/zip"
    etag = whole.headers["etag"]
    half = len(whole.content) // 2
    rest = await vault.client.get(url, headers={"Range": f"bytes={half}-", "If-Range": etag})
    assert rest.status_code == 206
    assert whole.content[:half] + rest.content == whole.content
    assert (await vault.client.get(url, headers={"If-None-Match": etag})).status_code == 304
    head = await vault.client.head(url)
    assert int(head.headers["content-length"]) == len(whole.content)
    (sealed,) = sealed_files(vault)
    assert b"PK\x03\x04" not in sealed.read_bytes()[:64]
    assert b"manifest.json" not in sealed.read_bytes()

    assert (await vault.client.delete(url)).json() == {"changed": True}
    assert sealed_files(vault) == []
    gone = await vault.client.get(url)
    assert gone.status_code == 410
    assert gone.json()["type"] == "/problems/export-gone"
    assert (await vault.client.delete(url)).json() == {"changed": False}
    never = "/api/exports/content/00000000-0000-4000-8000-000000000000"
    assert (await vault.client.get(never)).status_code == 404
    assert (await vault.client.delete(never)).status_code == 404

    # A completed job whose export is gone is run again, and only then.
    again = await vault.client.post(f"/api/jobs/{job['id']}/retry")
    assert again.status_code == 200, again.text
    again = await finished(vault.client, job["id"])
    assert again["state"] == "completed"
    assert (await vault.client.get(url)).status_code == 200
    assert (await vault.client.post(f"/api/jobs/{job['id']}/retry")).status_code == 409


async def test_the_command_line_takes_things_out(vault: House, tmp_path: Path) -> None:
    keepsake = CommandLine(vault, tmp_path)
    await keepsake("unlock", "demo", "--passphrase-fd", "0", secret=PASSPHRASE)
    await keepsake("index", "demo")
    target = tmp_path / "out.zip"
    done = await keepsake(
        "export", "json", "--kind", "message", "--media", "-o", str(target), "--json"
    )
    facts = done["report"]["export"]
    assert digest(target) == facts["sha256"]
    assert target.stat().st_mode & 0o777 == 0o600
    assert done["report"]["media"]["written"] > 0
    # What was fetched is not kept a second time.
    assert sealed_files(vault) == []
    await keepsake("export", "json", "-o", str(target), code=1)

    threads = (await keepsake("threads", "--json"))["items"]
    title = next(one["title"] for one in threads if not one["is_group"])
    kept = await keepsake(
        "export", "json", "--thread", title, "--keep", "-o", str(tmp_path), "--json"
    )
    path = tmp_path / kept["report"]["export"]["name"]
    assert kept["path"] == str(path)
    first = digest(path)
    await keepsake("export", "--job", kept["id"][:8], "-o", str(path), "--force")
    assert digest(path) == first
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]  # noqa: PTH208 -- in a test

    await keepsake("export", "json", "--thread", "nobody at all", code=4)
    await keepsake("export", "docx", code=2)
    await keepsake("export", code=2)
    nothing = await keepsake(
        "export", "json", "--person", "nobody@example.net", "-o", str(tmp_path), code=4
    )
    assert nothing == ""
    shown = await keepsake("jobs", "show", kept["id"][:8])
    assert "message" in shown
