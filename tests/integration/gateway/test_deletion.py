"""Archives are deleted in two phases, and what they give back is known to the byte beforehand."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.archiver.upkeep.due import collect_due
from tests.integration.gateway.kept_vaults import kept_vault, run
from tests.integration.gateway.test_archives import Vault, facts
from tests.stack import Stack

LARGE = 4 * 1024 * 1024


@pytest.fixture
async def kept(stack: Stack) -> AsyncIterator[Vault]:
    async with kept_vault(stack) as vault:
        yield vault


def stored_bytes(store: Path) -> int:
    return sum(path.stat().st_size for path in store.rglob("*") if path.is_file())


async def refused(vault: Vault, method: str, path: str, body: Any = None) -> Any:
    answer = await vault.house.client.request(method, path, json=body)
    assert answer.status_code == 409, answer.text
    return answer.json()


async def collected(vault: Vault) -> Any:
    return (await run(vault, f"/api/destinations/{vault.destination['id']}/collect", {}))["report"]


async def deleted(vault: Vault, archive_id: str) -> Any:
    answer = await vault.house.client.request(
        "DELETE", f"/api/archives/{archive_id}", json={"confirm": "DELETE"}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()


async def test_what_deletions_give_back_is_known_to_the_byte_and_the_rest_comes_back(
    kept: Vault,
) -> None:
    """Three archives, of which each has something of its own, and all share something."""
    archives = []
    for number in range(3):
        (kept.tree / "own").write_bytes(os.urandom(LARGE))
        (kept.tree / "small").write_bytes(os.urandom(3000))
        (kept.tree / f"since {number}").write_bytes(os.urandom(LARGE))
        archives.append((await kept.archive())["report"]["archive_id"])
    _, middle, newest = archives
    expected = facts(kept.tree)
    address = f"/api/archives/{middle}"
    problem = await refused(kept, "DELETE", address, {})
    assert problem["type"] == "/problems/confirmation-needed"
    preview = await kept.get(f"{address}/deletion-preview")
    assert preview["freed_bytes"] == problem["freed_bytes"]
    # Its own file and the pack with its small one; what came with it is in the next one too.
    assert preview["object_count"] == 2
    before = stored_bytes(kept.store)
    await kept.post(f"{address}/protect")
    assert (await refused(kept, "DELETE", address, {"confirm": "DELETE"}))["type"] == (
        "/problems/archive-protected"
    )
    await kept.post(f"{address}/unprotect")
    assert (await deleted(kept, middle))["freed_bytes"] == preview["freed_bytes"]
    assert (await kept.get(address))["deletion_scheduled_at"] is not None
    # Until it is due it can be kept, and protection keeps it as well.
    later = "update archive set deletion_scheduled_at = deletion_scheduled_at + interval '1 day'"
    async with kept.house.stack.pool("archiver") as pool:
        await pool.execute(later)
        assert (await collected(kept))["archives_deleted"] == 0
        kept_by = [await kept.post(f"{address}/undelete")]
        await deleted(kept, middle)
        await pool.execute(later)
        kept_by.append(await kept.post(f"{address}/protect"))
    assert [one["deletion_scheduled_at"] for one in kept_by] == [None, None]
    await kept.post(f"{address}/unprotect")
    await deleted(kept, middle)
    report = await collected(kept)
    assert (report["archives_deleted"], report["objects_marked"]) == (1, 2)
    assert report["bytes_freed"] == preview["bundle_bytes"]
    assert (await kept.house.client.get(address)).status_code == 404
    report = await collected(kept)
    assert (report["objects_deleted"], report["bytes_freed"]) == (2, preview["object_bytes"])
    assert before - stored_bytes(kept.store) == preview["freed_bytes"]
    # Nothing more, however often; and all others are whole.
    again = await collected(kept)
    assert (again["bytes_freed"], again["objects_marked"]) == (0, 0)
    target = kept.house.stack.folder / "back"
    assert (await kept.restore(newest, target))["report"]["refused"] == 0
    assert facts(target) == expected
    oldest = kept.house.stack.folder / "old"
    assert (await kept.restore(archives[0], oldest))["report"]["refused"] == 0
    # The newest one as well, of which a kill left only the row: the next archive stores anew what
    # went with it, and nothing else.
    preview = await kept.get(f"/api/archives/{newest}/deletion-preview")
    await deleted(kept, newest)
    name = (await kept.get(f"/api/archives/{newest}"))["name"]
    (kept.store / "bundles" / kept.source["id"] / name).unlink()
    await collected(kept)
    await collected(kept)
    job = await kept.archive()
    assert job["report"]["objects_added"] == preview["object_count"]
    shown = (await kept.get(f"/api/archives/{job['report']['archive_id']}/files"))["items"]
    assert len(shown) == len(expected)


async def test_what_is_due_is_collected_by_the_clock_and_what_lies_there_unknown_is_kept(
    kept: Vault,
) -> None:
    """Also what an archive needs whose row was never written, or which cannot be read."""
    first = (await kept.archive())["report"]["archive_id"]
    bundles = kept.store / "bundles" / kept.source["id"]
    (kept.tree / "more").write_bytes(os.urandom(LARGE))
    second = (await kept.archive())["report"]["archive_id"]
    unknown = bundles / (await kept.get(f"/api/archives/{second}"))["name"]
    async with kept.house.stack.pool("archiver") as pool:
        # As if the run had ended between its bundle and its row.
        await pool.execute("delete from archive where id = $1", second)
        await pool.execute("delete from tree_entry where since = 2")
        await pool.execute("update tree_entry set until = null")
        whole = unknown.read_bytes()
        unknown.write_bytes(whole[:-1])
        await deleted(kept, first)
        due = await collect_due(pool, grace=dt.timedelta(0))
        assert [str(one) for one in due] == [kept.destination["id"]]
        while await pool.fetchval("select exists (select from archive)"):
            job = (await kept.get("/api/jobs", kind="collect"))["items"][0]
            await kept.job(job["id"])
        # Within the hour it is not tried again by itself.
        assert await collect_due(pool, grace=dt.timedelta(0)) == []
        report = await collected(kept)
        assert (report["held_back"], report["left_out"]) == (True, 1)
        assert report["objects_marked"] == 0
        unknown.write_bytes(whole)
        leftover = kept.store / "objects" / "ab" / ("ab" * 32)
        leftover.parent.mkdir(exist_ok=True)
        leftover.write_bytes(b"nobody's")
        report = await collected(kept)
        assert (report["archives_added"], report["objects_marked"]) == (1, 0)
        assert (await collected(kept))["leftovers_deleted"] == 1
        assert not leftover.exists()
    target = kept.house.stack.folder / "back"
    assert (await kept.restore(second, target))["report"]["refused"] == 0
    assert facts(target) == facts(kept.tree)
