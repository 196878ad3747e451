"""Archives as a person meets them: set up, run, browsed, got back; and what goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import PhoneFile, mint_backup
from gateway.cli.main import run
from tests.integration.gateway.conftest import House, open_house
from tests.stack import Stack

LARGE = 17 * 1024 * 1024


class Vault:
    """A house with a folder to archive, and a destination."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.tree = house.stack.folder / "tree"
        self.store = house.stack.folder / "store"
        self.store.mkdir()
        fill(self.tree)

    async def set_up(self) -> None:
        self.destination = await self.post(
            "/api/destinations",
            {"name": "disk", "type": "local", "config": {"path": str(self.store)}},
        )
        self.source = await self.post(
            "/api/sources",
            {"name": "tree", "type": "directory", "config": {"path": str(self.tree)}},
        )

    async def post(self, path: str, body: Any = None) -> Any:
        answer = await self.house.client.post(path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.house.client.get(path, params=params)
        return answer.raise_for_status().json()

    async def job(self, job_id: str) -> Any:
        """Wait for the end of a job and return it."""
        while True:
            job = await self.get(f"/api/jobs/{job_id}")
            if job["state"] not in ("pending", "running"):
                return job
            await asyncio.sleep(0.05)

    async def archive(self, source: Any = None) -> Any:
        accepted = await self.post(
            "/api/archives",
            {
                "source_id": (source or self.source)["id"],
                "destination_id": self.destination["id"],
            },
        )
        return await self.job(accepted["job_id"])

    async def restore(self, archive_id: str, target: Path, **wish: Any) -> Any:
        body = {"what": "all", "confirm": "RESTORE", "target": {"type": "folder", "path": ""}}
        body["target"]["path"] = str(target)  # type: ignore[index]
        accepted = await self.post(f"/api/archives/{archive_id}/restore", body | wish)
        return await self.job(accepted["job_id"])


def fill(tree: Path) -> None:
    (tree / "inner" / "deep").mkdir(parents=True)
    (tree / "plain.txt").write_bytes(b"hello\n")
    (tree / "inner" / "empty").touch()
    (tree / "inner" / "deep" / "large").write_bytes(os.urandom(1024) * (LARGE // 1024))
    (tree / os.fsdecode(b"no\xfftext")).write_bytes(b"odd")
    (tree / "link").symlink_to("../outside")
    (tree / "plain.txt").chmod(0o640)
    os.utime(tree / "plain.txt", ns=(1_500_000_000_123_456_789, 1_500_000_000_123_456_789))
    os.mkfifo(tree / "pipe")


def facts(tree: Path) -> dict[str, Any]:
    """Return everything that a restore has to bring back."""
    found: dict[str, Any] = {}
    for path in sorted(tree.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            content: Any = path.readlink()
        elif path.is_dir():
            content = None
        elif path.is_file():
            content = path.read_bytes()
        else:
            continue
        found[str(path.relative_to(tree))] = (status.st_mode, status.st_mtime_ns, content)
    return found


@pytest.fixture
async def vault(stack: Stack) -> AsyncIterator[Vault]:
    impatient = {"KEEPSAKE_ARCHIVER__TRIES": "1"}
    async with stack.service("archiver", impatient), open_house(stack, "discovery") as house:
        vault = Vault(house)
        await vault.set_up()
        yield vault


async def test_a_folder_is_archived_browsed_and_comes_back_as_it_was(vault: Vault) -> None:
    job = await vault.archive()
    assert job["state"] == "completed"
    report = job["report"]
    assert (report["files_done"], report["skipped"]) == (4, 1)
    archive = await vault.get(f"/api/archives/{report['archive_id']}")
    assert archive["file_count"] == 4
    files = (await vault.get(f"/api/archives/{archive['id']}/files"))["items"]
    names = ["inner", "inner/deep", "inner/deep/large", "inner/empty", "link", "no\ufffdtext"]
    assert [one["path"] for one in files] == [*names, "plain.txt"]
    contents = await vault.get(f"/api/archives/{archive['id']}/contents")
    assert contents["manifest"]["tree"]["skipped"] == [
        {"path": "pipe", "reason": "is neither a file, a folder nor a link"}
    ]
    target = vault.house.stack.folder / "back"
    job = await vault.restore(archive["id"], target)
    assert (job["state"], job["report"]["refused"]) == ("completed", 0)
    assert facts(target) == facts(vault.tree)


async def test_a_second_archive_stores_only_what_changed(vault: Vault) -> None:
    address = f"/api/sources/{vault.source['id']}/dry-run"
    asked = f"{address}?destination={vault.destination['id']}"
    plan = await vault.post(asked)
    assert (plan["new_file_count"], plan["new_bytes"]) == (4, plan["size_bytes"])
    first = await vault.archive()
    again = await vault.archive()
    assert again["report"]["bytes_read"] == 0
    assert again["report"]["objects_added"] == 0
    plan = await vault.post(asked)
    assert (plan["file_count"], plan["new_file_count"], plan["new_bytes"]) == (4, 0, 0)
    assert (await vault.post(address))["new_bytes"] is None
    log = await vault.get(f"/api/jobs/{again['id']}/log")
    assert "ended state=completed" in log["text"].splitlines()[-1]
    with (vault.tree / "inner" / "deep" / "large").open("r+b") as file:
        file.write(b"changed")
    (vault.tree / "plain.txt").unlink()
    third = await vault.archive()
    # The first of two blobs; the second, small one is the same.
    assert third["report"]["objects_added"] == 1
    assert third["report"]["bytes_added"] < LARGE
    old = vault.house.stack.folder / "old"
    await vault.restore(first["report"]["archive_id"], old)
    assert (old / "plain.txt").read_bytes() == b"hello\n"
    new = vault.house.stack.folder / "new"
    await vault.restore(third["report"]["archive_id"], new)
    assert facts(new) == facts(vault.tree)


async def test_one_file_comes_out_in_any_part(vault: Vault) -> None:
    archive = (await vault.archive())["report"]["archive_id"]
    page = await vault.get(f"/api/archives/{archive}/files", path_like="%large")
    address = f"/api/archives/{archive}/files/{page['items'][0]['n']}/content"
    whole = (vault.tree / "inner" / "deep" / "large").read_bytes()
    assert (await vault.house.client.get(address)).content == whole
    # Over the border of two blobs.
    start = 16 * 1024 * 1024 - 100
    part = await vault.house.client.get(address, headers={"Range": f"bytes={start}-{start + 199}"})
    assert (part.status_code, part.content) == (206, whole[start : start + 200])


async def test_a_restore_says_what_it_would_do_and_touches_nothing_that_differs(
    vault: Vault,
) -> None:
    archive = (await vault.archive())["report"]["archive_id"]
    target = vault.house.stack.folder / "back"
    plan = await vault.restore(archive, target, dry_run=True)
    assert plan["report"]["files_total"] == 4
    assert not target.exists()
    target.mkdir()
    (target / "plain.txt").write_bytes(b"mine")
    job = await vault.restore(archive, target, what="paths", paths=["plain.txt", "inner"])
    assert [one["path"] for one in job["report"]["refused_items"]] == ["plain.txt"]
    assert (target / "plain.txt").read_bytes() == b"mine"
    assert (target / "inner" / "empty").exists()
    assert not (target / "link").is_symlink()
    job = await vault.restore(archive, target, overwrite=True)
    assert facts(target) == facts(vault.tree)
    assert job["report"]["same"] == 2


async def test_everything_is_restored_only_when_it_is_confirmed(vault: Vault) -> None:
    archive = (await vault.archive())["report"]["archive_id"]
    answer = await vault.house.client.post(
        f"/api/archives/{archive}/restore",
        json={"what": "all", "target": {"type": "folder", "path": "/tmp/never"}},
    )
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/confirmation-needed")


async def test_a_folder_that_is_not_the_store_is_never_written_to(vault: Vault) -> None:
    await vault.archive()
    aside = vault.store.rename(vault.store.with_name("aside"))
    vault.store.mkdir()
    job = await vault.archive()
    assert (job["state"], job["error"]["type"]) == ("interrupted", "/problems/destination-away")
    assert list(vault.store.iterdir()) == []
    vault.store.rmdir()
    aside.rename(vault.store)
    retried = await vault.post(f"/api/jobs/{job['id']}/retry")
    assert (await vault.job(retried["id"]))["state"] == "completed"


async def test_a_lost_object_is_said_and_costs_its_files_only(vault: Vault) -> None:
    archive = (await vault.archive())["report"]["archive_id"]
    shutil.rmtree(vault.store / "objects")
    target = vault.house.stack.folder / "back"
    job = await vault.restore(archive, target)
    assert [one["path"] for one in job["report"]["refused_items"]] == ["inner/deep/large"]
    assert (target / "plain.txt").read_bytes() == b"hello\n"


async def test_a_phone_backup_is_archived_as_it_lies_on_disk(vault: Vault) -> None:
    minted = mint_backup(
        vault.house.stack.folder / "backups" / "phone",
        files=[PhoneFile("HomeDomain", "Library/SMS/sms.db", b"not really")],
        passphrase="secret",
    )
    refreshed = await vault.post("/api/backups/refresh")
    source = await vault.post(
        "/api/sources",
        {
            "name": "phone",
            "type": "device_backup",
            "config": {"udid": refreshed["items"][0]["udid"]},
        },
    )
    job = await vault.archive(source)
    assert job["state"] == "completed", job
    archive = job["report"]["archive_id"]
    manifest = (await vault.get(f"/api/archives/{archive}/contents"))["manifest"]
    assert manifest["source"]["facts"]["encrypted"] is True
    target = vault.house.stack.folder / "back"
    await vault.restore(archive, target)
    assert facts(target) == facts(minted.path)


async def test_what_is_asked_for_twice_is_one_job_and_names_are_used_once(vault: Vault) -> None:
    body = {"source_id": vault.source["id"], "destination_id": vault.destination["id"]}
    first, second = await asyncio.gather(
        vault.post("/api/archives", body), vault.post("/api/archives", body)
    )
    assert first == second or (await vault.job(first["job_id"]))["state"] == "completed"
    await vault.job(first["job_id"])
    await vault.job(second["job_id"])
    for path, name in (("/api/sources", "tree"), ("/api/destinations", "disk")):
        config = {"path": str(vault.tree if name == "tree" else vault.store)}
        kind = "directory" if name == "tree" else "local"
        answer = await vault.house.client.post(
            path, json={"name": name, "type": kind, "config": config}
        )
        assert answer.status_code == 409


async def test_the_command_line_says_what_it_would_store_stores_it_and_tells_how_that_went(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEEPSAKE_URL", vault.house.url)
    monkeypatch.setenv("KEEPSAKE_API_TOKEN", "test-token")

    async def command(*words: str) -> str:
        capfd.readouterr()
        assert await asyncio.to_thread(run, [*words]) == 0, words
        said = capfd.readouterr()
        return said.out + said.err

    assert "new to disk: 4 files" in await command("archive", "run", "--dry-run")
    said = await command("archive", "run", "tree", "--force")
    assert "tree: 4 files" in said
    assert "new to disk: 0 files, 0 B at most" in await command("archive", "run", "--dry-run")
    said = await command("archive", "run", "--json")
    # The services of this process log there as well.
    jobs = json.JSONDecoder().raw_decode(said[said.index("{\n") :])[0]["items"]
    assert [job["state"] for job in jobs] == ["completed"]
    assert "ended state=completed" in await command("jobs", "log", jobs[0]["id"][:8])
    assert "disk: no limit, 00:00-23:59." in await command(
        "archive", "limit", "--hours", "00:00-23:59"
    )
    assert "disk: no limit, at all hours." in await command("archive", "limit", "--hours", "none")


async def test_a_destination_changes_its_name_and_limits_and_never_its_place(
    vault: Vault,
) -> None:
    address = f"/api/destinations/{vault.destination['id']}"
    limits = {"hours": "00:00-23:59"}
    change = {"name": "other disk", "limits": limits}
    changed = await vault.house.client.patch(address, json=change)
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["config"]["limits"]) == ("other disk", limits)
    for refused in (
        # A folder is written to without rclone.
        {"limits": {"bytes_per_second": 100_000}},
        {"limits": {"hours": "12:00-12:00"}},
        {"config": {"path": "/elsewhere"}},
    ):
        assert (await vault.house.client.patch(address, json=refused)).status_code == 400
    lifted = await vault.house.client.patch(address, json={"limits": {}})
    assert lifted.json()["config"].get("limits", {}) == {}
    assert lifted.json()["name"] == "other disk"


async def test_a_destination_must_be_empty_or_a_store(vault: Vault) -> None:
    answer = await vault.house.client.post(
        "/api/destinations",
        json={"name": "other", "type": "local", "config": {"path": str(vault.tree)}},
    )
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/destination-refused")
    assert [one["outcome"] for one in answer.json()["steps"]] == [
        "warning", "done", "failed", "skipped", "skipped", "skipped",
    ]  # fmt: skip


async def test_an_encrypted_destination_shows_nothing_and_gives_everything_back(
    vault: Vault,
) -> None:
    password = vault.house.stack.folder / "password"
    password.touch(0o600)
    password.write_text("correct horse battery staple\n")
    store = vault.house.stack.folder / "encrypted"
    store.mkdir()
    body = {
        "name": "cloud",
        "type": "rclone",
        "config": {"backend": "local", "path": str(store)},
        "crypt": {"password_ref": f"file:{password}"},
    }
    vault.destination = await vault.post("/api/destinations", body)
    job = await vault.archive()
    assert job["state"] == "completed", job
    target = vault.house.stack.folder / "back"
    restored = await vault.restore(job["report"]["archive_id"], target)
    assert restored["report"]["refused"] == 0
    assert facts(target) == facts(vault.tree)
    for path in store.rglob("*"):
        assert not {"bundles", "packs", "objects"} & set(path.relative_to(store).parts)
        assert path.is_dir() or b"hello" not in path.read_bytes()
    password.write_text("another\n")
    steps = (await vault.post(f"/api/destinations/{vault.destination['id']}/check"))["items"]
    assert [one["outcome"] for one in steps][1:3] == ["done", "failed"]
    job = await vault.archive()
    assert job["state"] == "interrupted"
