"""A real n8n, archived with its files, and its key held against what it encrypted."""

from __future__ import annotations

import json
import os
import sys
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from services.archiver.sources.databases.programs import find_pg_dump
from tests.integration.gateway.archived_databases import (
    GZIP,
    KEY,
    Databases,
    contents_of,
    databases_of,
    facts_of,
    keepsake,
    measured_facts,
    run,
)
from tests.stack import Stack


@pytest.fixture
async def databases(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Databases]:
    async with databases_of(stack, getattr(request, "param", {})) as databases:
        yield databases


async def load_n8n(databases: Databases, samples: Path) -> dict[str, Any]:
    """Put the sample of a real n8n into a database; return what is known to be in it."""
    folder = samples / "n8n"
    server = await databases.administer(databases.stack.admin.database)
    has_uuid = await server.fetchval(
        "select exists (select from pg_available_extensions where name = 'uuid-ossp')"
    )
    major = server.get_server_version().major
    await server.close()
    if not has_uuid:
        pytest.skip("this Postgres has no uuid-ossp, which n8n's database needs")
    await databases.create()
    admin = await databases.administer(databases.theirs.database)
    await admin.execute('create extension "uuid-ossp"')
    await admin.close()
    program = find_pg_dump(major).path.with_name("pg_restore")
    await run(
        program, "--exit-on-error", "--no-owner", "--no-privileges", "--no-comments", "-j2",
        "-h", databases.stack.admin.host, "-p", databases.stack.admin.port,
        "-U", databases.stack.admin.user, "-d", databases.theirs.database,
        f"--role={databases.theirs.user}", folder / "n8n.dump",
    )  # fmt: skip
    expected: dict[str, Any] = json.loads((folder / "n8n_expected.json").read_text())
    return expected


def settings_of_n8n(folder: Path) -> dict[str, Any]:
    """Write what lies beside an n8n."""
    (folder / "n8n").mkdir()
    files = {
        ".env": f"POSTGRES_USER=n8n\nN8N_ENCRYPTION_KEY='{KEY}'\n",
        "docker-compose.yaml": "services: {}\n",
        "nginx.conf": "events {}\n",
        "cloudflare.ini": "dns_cloudflare_api_token = x\n",
        "fullchain.pem": "certificate\n",
    }
    for name, text in files.items():
        (folder / "n8n" / name).write_text(text)
    paths = [str(folder / "n8n" / name) for name in files]
    return {"config_files": paths[:4], "ssl_files": paths[4:]}


async def test_a_real_n8n_is_archived_with_all_that_it_has(
    databases: Databases, samples: Path
) -> None:
    expected = await load_n8n(databases, samples)
    vault, files = databases.vault, settings_of_n8n(databases.stack.folder)
    key = databases.secret("key", KEY)
    source = await databases.source("n8n", preset="n8n", encryption_key_ref=key, **files)
    job = await vault.archive(source)
    assert job["state"] == "completed", job["error"]
    assert job["report"]["encryption_key"]["state"] == "proved"
    archive = await vault.get(f"/api/archives/{job['report']['archive_id']}")
    assert archive["name"].endswith(".n8n_backup.tar.zst")
    items = await databases.items(archive["id"])
    tables = {one["name"]: one["facts"]["rows"] for one in items if one["kind"] == "table"}
    assert tables == expected["row_counts"]
    workflows = {one["id"]: one for one in items if one["kind"] == "workflow"}
    assert {
        one: (said["name"], said["facts"]["active"], said["facts"]["checksum"])
        for one, said in workflows.items()
    } == {one["id"]: (one["name"], one["active"], one["sha256"]) for one in expected["workflows"]}
    assert {one: said["facts"]["draft_differs"] for one, said in workflows.items()} == {
        one["id"]: one["draftDiffersFromPublished"] for one in expected["workflows"]
    }
    assert {one: said["facts"]["tags"] for one, said in workflows.items()} == {
        one["id"]: one["tags"] for one in expected["workflows"]
    }
    credentials = [one for one in items if one["kind"] == "credential"]
    assert sorted((one["id"], one["name"], one["facts"]["type"]) for one in credentials) == sorted(
        (one["id"], one["name"], one["type"]) for one in expected["credentials"]
    )
    # However it is written: an accent, a part of a word, beginnings of words.
    for words in ("unicode", "NÏCOD", "quot slash"):
        found = await databases.items(archive["id"], q=words, kind="workflow")
        assert [one["id"] for one in found] == ["eTGx1OBn972V892H"], words
    await _take_one_out(databases, archive, expected)
    await _hold_against_the_bundle(databases, archive, expected)


