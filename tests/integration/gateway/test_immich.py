"""A library of Immich as a person meets it: archived, refused where it is not whole, got back."""

from __future__ import annotations

import datetime as dt
import os

from tests.immich_library import FOLDERS, PERSON, add_dump, make_library
from tests.integration.gateway.test_archives import Vault, vault

__all__ = ["vault"]


async def test_a_library_is_archived_with_its_dump_and_comes_back_so_that_immich_starts(
    vault: Vault,
) -> None:
    library = vault.house.stack.folder / "library"
    dump = make_library(library)
    os.utime(dump, ns=(dump.stat().st_mtime_ns, dump.stat().st_mtime_ns))
    body = {
        "name": "photos",
        "type": "directory",
        "preset": "immich",
        "config": {"path": str(library)},
    }
    source = await vault.post("/api/sources", body)
    plan = await vault.post(f"/api/sources/{source['id']}/dry-run")
    job = await vault.archive(source)
    assert job["state"] == "completed", job
    assert plan["file_count"] == job["report"]["files_done"]
    archive = await vault.get(f"/api/archives/{job['report']['archive_id']}")
    assert archive["kind"] == "immich"
    contents = await vault.get(f"/api/archives/{archive['id']}/contents")
    facts = contents["manifest"]["source"]["facts"]
    assert contents["manifest"]["source"]["preset"] == "immich"
    assert (facts["dump"]["name"], facts["dump"]["server_version"]) == (dump.name, "2.5.0")
    assert facts["dump"]["taken_at"] <= facts["files_read_from"]

    target = vault.house.stack.folder / "back"
    job = await vault.restore(archive["id"], target)
    assert job["report"]["refused"] == 0
    assert dump.name in job["report"]["next_steps"][1]
    assert {path.parent.name for path in target.rglob(".immich")} == set(FOLDERS)
    assert not list(target.rglob("*preview*"))
    assert not (target / "postgres").exists()
    assert (target / "backups" / dump.name).read_bytes() == dump.read_bytes()
    assert (target / "upload" / PERSON / "0a/1b/0a1b.jpg").exists()

    # An hour later: a new dump, and a disk that is gone.
    newer = add_dump(library, age=dt.timedelta(hours=1))
    aside = (library / "upload").rename(vault.house.stack.folder / "upload aside")
    (library / "upload").mkdir()
    job = await vault.archive(source)
    assert (job["state"], job["error"]["type"]) == ("interrupted", "/problems/source-not-mounted")
    (library / "upload").rmdir()
    aside.rename(library / "upload")
    await vault.post(f"/api/jobs/{job['id']}/retry")
    job = await vault.job(job["id"])
    assert job["state"] == "completed", job
    archive_id = job["report"]["archive_id"]
    facts = (await vault.get(f"/api/archives/{archive_id}/contents"))["manifest"]["source"]["facts"]
    assert facts["dump"]["name"] == newer.name

    for path in (library / "backups").glob("immich-db-backup-*.gz"):
        path.unlink()
    add_dump(library, age=dt.timedelta(hours=40))
    job = await vault.archive(source)
    assert (job["state"], job["error"]["type"]) == ("interrupted", "/problems/database-dump")
    assert "hours old" in job["error"]["detail"]
    await vault.house.client.patch(
        f"/api/sources/{source['id']}", json={"config": {"path": str(library), "dump_hours": 72}}
    )
    assert (await vault.archive(source))["state"] == "completed"

    # What belongs to Immich alone is refused of other folders.
    answer = await vault.house.client.post(
        "/api/sources",
        json={"name": "other", "type": "directory", "config": {"path": "/tmp", "dump_hours": 5}},
    )
    assert answer.status_code == 400
