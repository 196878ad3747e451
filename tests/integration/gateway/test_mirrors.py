"""Mirrors as a person meets them: plain files, what they were before, and what is refused."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.immich_library import FOLDERS, make_library
from tests.integration.gateway.test_archives import LARGE, Vault, facts, vault
from tests.integration.gateway.test_destinations import follow

__all__ = ["vault"]

#: A name that is no text. Not every destination keeps it as it is, so it is not relied upon.
ODD = "no\udcfftext"


@pytest.fixture
async def mirror(vault: Vault) -> Path:
    """Make a mirror of the vault's destination, and return where the files of the source lie."""
    folder = vault.house.stack.folder / "mirror"
    folder.mkdir()
    vault.destination = await vault.post(
        "/api/destinations",
        {"name": "nas", "type": "local", "mode": "mirror", "config": {"path": str(folder)}},
    )
    return folder / "mirrors" / "tree"


def content(tree: Path) -> dict[str, Any]:
    return {path: (when, what) for path, (_, when, what) in facts(tree).items() if what is not None}


def holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False


async def test_a_mirror_holds_plain_files_and_what_they_replaced_by_date(
    vault: Vault, mirror: Path
) -> None:
    job = await vault.archive()
    assert job["state"] == "completed", job
    whole = content(vault.tree)
    assert content(mirror / "current") == whole
    assert not (mirror / "old").exists()
    first = job["report"]
    assert (first["files_done"], first["skipped"], first["trimmed"]) == (3, 2, True)
    archive = await vault.get(f"/api/archives/{first['archive_id']}")
    assert archive["name"].endswith(".directory")
    manifest = (await vault.get(f"/api/archives/{archive['id']}/contents"))["manifest"]
    assert {one["path"]: one["reason"] for one in manifest["tree"]["skipped"]} == {
        "pipe": "is neither a file, a folder nor a link",
        "no\ufffdtext": "its name is one that a mirror may change",
    }

    # Nothing changed, nothing is sent.
    again = (await vault.archive())["report"]
    assert (again["bytes_added"], again["objects_added"]) == (0, 0)

    (vault.tree / "plain.txt").write_bytes(b"another\n")
    (vault.tree / "inner" / "empty").unlink()
    (vault.tree / "new.txt").write_bytes(b"new\n")
    third = (await vault.archive())["report"]
    aside = mirror / "old" / third["moved_aside_to"]
    assert (aside / "plain.txt").read_bytes() == b"hello\n"
    assert (aside / "inner" / "empty").exists()
    assert not (mirror / "current" / "inner" / "empty").exists()
    (vault.tree / "plain.txt").write_bytes(b"yet another\n")
    fourth = (await vault.archive())["report"]
    assert fourth["moved_aside_to"] != third["moved_aside_to"]
    assert (aside / "plain.txt").read_bytes() == b"hello\n"

    # Each of them is an archive that can be looked at and got back.
    del whole[ODD]
    for report, wanted in ((first, b"hello\n"), (third, b"another\n"), (fourth, b"yet another\n")):
        target = vault.house.stack.folder / f"back {wanted.decode()[:3]}"
        restored = await vault.restore(report["archive_id"], target)
        assert restored["report"]["refused"] == 0
        assert (target / "plain.txt").read_bytes() == wanted
        assert (target / "inner" / "empty").exists() == (report is first)
        assert (target / "link").readlink() == Path("../outside")
        if report is first:
            back = content(target)
            assert back == whole
            assert (target / "plain.txt").stat().st_mode & 0o777 == 0o640
    files = (await vault.get(f"/api/archives/{first['archive_id']}/files"))["items"]
    by_path = {one["path"]: one["n"] for one in files}
    address = f"/api/archives/{first['archive_id']}/files"
    old = await vault.house.client.get(f"{address}/{by_path['plain.txt']}/content")
    assert old.content == b"hello\n"
    part = await vault.house.client.get(
        f"{address}/{by_path['inner/deep/large']}/content",
        headers={"Range": f"bytes={LARGE - 100}-{LARGE - 1}"},
    )
    assert part.content == (vault.tree / "inner" / "deep" / "large").read_bytes()[-100:]


