"""The manifest: pages, order, filters, sums."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import mint_backup
from shared.ios_backup.errors import (
    DamagedManifest,
    Locked,
)
from shared.ios_backup.manifest_db import _as_damage
from tests.damaged_manifests import break_overflow
from tests.unit.ios_backup.manifests import MANY, all_entries, open_manifest, tampered


@pytest.mark.parametrize("limit", [1, 7, 500])
@pytest.mark.parametrize("sort", ["path", "size", "modified"])
@pytest.mark.parametrize("domain", [None, "AppDomain-1"])
def test_pages_show_everything_once_and_in_order(
    opened: Callable[..., Any], limit: int, sort: str, domain: str | None
) -> None:
    manifest = opened(files=MANY, add_directories=False).manifest
    entries = all_entries(manifest, limit=limit, sort=sort, domain=domain)
    expected = [item for item in MANY if domain in {None, item.domain}]
    assert len(entries) == len({entry.row for entry in entries}) == len(expected)
    if sort == "path":
        order = [(entry.domain, entry.relative_path) for entry in entries]
        assert order == sorted((item.domain, item.relative_path) for item in expected)
    elif sort == "size":
        sizes = [entry.size_bytes for entry in entries]
        assert sizes == sorted(sizes, reverse=True)
    else:
        times = [entry.modified_at for entry in entries]
        assert times == sorted(times, reverse=True)


def test_filters_narrow_every_sort(opened: Callable[..., Any]) -> None:
    manifest = opened(files=MANY).manifest
    for sort in ("path", "size", "modified"):
        found = all_entries(manifest, sort=sort, path_like="%/01_.TXT", kind="file")
        assert {entry.relative_path[-6:-4] for entry in found} == {f"1{n}" for n in range(10)}
        assert len(all_entries(manifest, sort=sort, kind="directory")) == 6
        assert all_entries(manifest, sort=sort, kind="symlink") == []
        assert all_entries(manifest, sort=sort, domain="nowhere") == []
        assert manifest.page(sort=sort, after=10**9).entries == []


def test_domains_count_files_and_bytes(opened: Callable[..., Any]) -> None:
    manifest = opened(files=MANY).manifest
    for count in manifest.domains():
        files = [item for item in MANY if item.domain == count.domain]
        assert count.file_count == len(files)
        assert count.size_bytes == sum(len(item.content) for item in files)
    assert manifest.file_count == 60
    assert manifest.entry_count == 66


def test_looking_for_what_is_not_there_finds_nothing(opened: Callable[..., Any]) -> None:
    manifest = opened().manifest
    assert manifest.stat("0" * 40) is None
    assert manifest.find("HomeDomain", "library/sms/sms.db") is None
    assert manifest.find("HomeDomain", "") is not None


def test_pages_are_served_while_another_thread_measures(opened: Callable[..., Any]) -> None:
    manifest = opened(files=MANY).manifest
    threads = [threading.Thread(target=manifest.domains) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert len(all_entries(manifest, limit=5)) == 66
    for thread in threads:
        thread.join()
    assert len(manifest.domains()) == 3


def test_sizes_read_ahead_are_those_that_are_asked_for(opened: Callable[..., Any]) -> None:
    manifest, other = opened(files=MANY).manifest, opened(files=MANY).manifest
    manifest.measure_ahead()
    assert manifest.domains() == other.domains()
    assert manifest.page(sort="size") == other.page(sort="size")


def test_files_of_domains_are_counted_before_their_sizes_are_read(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.ios_backup.manifest_db.FEW_ENTRIES", 0)
    manifest, other = opened(files=MANY).manifest, opened(files=MANY).manifest
    reading, going_on = threading.Event(), threading.Event()
    sizes_of = manifest._sizes_of

    def slowly(archive: bytes) -> tuple[int | None, int | None]:
        reading.set()
        assert going_on.wait(20)
        return sizes_of(archive)

    manifest._sizes_of = slowly
    manifest.measure_ahead()
    assert reading.wait(20)
    counted = manifest.domains(wait=False)
    assert {one.domain: one.file_count for one in counted} == {f"AppDomain-{n}": 20 for n in "012"}
    assert {one.size_bytes for one in counted} == {None}
    assert not manifest.are_sizes_unreadable
    assert manifest.page(limit=3).entries
    going_on.set()
    assert manifest.domains() == other.domains()
    assert manifest.domains(wait=False) == other.domains()


def test_of_a_small_phone_the_sizes_are_never_unknown(opened: Callable[..., Any]) -> None:
    manifest = opened(files=MANY).manifest
    assert {one.size_bytes is None for one in manifest.domains(wait=False)} == {False}


def test_files_whose_sizes_are_damaged_are_counted_and_listed(tmp_path: Path) -> None:
    path = tampered(
        tmp_path,
        "insert into Files values ('0000000000000000000000000000000000000001', 'D', 'p', 1,"
        " cast(replace(printf('%.9000c', 'x'), 'x', 'overflow') as blob));",
    )
    break_overflow(path / "Manifest.db", b"overflow")
    with open_manifest(path, tmp_path / "scratch") as manifest:
        for _ in range(2):
            counted = {one.domain: one for one in manifest.domains(wait=False)}
            assert (counted["D"].file_count, counted["D"].size_bytes) == (1, None)
            assert manifest.are_sizes_unreadable
            with pytest.raises(DamagedManifest):
                manifest.domains()
        with pytest.raises(DamagedManifest):
            manifest.page(sort="size")
        assert len(manifest.page(domain="AppDomain-0").entries) == 1


def test_a_manifest_that_is_closed_while_its_sizes_are_read_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minted = mint_backup(tmp_path / "root", files=MANY)
    monkeypatch.setattr("shared.ios_backup.manifest_sizes._ROWS_BETWEEN_LOOKS", 1)
    reading, closing = threading.Event(), threading.Event()

    def sizes_of(_archive: bytes) -> tuple[int | None, int | None]:
        reading.set()
        assert closing.wait(20)
        return 1, 1

    manifest = open_manifest(minted.path, tmp_path / "scratch")
    manifest._sizes_of = sizes_of
    manifest.measure_ahead()
    assert reading.wait(20)
    ending = threading.Thread(target=manifest.close)
    ending.start()
    while not manifest._is_closed:
        time.sleep(0.001)
    closing.set()
    ending.join(20)
    assert not ending.is_alive()
    assert not list((tmp_path / "scratch").iterdir())
    for wait in (True, False):
        with pytest.raises(Locked):
            manifest.domains(wait=wait)


def test_questions_that_nobody_can_mean_are_refused_or_empty(opened: Callable[..., Any]) -> None:
    manifest = opened().manifest
    with pytest.raises(ValueError, match="pattern"):
        manifest.page(path_like="%" * 5000)
    assert manifest.page(after=10**30).entries == []
    assert manifest.find("Home\ud800", "x") is None


def test_a_full_disk_is_not_called_damage() -> None:
    full = sqlite3.connect(":memory:")
    full.execute("pragma max_page_count = 2")
    full.execute("create table t (x)")
    with pytest.raises(OSError, match="no space"), _as_damage():
        full.execute("insert into t values (zeroblob(100000))")
    full.close()


def test_entries_do_not_show_names_by_accident(opened: Callable[..., Any]) -> None:
    entry = opened().entry("HomeDomain", "Library/SMS/sms.db")
    assert "sms.db" not in repr(entry)
    assert entry.created_at is not None
    assert (entry.mode, entry.protection_class) == (0o100644, 3)
