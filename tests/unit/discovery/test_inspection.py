"""Facts and judgements over minted backups and hostile ones, without database or bus."""

import datetime as dt
import hashlib
import os
import plistlib
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.demo.container import MintedBackup, PhoneFile, mint_backup
from services.discovery import examination
from services.discovery.deciding import Decision, decide
from services.discovery.errors import Stopped
from services.discovery.folders import Folder
from services.discovery.inspection import Judgement, judge, read_plists
from services.discovery.lifecycle import Clock
from services.discovery.marks import look_at
from services.discovery.measuring import measure
from services.discovery.records import Record
from shared.scratch import Scratch

FILES = [PhoneFile("HomeDomain", f"Library/file{n}", b"x" * n) for n in range(150)]
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def mint(root: Path, **given: Any) -> MintedBackup:
    return mint_backup(root, **{"files": FILES[:5], **given})


def judged(folder: Path, **given: Any) -> Judgement:
    path = os.fsencode(folder)
    usual = {"memo": None, "is_stopping": lambda: False, "scratch": scratch_of(folder)}
    return judge(path, read_plists(path), **{**usual, **given})


def scratch_of(folder: Path) -> Scratch:
    return Scratch(folder.with_name("scratch"), replica_id="test")


def codes(judgement: Judgement) -> list[str]:
    return [problem.code for problem in judgement.problems]


@pytest.mark.parametrize("form", ["manifest_db", "mbdb"])
@pytest.mark.parametrize("passphrase", [None, "secret"])
def test_a_whole_backup_is_complete_and_nothing_is_written(
    tmp_path: Path, form: str, passphrase: str | None
) -> None:
    minted = mint(tmp_path, format=form, passphrase=passphrase)
    before = {p: p.lstat().st_mtime_ns for p in minted.path.rglob("*")}
    result = judged(minted.path)
    assert (result.state, result.problems) == ("complete", [])
    # The manifest of iOS 9 is readable even where its files are encrypted.
    is_told = passphrase is None or form == "mbdb"
    assert result.missing_files == (0 if is_told else None)
    assert {p: p.lstat().st_mtime_ns for p in minted.path.rglob("*")} == before


@pytest.mark.parametrize("form", ["manifest_db", "mbdb"])
def test_missing_blobs_are_counted_and_the_first_hundred_named(tmp_path: Path, form: str) -> None:
    minted = mint(tmp_path, files=FILES, format=form)
    # The file of no bytes may be missing: nothing is lost.
    for item in FILES:
        minted.blob_path(item.domain, item.relative_path).unlink()
    result = judged(minted.path)
    assert (result.state, result.missing_files) == ("partial", 149)
    named = result.problems[0].files
    assert len(named) == 100
    assert named == sorted(named)


def test_a_blob_that_is_a_link_or_a_fifo_counts_as_missing(tmp_path: Path) -> None:
    minted = mint(tmp_path)
    one, two = (minted.blob_path("HomeDomain", f"Library/file{n}") for n in (1, 2))
    one.unlink()
    one.symlink_to("/etc/passwd")
    two.unlink()
    os.mkfifo(two)
    assert judged(minted.path).missing_files == 2


def test_of_an_encrypted_backup_only_the_absence_of_everything_is_seen(tmp_path: Path) -> None:
    minted = mint(tmp_path, passphrase="secret")
    minted.blob_path("HomeDomain", "Library/file1").unlink()
    assert judged(minted.path).state == "complete"
    for folder in minted.path.glob("[0-9a-f][0-9a-f]"):
        shutil.rmtree(folder)
    result = judged(minted.path)
    assert (result.state, result.missing_files, codes(result)) == (
        "partial",
        None,
        ["files_missing"],
    )


@pytest.mark.parametrize(("passphrase", "flag"), [(None, True), ("secret", False)])
def test_bytes_decide_what_is_encrypted(
    tmp_path: Path,
    passphrase: str | None,
    flag: bool,  # noqa: FBT001
) -> None:
    minted = mint(tmp_path, passphrase=passphrase, encrypted_flag=flag)
    assert read_plists(os.fsencode(minted.path)).encrypted == (passphrase is not None)
    assert codes(judged(minted.path)) == ["wrong_encrypted_flag"]