async def test_a_mirror_never_loses_files_because_a_disk_is_gone(
    vault: Vault, mirror: Path
) -> None:
    for number in range(40):
        (vault.tree / f"photo {number}").write_bytes(b"%d" % number)
    first = await vault.archive()
    assert first["state"] == "completed", first
    held = content(mirror / "current")
    aside = vault.tree.rename(vault.tree.with_name("aside"))
    vault.tree.mkdir()
    job = await vault.archive()
    assert (job["state"], job["error"]["type"]) == ("interrupted", "/problems/mirror-refused")
    (vault.tree / "only one left").touch()
    job = await vault.archive()
    assert (job["state"], job["error"]["type"]) == ("interrupted", "/problems/mirror-refused")
    assert "of the 43 files" in job["error"]["detail"]
    assert content(mirror / "current") == held

    # Somebody means it; still nothing is lost.
    body = {
        "source_id": vault.source["id"],
        "destination_id": vault.destination["id"],
        "allow_deletions": True,
    }
    job = await vault.job((await vault.post("/api/archives", body))["job_id"])
    assert job["state"] == "completed", job
    assert list(content(mirror / "current")) == ["only one left"]
    assert content(mirror / "old" / job["report"]["moved_aside_to"]) == {
        path: one for path, one in held.items() if path != "link"
    } | {"link": held["link"]}
    target = vault.house.stack.folder / "back"
    await vault.restore(first["report"]["archive_id"], target)
    shutil.rmtree(vault.tree)
    assert content(target).keys() == content(aside).keys() - {ODD}


async def test_a_mirror_whose_disk_is_gone_is_not_begun_on_another_one(
    vault: Vault, mirror: Path
) -> None:
    await vault.archive()
    root = mirror.parents[1]
    aside = root.rename(root.with_name("aside"))
    root.mkdir()
    job = await vault.archive()
    assert (job["state"], job["error"]["type"]) == ("interrupted", "/problems/destination-away")
    assert list(root.iterdir()) == []
    root.rmdir()
    aside.rename(root)
    # What a copy that was killed left behind goes; what people call so stays.
    (mirror / "current" / "large.1a2b3c4d.keepsake-part").write_bytes(b"half")
    (vault.tree / "mine.partial").write_bytes(b"mine")
    assert (await vault.archive())["state"] == "completed"
    assert not (mirror / "current" / "large.1a2b3c4d.keepsake-part").exists()
    assert (mirror / "current" / "mine.partial").read_bytes() == b"mine"

    # A place is one or the other, and stays it.
    for mode, path in (("mirror", vault.store), ("store", root)):
        answer = await vault.house.client.post(
            "/api/destinations",
            json={"name": "wrong", "type": "local", "mode": mode, "config": {"path": str(path)}},
        )
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems/destination-refused"
    answer = await vault.house.client.post(
        f"/api/destinations/{vault.destination['id']}/verify", json={"level": "listing"}
    )
    assert answer.status_code == 409


