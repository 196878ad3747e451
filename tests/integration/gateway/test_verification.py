"""Whatever happens to bytes in a destination is found, and healed by the next archive."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.kept_vaults import (
    keepsake,
    kept_vault,
    run,
    set_up_encrypted,
)
from tests.integration.gateway.test_archives import Vault, facts
from tests.stack import Stack

LARGE = 4 * 1024 * 1024
#: Of rclone's crypt: a header, and blocks with what proves each.
HEADER, BLOCK, PROOF = 32, 65_536, 16
VICTIMS = ("flipped", "cut", "swapped", "deleted", "zeroed")


@pytest.fixture
async def kept(stack: Stack) -> AsyncIterator[Vault]:
    async with kept_vault(stack) as vault:
        yield vault


def stored_size(size_bytes: int, *, encrypted: bool) -> int:
    blocks = -(-size_bytes // BLOCK)
    return HEADER + size_bytes + blocks * PROOF if encrypted else size_bytes


def lying(store: Path, size_bytes: int) -> list[Path]:
    return [
        path
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.stat().st_size == size_bytes
    ]


def hurt(place: Path, content: bytes) -> None:
    assert place.read_bytes() != content
    place.write_bytes(content)


async def verified(vault: Vault, level: str, archive_id: str | None = None) -> Any:
    where = f"archives/{archive_id}" if archive_id else f"destinations/{vault.destination['id']}"
    return (await run(vault, f"/api/{where}/verify", {"level": level}))["report"]


async def states(vault: Vault) -> list[str]:
    return [one["state"] for one in (await vault.get("/api/archives"))["items"]]


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "crypt"])
async def test_every_damage_is_found_and_healed_where_the_source_still_is(
    kept: Vault, *, encrypted: bool
) -> None:
    if encrypted:
        kept.store = kept.house.stack.folder / "encrypted"
        kept.store.mkdir()
        await set_up_encrypted(kept)
    sizes = {name: LARGE + 1000 * number for number, name in enumerate(VICTIMS)}
    for name, size_bytes in (*sizes.items(), ("swapped too", sizes["swapped"])):
        (kept.tree / name).write_bytes(os.urandom(size_bytes))
    assert (await kept.archive())["state"] == "completed"
    (kept.tree / "plain.txt").write_bytes(os.urandom(3000))
    second = (await kept.archive())["report"]["archive_id"]
    assert (await verified(kept, "full"))["wrong"] == 0

    places = {
        name: lying(kept.store, stored_size(size, encrypted=encrypted))
        for name, size in sizes.items()
    }
    (flipped,), (cut,), (deleted,), (zeroed,) = (
        places[name] for name in ("flipped", "cut", "deleted", "zeroed")
    )
    one, other = places["swapped"]
    content = flipped.read_bytes()
    half = LARGE // 2
    hurt(flipped, content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :])
    hurt(cut, cut.read_bytes()[: stored_size(BLOCK * 60, encrypted=encrypted)])
    content = one.read_bytes()
    hurt(one, other.read_bytes())
    hurt(other, content)
    deleted.unlink()
    hurt(zeroed, bytes(zeroed.stat().st_size))
    # The manifest is rolled back: the older bundle in the place of the newer one.
    newer, older = await bundles(kept, encrypted=encrypted)
    hurt(newer, older.read_bytes())

    report = await verified(kept, "listing")
    assert {one["verdict"] for one in report["wrong_items"]} >= {"missing", "damaged"}
    assert report["missing"] == 1
    assert "damaged" in await states(kept)
    report = await verified(kept, "full", second)
    # Those that were found before are struck out already.
    assert report["wrong"] == 5
    shown = await kept.get(f"/api/archives/{second}")
    assert shown["state"] == "damaged"
    assert shown["verification"]["level"] == "full"
    assert shown["verification"]["state"] == "failed"

    job = await kept.archive()
    assert (job["state"], job["report"]["objects_added"]) == ("completed", len(VICTIMS) + 1)
    # All are whole again, also the one whose bundle was another: it was written anew.
    assert await states(kept) == ["complete"] * 3
    assert (await verified(kept, "full"))["wrong"] == 0
    assert (await run(kept, f"/api/destinations/{kept.destination['id']}/rebuild"))["report"][
        "left_out"
    ] == 0
    target = kept.house.stack.folder / "back"
    restored = await kept.restore(job["report"]["archive_id"], target)
    assert restored["report"]["refused"] == 0
    assert facts(target) == facts(kept.tree)


async def bundles(vault: Vault, *, encrypted: bool) -> list[Path]:
    """Return where the bundles of the two archives lie, the newer one first."""
    async with vault.house.stack.pool("archiver") as pool:
        rows = await pool.fetch(
            "select bundle_bytes from archive where destination_id = $1 order by created_at desc",
            vault.destination["id"],
        )
    found = []
    for row in rows:
        size_bytes = stored_size(row["bundle_bytes"], encrypted=encrypted)
        found.append(lying(vault.store, size_bytes)[0])
    assert len(set(found)) == 2
    return found


async def test_samples_read_everything_in_turn_and_what_comes_back_is_taken_back(
    kept: Vault,
) -> None:
    """After a reset everything is read again, and only what is gone is stored again."""
    for number in range(6):
        (kept.tree / f"film {number}").write_bytes(os.urandom(LARGE))
    first = (await kept.archive())["report"]
    objects = [
        path
        for folder in ("objects", "packs")
        for path in (kept.store / folder).rglob("*")
        if path.is_file()
    ]
    read = 0
    async with kept.house.stack.pool("archiver") as pool:
        for _ in range(2):
            report = await verified(kept, "sample", first["archive_id"])
            assert report["wrong"] == 0
            read += report["objects_read"]
            checked = "select count(*) from stored_object where checked_at is not null"
            assert await pool.fetchval(checked) == read
    # Four at a time, and none of them twice.
    assert read == 8 == len(objects)
    aside = objects[0].rename(kept.house.stack.folder / "aside")
    assert (await verified(kept, "listing"))["missing"] == 1
    assert await states(kept) == ["damaged"]
    aside.rename(objects[0])
    report = await verified(kept, "listing")
    assert (report["taken_back"], report["wrong"]) == (1, 0)
    assert await states(kept) == ["complete"]
    again = (await kept.archive())["report"]
    assert (again["files_read"], again["objects_added"]) == (0, 0)
    (gone,) = (kept.store / "packs").rglob("*.tar")
    gone.unlink()
    forgotten = await kept.post(
        f"/api/destinations/{kept.destination['id']}/reset",
        {"source_id": kept.source["id"], "objects": True},
    )
    assert forgotten["file_count"] == first["files_done"]
    (job_id,) = forgotten["job_ids"]
    assert (await kept.job(job_id))["report"]["missing"] == 1
    again = (await kept.archive())["report"]
    assert (again["files_read"], again["objects_added"]) == (first["files_read"], 1)
    assert await states(kept) == ["complete"] * 3
    await speak(kept, first["archive_id"])


async def speak(kept: Vault, archive: str) -> None:
    """The commands say what the routes do."""
    short = archive[:8]
    for arguments, said in (
        (("check", "disk", "--level", "listing"), "8 objects of 3 archives were looked for"),
        (("check", "--archive", short, "--level", "full"), "and 8 read"),
        (("delete", short, "--dry-run"), "would be deleted from"),
        (("delete", short, "--yes"), "keeps it, until then"),
        (("undelete", short), f"Archive {short} is kept."),
        (("protect", short), f"Archive {short} is protected."),
        (("protect", short, "--off"), f"Archive {short} is not protected."),
        (("collect", "--to", "disk"), "0 archives and 0 objects are deleted"),
        (("rebuild", "--to", "disk"), "3 were known"),
        (("reset", "tree", "--to", "disk"), "nothing is taken for granted any more"),
    ):
        told = await keepsake(kept, "archive", *arguments)
        assert (told.exit_code, said in " ".join(told.output.split())) == (0, True), (
            arguments,
            told.output,
        )
    next((kept.store / "objects").rglob("?" * 64)).unlink()
    told = await keepsake(kept, "archive", "check", "disk", "--level", "listing")
    assert told.exit_code == 1
    assert "Missing: objects/" in told.output
    assert "3 archives are damaged" in told.output
    assert (await keepsake(kept, "archive", "list")).output.count(" damaged") == 3
