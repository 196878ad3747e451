"""From an index request to a found sentence, over HTTP and the command line."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.integration.gateway.conftest import BIG, PASSPHRASE, House


async def finished(client: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            job = (await client.get(f"/api/jobs/{job_id}")).raise_for_status().json()
            if job["state"] not in ("pending", "running"):
                return job
            await asyncio.sleep(0.05)


async def indexed(house: House, *kinds: str) -> tuple[str, str]:
    """Unlock the demo's phone and index *kinds*, or all there are; return its id and a token."""
    backup_id = await house.backup_id("Demo")
    opened = await house.client.post(
        f"/api/backups/{backup_id}/unlock", json={"passphrase": PASSPHRASE}
    )
    token = opened.json()["session_token"]
    accepted = await house.client.post(
        f"/api/backups/{backup_id}/index",
        json={"kinds": kinds} if kinds else None,
        headers={"X-Backup-Session": token},
    )
    assert accepted.status_code == 202
    job = await finished(house.client, accepted.json()["job_id"])
    assert job["state"] == "completed", job
    return backup_id, token


async def test_a_backup_is_indexed_read_and_searched(vault: House) -> None:
    client = vault.client
    backup_id = await vault.backup_id("Demo")
    assert (await client.post(f"/api/backups/{backup_id}/index")).status_code == 423
    await indexed(vault)

    backup = (await client.get(f"/api/backups/{backup_id}")).json()
    assert backup["index_state"] == "indexed"
    kinds = {one["kind"]: one["count"] for one in (await client.get("/api/kinds")).json()["items"]}
    assert kinds["message"] > 0
    assert kinds["contact"] > 0
    threads = (await client.get("/api/threads", params={"kind": "message"})).json()["items"]
    assert threads
    thread = threads[0]["id"]
    page = (await client.get(f"/api/threads/{thread}/artifacts", params={"limit": 3})).json()
    assert page["items"]
    with_text = next(one for one in page["items"] if one["text"])
    word = max(with_text["text"].split(), key=len)
    found = await client.get("/api/search", params={"q": word, "from": "2000-01-01"})
    hits = found.raise_for_status().json()
    assert any(is_match for _, is_match in hits["items"][0]["snippet"])
    one = (await client.get(f"/api/artifacts/{with_text['id']}")).json()
    assert one["key"] == with_text["key"]
    versions = (await client.get(f"/api/artifacts/{one['id']}/versions")).json()["items"]
    assert [version["id"] for version in versions] == [one["id"]]
    revisions = await client.get(f"/api/devices/{one['device']}/revisions")
    assert len(revisions.json()["items"]) == 1
    assert (await client.get("/api/artifacts/999999999")).status_code == 404


async def test_an_attachment_is_sent_through_the_callers_session_only(vault: House) -> None:
    _, token = await indexed(vault)
    items = (
        await vault.client.get("/api/artifacts", params={"kind": "message", "limit": 1000})
    ).json()
    artifact, attachment = next(
        (one, attachment)
        for one in items["items"]
        for attachment in one["attachments"]
        if attachment["present"]
    )
    url = f"/api/artifacts/{artifact['id']}/attachments/{attachment['n']}"
    assert (await vault.client.get(url)).status_code == 423
    sent = await vault.client.get(url, headers={"X-Backup-Session": token})
    assert sent.status_code == 200
    assert sent.content
    assert sent.headers["content-disposition"].startswith("inline")
    assert (
        await vault.client.get(f"/api/artifacts/{artifact['id']}/attachments/99")
    ).status_code == 404