async def test_a_run_that_is_stopped_in_the_middle_costs_no_version(
    vault: Vault, mirror: Path
) -> None:
    first = (await vault.archive())["report"]
    place = f"/api/destinations/{vault.destination['id']}"
    slow = {"limits": {"bytes_per_second": 100_000}}
    assert (await vault.house.client.patch(place, json=slow)).status_code == 200
    (vault.tree / "plain.txt").write_bytes(b"second\n")
    with (vault.tree / "inner" / "deep" / "large").open("r+b") as file:
        file.write(b"changed")
    body = {"source_id": vault.source["id"], "destination_id": vault.destination["id"]}
    job_id = (await vault.post("/api/archives", body))["job_id"]
    while not holds(mirror / "current" / "plain.txt", b"second\n"):
        assert (await vault.get(f"/api/jobs/{job_id}"))["state"] in ("pending", "running")
        await asyncio.sleep(0.05)
    await vault.post(f"/api/jobs/{job_id}/cancel")
    assert (await vault.job(job_id))["state"] == "cancelled"
    fast: dict[str, Any] = {"limits": {"bytes_per_second": None}}
    assert (await vault.house.client.patch(place, json=fast)).status_code == 200
    (vault.tree / "plain.txt").write_bytes(b"the third\n")
    last = (await vault.archive())["report"]
    assert not [path for path in (mirror / "current").iterdir() if "keepsake" in path.name]
    for report, wanted in ((first, b"hello\n"), (last, b"the third\n")):
        target = vault.house.stack.folder / f"back {wanted.decode()[:3]}"
        restored = await vault.restore(report["archive_id"], target)
        assert restored["report"]["refused"] == 0
        assert (target / "plain.txt").read_bytes() == wanted
        large = (target / "inner" / "deep" / "large").read_bytes()
        assert (large[:7] == b"changed") == (report is last)


async def test_an_encrypted_mirror_shows_nothing_and_gives_everything_back(vault: Vault) -> None:
    password = vault.house.stack.folder / "password"
    password.touch(0o600)
    password.write_text("`correct` #horse; battery %staple\n")
    folder = vault.house.stack.folder / "sealed"
    folder.mkdir()
    vault.destination = await vault.post(
        "/api/destinations",
        {
            "name": "sealed",
            "type": "local",
            "mode": "mirror",
            "config": {"path": str(folder)},
            "crypt": {"password_ref": f"file:{password}"},
        },
    )
    library = vault.house.stack.folder / "library"
    dump = make_library(library)
    (library / "library" / "link").symlink_to("../upload")
    source = await vault.post(
        "/api/sources",
        {
            "name": "Photos of us",
            "type": "directory",
            "preset": "immich",
            "config": {"path": str(library), "exclude": ["*.xmp"]},
        },
    )
    job = await vault.archive(source)
    assert job["state"] == "completed", job
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    assert not [name for name in names if "photo" in name.lower() or "immich" in name]
    assert not [
        path for path in folder.rglob("*") if path.is_file() and b"a photo" in path.read_bytes()
    ]
    known = await vault.get(f"/api/destinations/{vault.destination['id']}")
    assert (known["mode"], known["stored_bytes"]) == ("mirror", job["report"]["bytes_done"])
    # Without Keepsake, as its recovery sheet says.
    wish = {"passwords": True, "format": "text"}
    sheet = await vault.house.client.post(f"/api/destinations/{known['id']}/sheet", json=wish)
    stranger = vault.house.stack.folder / "stranger"
    done = follow(sheet.text, stranger, [password.read_text().rstrip("\n")])
    assert done.returncode == 0, done.stderr
    files = stranger / "restored" / "photos-of-us" / "current"
    assert (files / "library/admin/2026/07/IMG_0001.HEIC").read_bytes() == b"a photo"
    assert (files / "library" / "link").readlink() == Path("../upload")

    target = vault.house.stack.folder / "back"
    restored = await vault.restore(job["report"]["archive_id"], target)
    assert (restored["state"], restored["report"]["refused"]) == ("completed", 0), restored
    assert {path.parent.name for path in target.rglob(".immich")} == set(FOLDERS)
    assert (target / "backups" / dump.name).read_bytes() == dump.read_bytes()
    assert (target / "library" / "link").readlink() == Path("../upload")
    assert not list(target.rglob("*.xmp"))
    assert not list(target.rglob("*preview*"))
    assert not (target / "postgres").exists()
    password.write_text("another\n")
    assert (await vault.archive(source))["state"] == "interrupted"