async def _take_one_out(databases: Databases, archive: Any, expected: dict[str, Any]) -> None:
    wanted = next(one for one in expected["workflows"] if one["draftDiffersFromPublished"])
    address = f"/api/archives/{archive['id']}/items/{wanted['id']}/download"
    client = databases.vault.house.client
    answer = await client.get(address)
    assert answer.status_code == 200
    fields = answer.json()
    assert {name: fields[name] for name in wanted["fields"]} == wanted["fields"]
    part = await client.get(address, headers={"Range": "bytes=2-9"})
    assert (part.status_code, part.content) == (206, answer.content[2:10])
    table = await client.get(f"/api/archives/{archive['id']}/items/public.user/download")
    assert (table.status_code, table.json()["type"]) == (409, "/problems/conflict")
    none = await client.get(f"/api/archives/{archive['id']}/items/nothing/download")
    assert none.status_code == 404

    named = (wanted["name"], "-o", str(databases.stack.folder / "one.json"))
    await keepsake(databases, "archive", "get", archive["id"], *named)
    assert (databases.stack.folder / "one.json").read_bytes() == answer.content


async def _hold_against_the_bundle(
    databases: Databases, archive: Any, expected: dict[str, Any]
) -> None:
    vault, store = databases.vault, databases.vault.store
    target = databases.stack.folder / "back"
    await vault.restore(archive["id"], target)
    manifest = (await vault.get(f"/api/archives/{archive['id']}/contents"))["manifest"]
    assert sorted(one.name for one in (target / "config").iterdir()) == [
        ".env", "cloudflare.ini", "docker-compose.yaml", "nginx.conf",
    ]  # fmt: skip
    assert (target / "ssl" / "fullchain.pem").read_text() == "certificate\n"
    back = await databases.put_back(
        target / manifest["contents"]["database"]["member"], f"{databases.theirs.database}_back"
    )
    assert measured_facts(back) == facts_of(manifest["contents"]["tables"])
    published = json.loads((target / "workflows" / "wjwlZSIfMnMwpVHM.published.json").read_text())
    draft = json.loads((target / "workflows" / "wjwlZSIfMnMwpVHM.json").read_text())
    assert published["nodes"] != draft["nodes"]
    # Without Keepsake: the reader of the bundle puts the same files there.
    alone = databases.stack.folder / "alone"
    reader = target / "restore.py"
    await run(sys.executable, "-I", reader, "--store", store, "restore", alone)
    assert contents_of(alone) == contents_of(target)
    # No secret of a credential, nor the login, is anywhere but in the dump and the settings.
    bundle = next((store / "bundles").rglob("*.tar.zst"))
    with zstd.open(bundle, "rb") as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            content = file.read()
            if not member.name.startswith(("databases/", "config/")):
                assert KEY.encode() not in content
                assert b"Salted__" not in content
                assert b"U2FsdGVkX1" not in content, member.name
                assert b"pass:word" not in content
    assert expected["encryption_key"] == KEY


@pytest.mark.parametrize("databases", [GZIP], indirect=True)
async def test_a_key_that_does_not_open_is_told(databases: Databases, samples: Path) -> None:
    await load_n8n(databases, samples)
    vault, files = databases.vault, settings_of_n8n(databases.stack.folder)
    wrong = databases.secret("key", "another")
    source = await databases.source("wrong", preset="n8n", encryption_key_ref=wrong)
    job = await vault.archive(source)
    assert (job["state"], job["report"]["encryption_key"]["state"]) == ("completed", "wrong")
    assert job["report"]["encryption_key"]["opened_count"] == 0
    assert "WRONG" in await keepsake(databases, "archive", "run", "wrong")
    archive = await vault.get(f"/api/archives/{job['report']['archive_id']}")
    assert archive["name"].endswith(".n8n_backup.tar.gz")
    item = f"/api/archives/{archive['id']}/items/lH4yJF17MAE9NEha/download"
    assert (await vault.house.client.get(item)).json()["name"] == "Empty draft"
    # The key in the settings that are archived is tried where none is named.
    only = await databases.source("only", preset="n8n", types=["flows", "n8n_config"], **files)
    job = await vault.archive(only)
    assert job["report"]["encryption_key"] | {"secret_count": 0, "opened_count": 0} == {
        "state": "proved", "key_from": "config/.env", "secret_count": 0, "opened_count": 0,
    }  # fmt: skip
    archive = job["report"]["archive_id"]
    manifest = (await vault.get(f"/api/archives/{archive}/contents"))["manifest"]
    assert not [one for one in manifest["members"] if one["path"].startswith("databases/")]
    small = await databases.source("small", preset="n8n", types=["postgres_n8n"])
    job = await vault.archive(small)
    archive = job["report"]["archive_id"]
    manifest = (await vault.get(f"/api/archives/{archive}/contents"))["manifest"]
    without = {one["name"] for one in manifest["contents"]["tables"] if one["is_without_rows"]}
    assert {"execution_entity", "execution_data", "insights_raw"} <= without
    assert "workflow_entity" not in without
    assert os.environ.get("PGPASSWORD") is None
