"""Databases as a person archives them, what is in their archives, and what happens otherwise."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.archiver.sources.databases.programs import find_pg_dump
from shared import postgres
from tests.integration.gateway.archived_databases import (
    TABLES,
    Databases,
    databases_of,
    facts_of,
    keepsake,
    measured_facts,
    reach,
)
from tests.stack import Stack


@pytest.fixture
async def databases(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Databases]:
    async with databases_of(stack, getattr(request, "param", {})) as databases:
        yield databases


async def test_a_database_is_archived_browsed_and_put_back_by_hand(databases: Databases) -> None:
    await databases.create(TABLES)
    reference = databases.secret("theirs", databases.theirs.dsn().reveal())
    await keepsake(databases, "archive", "source", "add", "theirs", "--postgres", reference)
    sources = (await databases.vault.get("/api/sources"))["items"]
    source = next(one for one in sources if one["type"] == "postgres")
    plan = await databases.vault.post(f"/api/sources/{source['id']}/dry-run")
    assert plan["table_count"] == 5
    told = await keepsake(databases, "archive", "run", "theirs", "--to", "disk", "--dry-run")
    assert "5 tables" in told
    job = await databases.vault.archive(source)
    assert job["state"] == "completed", job["error"]
    archive = await databases.vault.get(f"/api/archives/{job['report']['archive_id']}")
    assert (archive["kind"], archive["torn_count"]) == ("postgres_full", 0)
    contents = await databases.vault.get(f"/api/archives/{archive['id']}/contents")
    said = contents["manifest"]["contents"]
    rows = {name: rows for name, (rows, _) in facts_of(said["tables"]).items()}
    assert rows == {
        'odd schema.Quoted "table"': 500,
        "public.measured": 2,
        "public.nothing": 0,
        "public.parted": 0,
        "public.parted_a": 20,
    }
    assert said["database"]["sequences"] == [
        {"schema": "public", "name": "counting", "last_value": 40, "is_called": True}
    ]
    assert databases.theirs.user in {role["name"] for role in said["database"]["roles"]}
    items = await databases.items(archive["id"])
    columns = next(one for one in items if one["id"] == "public.measured")["facts"]["columns"]
    assert [one["name"] for one in columns] == ["at", "span", "number", "list", "document"]
    found = await databases.items(archive["id"], q="quot tab")
    assert [one["id"] for one in found] == ['odd schema.Quoted "table"']
    # What the archive holds is in nothing that a person is not asked for.
    assert databases.theirs.user not in json.dumps(contents["manifest"]["source"])
    told = await keepsake(databases, "archive", "contents", archive["id"], "--search", "meas")
    assert "2 rows, 5 columns" in told
    assert "nothing" not in told
    target = databases.stack.folder / "back"
    job = await databases.vault.restore(archive["id"], target)
    assert (job["state"], job["report"]["refused"]) == ("completed", 0)
    dump = target / said["database"]["member"]
    assert dump.stat().st_mode & 0o777 == 0o600
    back = await databases.put_back(dump, f"{databases.theirs.database}_back")
    assert measured_facts(back) == facts_of(said["tables"])
    # Again: nothing is written over, and parts can be had alone.
    again = await databases.vault.restore(archive["id"], target)
    assert again["report"]["same"] == len(contents["manifest"]["members"])
    # A catalogue that lost it is told all of it again by the destination.
    async with databases.stack.pool("archiver") as pool:
        await pool.execute("delete from archive")
    assert (await databases.vault.get("/api/archives"))["items"] == []
    address = f"/api/destinations/{databases.vault.destination['id']}/rebuild"
    rebuilt = await databases.vault.post(address)
    assert (await databases.vault.job(rebuilt["job_id"]))["report"]["archives_added"] == 1
    assert await databases.vault.get(f"/api/archives/{archive['id']}") == archive
    assert await databases.items(archive["id"]) == items
    part = databases.stack.folder / "part"
    await databases.vault.restore(archive["id"], part, what="paths", paths=["metadata"])
    assert sorted(path.name for path in part.rglob("*.json")) == ["items.json", "tables.json"]


async def test_the_dump_and_its_measures_are_of_one_moment(databases: Databases) -> None:
    # Somebody writes all the time; what is counted is what is dumped.
    await databases.create("create table busy (n int)", "insert into busy values (0)")
    source = await databases.source("busy")
    writer = await postgres.connect(databases.theirs)
    ends = asyncio.Event()

    async def write() -> None:
        while not ends.is_set():
            await writer.execute("insert into busy select n + 1 from busy order by n desc limit 50")

    writing = asyncio.create_task(write())
    job = await databases.vault.archive(source)
    ends.set()
    await writing
    await writer.close()
    assert job["state"] == "completed", job["error"]
    archive = job["report"]["archive_id"]
    said = (await databases.vault.get(f"/api/archives/{archive}/contents"))["manifest"]["contents"]
    target = databases.stack.folder / "back"
    await databases.vault.restore(archive, target)
    back = await databases.put_back(
        target / said["database"]["member"], f"{databases.theirs.database}_back"
    )
    assert measured_facts(back) == facts_of(said["tables"])


async def test_what_cannot_be_archived_is_told_and_leaves_nothing(databases: Databases) -> None:
    await databases.create(
        "create table mine (n int)", "create table hidden (n int)", "insert into mine values (1)"
    )
    right = databases.theirs
    host = f"host={right.host}&port={right.port}"
    server = await databases.administer(right.database)
    await server.execute("create table not_yours (n int)")
    await server.close()
    tried = {
        "wrong password": (f"postgresql://{right.user}:other@/{right.database}?{host}", "refused"),
        "no rights": (right.dsn().reveal(), "refused"),
        "no database": (f"postgresql://{right.user}:other@/none?{host}", "refused"),
        "nobody there": (f"postgresql://a:b@127.0.0.1:1/{right.database}", "away"),
        "no address": ("mysql://localhost/theirs", "unreadable"),
    }
    for name, (dsn, expected) in tried.items():
        source = await databases.source(name, dsn)
        job = await databases.vault.archive(source)
        assert job["error"]["type"] == f"/problems/source-{expected}", (name, job["error"])
        assert job["state"] == ("interrupted" if expected != "refused" else "failed")
        assert "not_yours" in job["error"]["detail"] or name != "no rights"
        assert "other" not in json.dumps(job["error"]).replace("another", "")
    assert (await databases.vault.get("/api/archives"))["items"] == []
    assert databases.stored() == []
    # Corrected, it works: what was tried is in nobody's way.
    server = await databases.administer(right.database)
    await server.execute("drop table not_yours")
    await server.close()
    job = await databases.vault.archive(source := await databases.source("corrected"))
    assert (job["state"], job["report"]["tables"]) == ("completed", 2), source


async def test_rows_that_a_policy_hides_are_not_left_out_in_silence(databases: Databases) -> None:
    await databases.create(
        "create table mine (n int)",
        "insert into mine values (1), (2)",
        "alter table mine enable row level security",
        "alter table mine force row level security",
        "create policy few on mine using (n = 1)",
    )
    job = await databases.vault.archive(await databases.source("hidden rows"))
    assert (job["state"], job["error"]["type"]) == ("failed", "/problems/source-refused")


async def test_a_container_is_asked_for_its_own_pg_dump(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await databases.create("create table mine (n int)", "insert into mine values (1)")
    server = await databases.administer(databases.theirs.database)
    programs = find_pg_dump(server.get_server_version().major).path.parent
    await server.close()
    # An engine is not at hand: what stands for docker runs here what it is told to run inside.
    (tmp_path / "docker").write_text(
        "#!/bin/sh\n"
        f"PATH={programs}:$PATH PGHOST={databases.theirs.host}; export PATH PGHOST\n"
        '[ "$1" = exec ] && shift && [ "$1" = -i ] && shift\n'
        '[ "$1" = theirs ] || { echo "Error: No such container: $1" >&2; exit 1; }\n'
        'shift; exec "$@"\n'
    )
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    there = await databases.vault.archive(await databases.source("there", container="theirs"))
    assert (there["state"], there["report"]["rows"]) == ("completed", 1), there["error"]
    none = await databases.vault.archive(await databases.source("none", container="other"))
    assert (none["state"], none["error"]["type"]) == ("failed", "/problems/source-missing")
    (tmp_path / "docker").write_text(
        "#!/bin/sh\necho 'Cannot connect to the Docker daemon at unix:///x' >&2; exit 1\n"
    )
    away = await databases.vault.archive(await databases.source("away", container="theirs"))
    assert (away["state"], away["error"]["type"]) == ("interrupted", "/problems/source-away")


@pytest.mark.parametrize("ends_by", ["cancelling", "ending sessions"])
async def test_a_dump_that_is_under_way_can_be_ended(databases: Databases, ends_by: str) -> None:
    await databases.create("create table mine (n int)")
    source = await databases.source("waits")
    owner = await postgres.connect(databases.theirs)
    server = await databases.administer(databases.theirs.database)
    ours = (
        "select count(*), array_agg(pid) as pids from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock'"
    )
    async with owner.transaction():
        # Now neither the dump nor the counting gets any further.
        await owner.execute("lock table mine in access exclusive mode")
        asked = {"source_id": source["id"], "destination_id": databases.vault.destination["id"]}
        job_id = (await databases.vault.post("/api/archives", asked))["job_id"]
        await reach(server, ours, 2)
        if ends_by == "cancelling":
            await databases.vault.post(f"/api/jobs/{job_id}/cancel")
        else:
            pids = (await server.fetchrow(ours))["pids"]  # type: ignore[index]
            for pid in pids:
                await server.execute("select pg_terminate_backend($1)", pid)
        job = await databases.vault.job(job_id)
        # Nobody waits on in the database of somebody else.
        await reach(server, ours, 0)
    if ends_by == "cancelling":
        assert (job["state"], job["error"]) == ("cancelled", None)
    else:
        assert (job["state"], job["error"]["type"]) == ("interrupted", "/problems/source-away")
    assert databases.stored() == []
    await owner.close()
    await server.close()


async def test_keepsake_archives_itself_and_comes_back(databases: Databases) -> None:
    vault = databases.vault
    first = await vault.archive()
    source = await vault.post("/api/sources", {"name": "self", "type": "system", "config": {}})
    job = await vault.archive(source)
    assert job["state"] == "completed", job["error"]
    archive = job["report"]["archive_id"]
    kinds = {one["kind"] for one in await databases.items(archive)}
    assert kinds == {"table", "destination", "source"}
    names = {one["id"] for one in await databases.items(archive, kind="table")}
    assert {"archiver.archive", "gateway.api_token", "discovery.backup"} <= names
    target = databases.stack.folder / "back"
    await vault.restore(archive, target)
    settings = (target / "config" / "keepsake.toml").read_text()
    assert "tries = 1" in settings
    assert "it is secret: api_token" in settings
    assert "never-told" not in settings
    destinations = json.loads((target / "metadata" / "destinations.json").read_text())
    assert [one["name"] for one in destinations] == ["disk"]
    contents = (await vault.get(f"/api/archives/{archive}/contents"))["manifest"]["contents"]
    back = await databases.put_back(
        target / contents["database"]["member"], f"{databases.theirs.database}_back"
    )
    assert measured_facts(back) == facts_of(contents["tables"])
    assert measured_facts(back)["archiver.archive"][0] == 1
    await vault.archive()
    await databases.follow_the_readme(target)
    # The newest archive is forgotten, and the services' own logins see the rest.
    page = await databases.archives_from_the_start()
    assert [one["id"] for one in page] == [first["report"]["archive_id"]]
