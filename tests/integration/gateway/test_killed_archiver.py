"""The archiver is killed in the middle of an archive, and loses nothing."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from tests.integration.gateway.conftest import House, open_house
from tests.service_process import service_process
from tests.stack import Stack

FILES, FILE_BYTES = 12, 5 * 1024 * 1024


def store_files(store: Path) -> dict[str, int]:
    """Return the objects of a store by name; a file that vanishes meanwhile is none."""
    found = {}
    for folder in ("objects", "packs"):
        for path in (store / folder).rglob("*"):
            try:
                if path.is_file():
                    found[path.name] = path.stat().st_size
            except FileNotFoundError:
                continue
    return found


async def post(house: House, path: str, body: Any) -> Any:
    answer = await house.client.post(path, json=body)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def until_stored(store: Path, count: int) -> None:
    async with asyncio.timeout(90):
        while sum(not name.endswith(".partial") for name in store_files(store)) < count:  # noqa: ASYNC110 -- another process writes
            await asyncio.sleep(0.01)


async def test_an_archive_that_is_killed_comes_to_its_end_and_stores_nothing_twice(
    stack: Stack,
) -> None:
    tree, store = stack.folder / "tree", stack.folder / "store"
    tree.mkdir()
    store.mkdir()
    for number in range(FILES):
        (tree / f"{number:02}").write_bytes(os.urandom(FILE_BYTES))
    async with open_house(stack, "discovery") as house:
        async with service_process(stack, "archiver") as process:
            destination = await post(
                house,
                "/api/destinations",
                {"name": "disk", "type": "local", "config": {"path": str(store)}},
            )
            source = await post(
                house,
                "/api/sources",
                {"name": "tree", "type": "directory", "config": {"path": str(tree)}},
            )
            job = await post(
                house,
                "/api/archives",
                {"source_id": source["id"], "destination_id": destination["id"]},
            )
            await until_stored(store, 2)
            process.kill()
            await process.wait()
        await stack.hasten("archiver")
        async with stack.pool("archiver") as pool:
            known = {
                row["name"].hex() for row in await pool.fetch("select name from stored_object")
            }
        # Whatever is written down lies there whole.
        lying = {name for name in store_files(store) if not name.endswith(".partial")}
        assert known <= lying
        untouched = {
            path: path.stat().st_mtime_ns for path in store.rglob("*") if path.name in known
        }
        async with service_process(stack, "archiver"):
            async with asyncio.timeout(100):
                while True:
                    answer = await house.client.get(f"/api/jobs/{job['job_id']}")
                    done = answer.json() if answer.status_code == 200 else {"state": "running"}
                    if done["state"] not in ("pending", "running"):
                        break
                    await asyncio.sleep(0.1)
            archives = (await house.client.get("/api/archives")).raise_for_status().json()
        assert done["state"] == "completed", done
        assert done["attempts"] == 2
        # What was written down before it died was not stored again.
        assert {path: path.stat().st_mtime_ns for path in untouched} == untouched
        files = store_files(store)
        assert len(files) == FILES
        assert not [name for name in files if name.endswith(".partial")]
        assert [one["file_count"] for one in archives["items"]] == [FILES]
