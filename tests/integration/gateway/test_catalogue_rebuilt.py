"""The database is lost, or the store comes from elsewhere: the catalogue is made from the store."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.conftest import open_house
from tests.integration.gateway.kept_vaults import (
    catalogue,
    kept_vault,
    lose_catalogue,
    run,
    set_up_encrypted,
)
from tests.integration.gateway.test_archives import Vault, facts
from tests.stack import Stack

SMALL, LARGE = 3000, 4 * 1024 * 1024


@pytest.fixture
async def kept(stack: Stack) -> AsyncIterator[Vault]:
    async with kept_vault(stack) as vault:
        yield vault


async def journal(stack: Stack) -> dict[str, list[tuple[Any, ...]]]:
    """Return what lies where, as the archiver knows it."""
    async with stack.pool("archiver") as pool:
        return {
            table: sorted(tuple(row) for row in await pool.fetch(f"select {columns} from {table}"))
            for table, columns in (
                ("stored_object", "name, is_pack, size_bytes"),
                ("blob", 'sha256, object, "offset", size_bytes'),
            )
        }


def grow(tree: Path) -> None:
    """Change what there is: new content, a file less, a folder more."""
    (tree / "plain.txt").write_bytes(os.urandom(SMALL))
    (tree / "inner" / "empty").unlink()
    (tree / "more").mkdir()
    (tree / "more" / "large").write_bytes(os.urandom(LARGE))


async def test_a_catalogue_that_was_lost_is_made_from_the_destination_alone(stack: Stack) -> None:
    async with open_house(stack, "discovery") as house:
        async with stack.service("archiver"):
            vault = Vault(house)
            vault.source = await vault.post(
                "/api/sources",
                {
                    "name": "tree",
                    "type": "directory",
                    "config": {"path": str(vault.tree), "exclude": ["left-out/"]},
                    "priority": 7,
                },
            )
            (vault.tree / "left-out").mkdir()
            (vault.tree / "left-out" / "secret").write_bytes(b"not wanted")
            await set_up_encrypted(vault)
            assert (await vault.archive())["state"] == "completed"
            grow(vault.tree)
            assert (await vault.archive())["state"] == "completed"
            was, lay = await catalogue(vault), await journal(stack)
        await lose_catalogue(stack)
        async with stack.service("archiver"):
            await set_up_encrypted(vault)
            assert (await vault.get("/api/archives"))["items"] == []
            assert vault.destination["found_archives"] == 2
            address = f"/api/destinations/{vault.destination['id']}/rebuild"
            report = (await run(vault, address))["report"]
            assert (report["archives_added"], report["sources_added"]) == (2, 1)
            assert (report["left_out"], report["wrong"]) == (0, 0)
            assert await catalogue(vault) == was
            assert await journal(stack) == lay
            # Asked once more, there is nothing to do.
            again = (await run(vault, address))["report"]
            assert (again["archives_added"], again["archives_known"]) == (0, 2)
            assert await catalogue(vault) == was
            target = stack.folder / "back"
            newest = (await vault.get("/api/archives"))["items"][0]
            assert (await vault.restore(newest["id"], target))["state"] == "completed"
            expected = {
                path: fact
                for path, fact in facts(vault.tree).items()
                if not path.startswith("left-out")
            }
            assert facts(target) == expected
            (vault.tree / "one more").write_bytes(b"x" * LARGE)
            third = await vault.archive(was["sources"][0])
            assert third["state"] == "completed", third
            assert third["report"]["objects_added"] == 1


async def test_what_lies_there_and_is_no_archive_costs_itself_only(kept: Vault) -> None:
    """Also an archive whose row was never written: the next run of anything takes it up."""
    for _ in range(4):
        (kept.tree / "plain.txt").write_bytes(os.urandom(SMALL))
        assert (await kept.archive())["state"] == "completed"
    was = await catalogue(kept)
    newest, older, swapped, oldest = (await kept.get("/api/archives"))["items"]
    bundles = kept.store / "bundles" / kept.source["id"]
    damaged = bundles / older["name"]
    damaged.write_bytes(damaged.read_bytes()[:-20])
    (bundles / swapped["name"]).write_bytes((bundles / oldest["name"]).read_bytes())
    (bundles / "backup_20260101000000.directory.tar.zst").write_bytes(b"nothing of the kind")
    async with kept.house.stack.pool("archiver") as pool:
        # As if every run had ended between its bundle and its row.
        await pool.execute("delete from tree_entry")
        await pool.execute("delete from archive")
        await pool.execute("update destination set is_untidy = true")
    assert (await kept.archive())["state"] == "completed"
    fifth, *others = (await kept.get("/api/archives"))["items"]
    assert [one["id"] for one in others] == [newest["id"], oldest["id"]]
    again = await catalogue(kept)
    for one in (newest, oldest):
        assert again[one["id"]][1:] == was[one["id"]][1:]
    assert again[fifth["id"]][1] == was[newest["id"]][1]
    address = f"/api/destinations/{kept.destination['id']}/rebuild"
    report = (await run(kept, address))["report"]
    assert (report["archives_found"], report["archives_known"], report["wrong"]) == (6, 3, 3)
    assert {one["path"].rpartition("/")[2]: one["reason"] for one in report["left_out_items"]} == {
        "backup_20260101000000.directory.tar.zst": "The bundle is damaged, or none.",
        older["name"]: "The bundle is damaged, or none.",
        swapped["name"]: "The bundle is another archive than its name says.",
    }

    # Forgotten and set up again, it is the same destination, with its archives.
    forgotten = kept.destination
    await kept.house.client.delete(f"/api/destinations/{forgotten['id']}")
    again = await kept.post(
        "/api/destinations",
        {"name": "other name", "type": "local", "config": {"path": str(kept.store)}},
    )
    assert (again["id"], again["name"]) == (forgotten["id"], "other name")
    assert (again["archive_count"], again["found_archives"]) == (3, 3)