def test_damage_is_told_apart(tmp_path: Path) -> None:
    lost_keys = mint(tmp_path / "1", passphrase="secret").path
    (lost_keys / "Manifest.plist").unlink()
    assert judged(lost_keys).state == "damaged"
    cut = mint(tmp_path / "2", passphrase="secret").path
    manifest = (cut / "Manifest.db").read_bytes()
    (cut / "Manifest.db").write_bytes(manifest[:-5])
    assert codes(judged(cut))[0] == "manifest_damaged"
    garbage = mint(tmp_path / "3").path
    (garbage / "Manifest.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)
    assert judged(garbage).state == "damaged"
    no_info = mint(tmp_path / "4").path
    (no_info / "Info.plist").unlink()
    result = judged(no_info)
    assert (result.state, codes(result)) == ("complete", ["info_missing"])
    no_status = mint(tmp_path / "5").path
    (no_status / "Status.plist").unlink()
    assert judged(no_status).state == "partial"


def test_a_manifest_whose_list_never_ends_or_is_no_table_is_damaged(tmp_path: Path) -> None:
    minted = mint(tmp_path)
    path = minted.path / "Manifest.db"
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute(
            "create view Files as with recursive n(x) as (select 1 union all select x + 1 from n)"
            " select x as fileID, 1 as flags, null as file from n"
        )
    assert judged(minted.path).state == "damaged"


def test_names_in_a_manifest_that_are_no_file_ids_lead_nowhere(tmp_path: Path) -> None:
    minted = mint(tmp_path)
    with sqlite3.connect(minted.path / "Manifest.db") as database:
        database.executemany(
            "insert into Files values (?, 'd', 'p', 1, null)",
            [
                ("../../etc/passwd",),
                (b"\xff\xfe",),
                (7,),
                ("A" * 40,),
                ("\ud800".encode("utf-8", "surrogatepass"),),
            ],
        )
    assert judged(minted.path).missing_files == 0


def test_the_revision_names_device_date_and_manifest_and_is_hashed_only_once(
    tmp_path: Path,
) -> None:
    minted = mint(tmp_path)
    first = judged(minted.path)
    assert first.manifest is not None
    content = (minted.path / "Manifest.db").read_bytes()
    assert first.manifest.sha256 == hashlib.sha256(content).digest()
    shutil.copytree(minted.path, tmp_path / "copy")
    assert judged(tmp_path / "copy").revision == first.revision
    again = judged(minted.path, memo=first.manifest)
    assert again.manifest is first.manifest
    mint(tmp_path, files=FILES[:6], taken_at=dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    assert judged(minted.path, memo=first.manifest).revision != first.revision


def test_work_is_given_up_when_the_service_stops(tmp_path: Path) -> None:
    minted = mint(tmp_path)
    with pytest.raises(Stopped):
        judged(minted.path, is_stopping=lambda: True)
    with pytest.raises(Stopped):
        measure(os.fsencode(minted.path), is_stopping=lambda: True)


def test_facts_are_cleaned_bounded_and_survive_nonsense(tmp_path: Path) -> None:
    minted = mint(tmp_path, phone_number="+49 30 901820")
    facts = read_plists(os.fsencode(minted.path)).facts
    assert (facts.model, facts.region) == ("iPhone 13", "DE")
    plist = {
        "Device Name": "a\0b" * 5000,
        "Product Type": 7,
        "Phone Number": ["+49"],
        "Installed Applications": [f"app.{n}." + "x" * 250 for n in range(5000)],
        "Unique Identifier": "../../etc",
        "Last Backup Date": "yesterday",
    }
    (minted.path / "Info.plist").write_bytes(plistlib.dumps(plist, fmt=plistlib.FMT_BINARY))
    plists = read_plists(os.fsencode(minted.path))
    assert plists.facts.name is not None
    assert "\0" not in plists.facts.name
    assert sum(len(app.bundle_id) for app in plists.facts.apps) < 256 * 1024
    assert plists.udid == minted.udid
    assert plists.facts.phone_numbers == []


def test_a_number_outside_every_plan_still_tells_the_country(tmp_path: Path) -> None:
    minted = mint(tmp_path, phone_number="+1 (555) 014-2000")
    assert read_plists(os.fsencode(minted.path)).facts.region == "US"


def test_size_counts_regular_files_only(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"12345")
    (tmp_path / "a" / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "a" / "fifo")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    size = measure(os.fsencode(tmp_path))
    assert (size.file_count, size.size_bytes) == (2, 5 + (1 << 40))


def test_marks_change_with_runs_and_with_blobs_and_not_with_clutter(tmp_path: Path) -> None:
    minted = mint(tmp_path)
    path = os.fsencode(minted.path)
    before = look_at(path)
    (minted.path / ".DS_Store").touch()
    (minted.path / "Snapshot").mkdir()
    (minted.path / "Snapshot" / ".DS_Store").touch()
    assert (look_at(path).run, look_at(path).blobs) == (before.run, before.blobs)
    (minted.path / "Snapshot" / "00").mkdir()
    assert look_at(path).has_snapshot
    assert look_at(path).run != before.run
    minted.blob_path("HomeDomain", "Library/file3").unlink()
    assert look_at(path).blobs != before.blobs


def decided(folder: Path, known: Record | None, *, now: dt.datetime = NOW) -> Decision | None:
    place = Folder(
        path=os.fsencode(folder), shown_path=os.fsencode(folder), root=b"/", file_system=1
    )
    clock = Clock(now=now, quiet_seconds=60)
    examined = examination.examine(
        place,
        known,
        clock=clock,
        is_thorough=True,
        scratch=scratch_of(folder),
        stopping=threading.Event(),
    )
    if examined is None:
        return None
    return decide(place, known, examined, new_id=uuid4(), clock=clock)


def test_a_backup_goes_through_its_next_run_with_one_announcement(tmp_path: Path) -> None:
    """The whole chain from disk to events, with the clock passed in."""
    minted = mint(tmp_path)
    first = decided(minted.path, None)
    assert first is not None
    assert [event.subject for event in first.events] == ["backup.discovered"]
    assert decided(minted.path, first.record) is None
    told: list[str] = []
    record, now = first.record, NOW
    later = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    for step in ("uploading", "uploading", "finished", "finished", "finished", "finished"):
        now += dt.timedelta(seconds=45)
        mint(tmp_path, files=FILES[:6], taken_at=later, snapshot_state=step)
        decision = decided(minted.path, record, now=now)
        if decision is None:
            continue
        record = decision.record
        told += [f"{event.subject} {record.state}" for event in decision.events]
        is_quiet = (now - record.changed_at).total_seconds() >= 60
        assert (record.state == "complete") == (step == "finished" and is_quiet)
    assert told == ["backup.changed complete"]
    assert record.is_settled
    assert record.id == first.record.id
    assert record.first_seen_at == NOW
