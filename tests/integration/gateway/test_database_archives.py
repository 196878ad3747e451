"""Databases as a person archives them, what is in their archives, and what happens otherwise."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tarfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from backports import zstd

from services.archiver.sources.databases.access import connected, of_credentials
from services.archiver.sources.databases.measuring import Measured, measure
from services.archiver.sources.databases.programs import find_pg_dump
from shared import postgres
from shared.credentials import PostgresCredentials, Secret
from shared.postgres.provision import scram_verifier
from tests.integration.gateway.conftest import open_house
from tests.integration.gateway.test_archives import Vault
from tests.integration.gateway.test_destinations import client_environment
from tests.stack import Stack

#: With all that files and addresses have to escape.
PASSWORD = "pass:word\\with %/ all"
GZIP = {"KEEPSAKE_ARCHIVER__BUNDLE_COMPRESSION": "gz"}
KEY = "fixture-encryption-key-not-secret-0001"

#: A name that has to be quoted.
ODD = '"Quoted ""table"""'
TABLES = f"""
create schema "odd schema";
create table "odd schema".{ODD} (id int primary key, "row_of_keepsake" text, t bytea);
insert into "odd schema".{ODD}
    select n, 'row ' || n, '\\x00ff' from generate_series(1, 500) n;
create table measured (at timestamptz, span interval, number numeric, list int[], document jsonb);
insert into measured values
    ('2026-01-02 03:04:05+06', '1 year 2 days', 12345678901234567890.125, array[1, null, 3], '[1]'),
    (null, null, 'nan', array[]::int[], 'null');
create table parted (id int, part text) partition by list (part);
create table parted_a partition of parted for values in ('a');
insert into parted select n, 'a' from generate_series(1, 20) n;
create table nothing ();
create sequence counting start 40;
select nextval('counting');
"""


class Databases:
    """A vault, and a database of somebody else's beside its own."""

    def __init__(self, vault: Vault, stack: Stack) -> None:
        self.vault = vault
        self.stack = stack
        self.secrets = stack.folder / "secrets"
        self.secrets.mkdir(mode=0o700)
        self.theirs = PostgresCredentials(
            host=stack.admin.host,
            port=stack.admin.port,
            database=f"theirs_{uuid.uuid4().hex[:8]}",
            user=f"owner_{uuid.uuid4().hex[:8]}",
            password=Secret(PASSWORD),
        )

    async def create(self, *statements: str) -> None:
        server = await self.administer(self.stack.admin.database)
        secret = scram_verifier(PASSWORD)
        await server.execute(f"create role {self.theirs.user} login password '{secret}'")
        await server.execute(f"create database {self.theirs.database} owner {self.theirs.user}")
        await server.close()
        owner = await postgres.connect(self.theirs)
        for statement in statements:
            await owner.execute(statement)
        await owner.close()

    async def remove(self) -> None:
        server = await self.administer(self.stack.admin.database)
        await server.execute(f"drop database if exists {self.theirs.database} with (force)")
        await server.execute(f"drop role if exists {self.theirs.user}")
        await server.close()

    async def administer(self, database: str) -> asyncpg.Connection[Any]:
        return await postgres.connect(
            PostgresCredentials(
                host=self.stack.admin.host,
                port=self.stack.admin.port,
                database=database,
                user=self.stack.admin.user,
            )
        )

    def secret(self, name: str, value: str) -> str:
        path = self.secrets / name
        path.write_text(value)
        path.chmod(0o600)
        return f"file:{path}"

    async def source(self, name: str, dsn: str | None = None, **config: Any) -> Any:
        preset = config.pop("preset", None)
        address = self.theirs.dsn().reveal() if dsn is None else dsn
        config["dsn_ref"] = self.secret(name, address)
        return await self.vault.post(
            "/api/sources",
            {"name": name, "type": "postgres", "preset": preset, "config": config},
        )

    async def items(self, archive_id: str, **params: Any) -> list[Any]:
        page = await self.vault.get(f"/api/archives/{archive_id}/items", limit=1000, **params)
        return list(page["items"])

    def stored(self) -> list[Path]:
        return list((self.vault.store / "bundles").rglob("*")) if self.vault.store.exists() else []

    async def follow_the_readme(self, folder: Path) -> None:
        """Do what the archive of Keepsake itself says to those who got its files back."""
        server = await self.administer(self.stack.admin.database)
        major = server.get_server_version().major
        await server.close()
        lines = [line.strip() for line in (folder / "README.md").read_text().splitlines()]
        script = "\n".join(line for line in lines if line.startswith(("psql ", "pg_restore ")))
        assert script.count("\n") == 1
        programs = find_pg_dump(major).path.parent
        await run(
            *("env", f"PATH={programs}:{os.environ['PATH']}"),
            *(f"ADMIN={self.stack.admin.dsn().reveal()}", "sh", "-ec", f"cd '{folder}'\n{script}"),
        )

    async def archives_from_the_start(self) -> list[Any]:
        """Ask an archiver that starts on what is there now."""
        async with self.stack.service("archiver"), open_house(self.stack, "discovery") as house:
            answer = await house.client.get("/api/archives")
            return list(answer.raise_for_status().json()["items"])

    async def put_back(self, dump: Path, database: str) -> Measured:
        """Restore a dump into a database of its own and measure what came of it."""
        server = await self.administer(self.stack.admin.database)
        await server.execute(f"create database {database}")
        major = server.get_server_version().major
        await server.close()
        # Tests run their server as a user that trusts its own socket.
        program = find_pg_dump(major).path.with_name("pg_restore")
        await run(
            program, "--exit-on-error", "--no-owner", "--no-privileges", "-j2",
            "-h", self.stack.admin.host, "-p", self.stack.admin.port,
            "-U", self.stack.admin.user, "-d", database, dump,
        )  # fmt: skip
        admin = PostgresCredentials(
            host=self.stack.admin.host,
            port=self.stack.admin.port,
            database=database,
            user=self.stack.admin.user,
        )
        async with connected(of_credentials(admin)) as connection:
            measured = await measure(connection, without_rows=frozenset())
        server = await self.administer(self.stack.admin.database)
        await server.execute(f"drop database {database} with (force)")
        await server.close()
        return measured


async def run(*command: object) -> None:
    done = await asyncio.to_thread(
        subprocess.run, [str(one) for one in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
async def databases(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Databases]:
    settings = {
        "KEEPSAKE_ARCHIVER__TRIES": "1",
        "KEEPSAKE_API_TOKEN": "never-told",
        **getattr(request, "param", {}),
    }
    async with stack.service("archiver", settings), open_house(stack, "discovery") as house:
        vault = Vault(house)
        await vault.set_up()
        databases = Databases(vault, stack)
        try:
            yield databases
        finally:
            await databases.remove()


async def keepsake(databases: Databases, *arguments: str) -> str:
    """Run the command line against the house and return what it says."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway.cli", *arguments],
        env=client_environment(databases.vault.house),
        cwd=databases.stack.folder,
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


async def reach(connection: asyncpg.Connection[Any], query: str, wanted: int) -> None:
    """Wait until a query gives that number."""
    while True:
        if await connection.fetchval(query) == wanted:
            return
        await asyncio.sleep(0.02)


def contents_of(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def facts_of(tables: Any) -> dict[str, Any]:
    return {f"{one['schema']}.{one['name']}": (one["rows"], one["checksum"]) for one in tables}


def measured_facts(measured: Measured) -> dict[str, Any]:
    return {f"{one.schema}.{one.name}": (one.rows, one.checksum) for one in measured.tables}


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