class CommandLine:
    """Runs ``keepsake`` as a person would: a process with an environment."""

    def __init__(self, house: House, runtime_dir: Path) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "KEEPSAKE_URL": house.url,
            "KEEPSAKE_API_TOKEN": "test-token",
            "XDG_RUNTIME_DIR": str(runtime_dir),
        }

    async def __call__(
        self, *arguments: str, code: int = 0, secret: str | None = None, **environment: str
    ) -> Any:
        """Return stdout, decoded when ``--json`` was asked for; *secret* goes to stdin."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.cli",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment | environment,
        )
        out, err = await process.communicate(f"{secret}\n".encode() if secret else None)
        assert process.returncode == code, (arguments, out, err)
        assert b"\x1b" not in out + err
        return json.loads(out) if "--json" in arguments else out.decode()


async def test_the_command_line_does_the_first_five_minutes(vault: House, tmp_path: Path) -> None:
    keepsake = CommandLine(vault, tmp_path)
    unlock = ("unlock", "demo", "--passphrase-fd", "0")

    assert (await keepsake("status", "--json"))["status"] == "ready"
    assert "Demo" in await keepsake("backups", "--refresh")
    assert (await keepsake("ls", "Demo", "--json", code=5))["type"] == "/problems/locked"
    await keepsake("ls", "Nobody", code=4)
    await keepsake(*unlock, secret="wrong", code=6)
    await keepsake(*unlock, secret=PASSPHRASE)
    domains = await keepsake("ls", "demo", "--domains", "--json")
    assert {"HomeDomain", "MediaDomain"} <= {one["domain"] for one in domains["items"]}
    assert "sms.db" in await keepsake("ls", "demo", "--path-like", "%sms.db")

    target = tmp_path / "sms.db"
    wanted = ("get", "demo", "HomeDomain", "Library/SMS/sms.db", "-o", str(target))
    got = await keepsake(*wanted, "--json")
    assert target.stat().st_size == got["size_bytes"]
    assert target.read_bytes()[:16] == b"SQLite format 3\x00"
    assert target.stat().st_mode & 0o777 == 0o600
    await keepsake(*wanted, code=1)
    await keepsake(*wanted, "--force")
    assert [name for name in os.listdir(tmp_path) if name.endswith(".part")] == []  # noqa: PTH208 -- in a test
    await keepsake("get", "demo", "HomeDomain", "no/such/file", code=4)

    job = await keepsake("index", "demo", "--json")
    assert job["state"] == "completed"
    assert job["id"][:8] in await keepsake("jobs")
    assert (await keepsake("jobs", "show", job["id"][:8], "--json"))["report"] == job["report"]
    threads = await keepsake("threads", "--json")
    thread = threads["items"][0]["id"]
    shown = await keepsake("threads", "show", thread, "--json")
    text = next(one["text"] for one in shown["items"] if one["text"])
    assert text.split()[0] in await keepsake("threads", "show", thread)
    hits = await keepsake("search", max(text.split(), key=len), "--json")
    assert hits["total"] >= 1

    made = await keepsake("token", "create", "script", "--json")
    assert made["token"] not in await keepsake("token")
    await keepsake("token", "revoke", made["id"][:8])
    await keepsake("token", "revoke", made["id"], code=4)
    await keepsake("lock", "demo")
    await keepsake("ls", "demo", code=5)


async def test_a_broken_off_download_continues_where_it_stopped(
    house: House, tmp_path: Path
) -> None:
    keepsake = CommandLine(house, tmp_path)
    backup_id = await house.backup_id("Plain")
    file_id = await house.file_id(backup_id, "IMG_0001.MOV")
    head = await house.client.head(f"/api/backups/{backup_id}/files/{file_id}/content")
    # What a killed download leaves: the beginning, under the partial name. Its first byte is
    # another one, which shows that it is not fetched again.
    digest = hashlib.sha256(head.headers["etag"].encode()).hexdigest()[:12]
    (tmp_path / f".film.mov.{digest}.part").write_bytes(b"!" + BIG[1:1000])
    target = tmp_path / "film.mov"
    await keepsake("get", backup_id[:8], file_id, "-o", str(target))
    assert target.read_bytes() == b"!" + BIG[1:]
