"""Containers that nobody gets by chance: each made to cost memory, time or a file elsewhere."""

from __future__ import annotations

import os
import plistlib
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.minted_keys import mint_keys, tag_value
from services.discovery.blobs import find_missing_blobs
from services.discovery.inspection import judge, read_plists
from shared.ios_backup import BackupFolder
from shared.ios_backup.description import describe
from shared.ios_backup.errors import (
    BackupFormatError,
    DamagedKeybag,
    DamagedManifest,
    DamagedPropertyList,
    Incomplete,
)
from shared.ios_backup.keybag import Keybag
from shared.ios_backup.manifest_mbdb import MAX_BYTES as MAX_MBDB_BYTES
from shared.ios_backup.property_lists import MAX_BYTES, read_property_list
from shared.scratch import Scratch
from tests.hostile.bombs import overlapping_list, shared_list, spared

MANY = 20
ROWS = f"""
    with recursive n(x) as (select 1 union all select x + 1 from n where x < {MANY})
    insert into Files({{columns}}) select printf('%040x', x), {{values}} from n;
"""
FIVE = "fileID text primary key, domain text, relativePath text, flags integer, file blob"
WHOLE = ROWS.format(
    columns="fileID, domain, relativePath, flags, file", values="'D', 'p' || x, 1, zeroblob(9)"
)

#: Each breaks a rule that real manifests keep; none may run anything or take long.
HOSTILE_MANIFESTS = {
    "a generated column of file ids": """
        create table Files(fileID as (hex(zeroblob(40000000))), x text, domain text,
            relativePath text, flags integer, file blob);"""
    + ROWS.format(columns="x, flags", values="1"),
    "a generated column of flags": """
        create table Files(fileID text, domain text, relativePath text, file blob, x,
            flags as (length(hex(zeroblob(40000000))) > 0));"""
    + ROWS.format(columns="fileID, x", values="1"),
    "a stored generated column": f"""
        create table Files({FIVE}, x as (upper(domain)) stored);"""
    + WHOLE,
    "a view named Files": """
        create view Files as with recursive n(x) as (select 1 union all select x + 1 from n)
            select printf('%040x', x) fileID, 'D' domain, 'p' relativePath, 1 flags, x'00' file
            from n;""",
    "a table of a module": "create virtual table Files using fts5(fileID, domain, flags, file);",
    "a value of 90 MB": f"create table Files({FIVE});"
    "insert into Files values(zeroblob(90000000), 'D', 'p', 1, x'00');",
}
#: These are odd and harmless: what can be listed is listed.
ODD_MANIFESTS = {
    "no index at all": "create table Files(fileID text, domain text, relativePath text,"
    " flags integer, file blob);" + WHOLE,
    "text in UTF-16": f"pragma encoding = 'UTF-16le'; create table Files({FIVE});" + WHOLE,
    "triggers of every kind": f"""create table Files({FIVE}); create table Other(x);
        create trigger a after insert on Other begin delete from Files; end;
        create trigger b instead of insert on V begin delete from Files; end;
        """.replace("create trigger b", "create view V as select 1 x; create trigger b")
    + WHOLE,
    "an index over an expression": f"create table Files({FIVE});"
    "create index i on Files(hex(zeroblob(flags)));" + WHOLE,
    "a partial index": f"create table Files({FIVE});"
    "create index i on Files(flags) where hex(fileID) > '';" + WHOLE,
}


def folder_with(tmp_path: Path, script: str) -> Path:
    backup = mint_backup(tmp_path / "root", files=[PhoneFile("HomeDomain", "a", b"x")]).path
    (backup / "Manifest.db").unlink()
    with sqlite3.connect(backup / "Manifest.db") as connection:
        connection.executescript(script)
    connection.close()
    return backup


def listed(folder: Path, scratch: Path) -> int:
    scratch.mkdir(exist_ok=True)
    with BackupFolder.open(folder).open_manifest(None, scratch) as manifest:
        manifest.domains()
        found = len(manifest.page(limit=100).entries)
    assert not any(scratch.iterdir())
    return found


@pytest.mark.parametrize("name", HOSTILE_MANIFESTS)
def test_a_manifest_that_would_run_or_unfold_something_is_refused_at_once(
    name: str, tmp_path: Path
) -> None:
    folder = folder_with(tmp_path, HOSTILE_MANIFESTS[name])

    def attempt() -> None:
        with pytest.raises(DamagedManifest):
            find_missing_blobs(
                folder,
                is_flat=False,
                scratch=Scratch(tmp_path / "own", replica_id="test"),
                is_stopping=lambda: False,
            )
        if name != "a value of 90 MB":  # which the unlock service leaves out alone
            with pytest.raises(DamagedManifest):
                listed(folder, tmp_path / "scratch")

    spared(attempt)


@pytest.mark.parametrize("name", ODD_MANIFESTS)
def test_an_odd_manifest_is_read_or_refused_and_runs_nothing(name: str, tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ODD_MANIFESTS[name])

    def attempt() -> None:
        missing = find_missing_blobs(
            folder,
            is_flat=False,
            scratch=Scratch(tmp_path / "own", replica_id="test"),
            is_stopping=lambda: False,
        )
        assert missing.count == MANY
        try:
            assert listed(folder, tmp_path / "scratch") == MANY
        except DamagedManifest:
            assert name == "text in UTF-16"  # SQLite does not attach it beside UTF-8

    spared(attempt)


def test_a_manifest_cannot_name_a_database_that_is_attached(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("create table secret(x)")
    folder = folder_with(
        tmp_path,
        f"create table Files({FIVE}); create view t as select * from main.Files;" + WHOLE,
    )
    with sqlite3.connect(folder / "Manifest.db") as connection:
        connection.execute("pragma writable_schema = on")
        connection.execute(
            "update sqlite_master set sql = replace(sql, 'main.Files', ?)"
            " where name = 't'", (f"'{other}'.secret",)
        )  # fmt: skip
    before = other.read_bytes()
    with pytest.raises(DamagedManifest):
        listed(folder, tmp_path / "scratch")
    assert other.read_bytes() == before


def test_a_manifest_without_an_index_is_compared_in_one_walk(tmp_path: Path) -> None:
    script = ODD_MANIFESTS["no index at all"].replace(f"x < {MANY}", "x < 60000")
    folder = folder_with(tmp_path, script)
    missing = spared(
        lambda: (
            find_missing_blobs(
                folder,
                is_flat=False,
                scratch=Scratch(tmp_path / "own", replica_id="test"),
                is_stopping=lambda: False,
            ).count
        )
    )
    assert missing == 60_000


def test_pages_of_the_largest_entries_stay_small(tmp_path: Path) -> None:
    script = f"create table Files({FIVE});" + WHOLE.replace("zeroblob(9)", "zeroblob(102400)")
    folder = folder_with(tmp_path, script.replace(f"x < {MANY}", "x < 3000"))
    (tmp_path / "scratch").mkdir()

    def attempt() -> None:
        with BackupFolder.open(folder).open_manifest(None, tmp_path / "scratch") as manifest:
            assert len(manifest.page(limit=1000).entries) == 1000
            assert manifest.domains()[0].file_count == 3000

    spared(attempt)


@pytest.mark.parametrize(
    "make",
    [
        lambda: overlapping_list(300, 1_000_000),
        lambda: overlapping_list(5_000, 3_000_000, marker=0x5F),
        lambda: overlapping_list(100, 8_000_000, marker=0x6F),
        lambda: overlapping_list(2_000, 200_000, marker=0xAF),
        lambda: shared_list(60, 2),
        lambda: shared_list(8, 200),
        lambda: b'<plist version="1.0"><array>' + b"<dict/>" * 9_000_000 + b"</array></plist>",
        lambda: b'<plist version="1.0">' + b"<array>" * 5_000_000,
        lambda: b'<plist version="1.0"><integer>' + b"9" * 30_000_000 + b"</integer></plist>",
        lambda: (
            '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE plist [<!ENTITY a "ha"><!ENTITY b'
            ' "&a;&a;">]><plist version="1.0"><dict><key>a</key><string>&b;</string></dict></plist>'
        ).encode("utf-16"),
        lambda: b"bplist00\xd1\x01\x02\x51a\x4f\x13" + struct.pack(">Q", 2**32) + b"x" * 80,
        lambda: bytes(MAX_BYTES + 1),
    ],
    ids=["data", "text", "wide text", "arrays", "deep sharing", "wide sharing", "tags", "depth",
         "digits", "entities in UTF-16", "4 GB of data", "size"],
)  # fmt: skip
def test_a_property_list_that_unfolds_is_refused_before_it_does(make: Callable[[], bytes]) -> None:
    content = make()

    def attempt() -> None:
        with pytest.raises(DamagedPropertyList):
            read_property_list(content)

    spared(attempt)


def test_ordinary_lists_share_objects_as_ever() -> None:
    text = "com.example.app"
    value = {"a": [text] * 500, "b": {str(n): text for n in range(500)}, "c": b"x" * 70_000}
    assert read_property_list(plistlib.dumps(value, fmt=plistlib.FMT_BINARY)) == value


def test_keys_that_are_no_text_are_no_apps() -> None:
    odd: dict[object, object] = {plistlib.UID(3): {}, 5: {}, b"x": {}, "com.example.app": {}}
    described = describe(info={"Applications": odd}, manifest={"Applications": odd}, status={})
    assert [app.bundle_id for app in described.apps] == ["com.example.app"]


def test_a_schema_that_is_no_utf8_is_damage(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, f"create table Files({FIVE}); create table zzzz(x);" + WHOLE)
    path = folder / "Manifest.db"
    content = path.read_bytes().replace(b"zzzz(x)", b"\xff\xfez\xff(x", 1)
    path.write_bytes(content.replace(b"zzzz", b"\xff\xfezz"))
    with pytest.raises(DamagedManifest):
        listed(folder, tmp_path / "scratch")
    judge(
        bytes(folder),
        read_plists(bytes(folder)),
        memo=None,
        scratch=Scratch(tmp_path / "own", replica_id="test"),
        is_stopping=lambda: False,
    )


def test_an_mbdb_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    folder = mint_backup(tmp_path, files=[], format="mbdb").path
    with (folder / "Manifest.mbdb").open("r+b") as file:
        file.truncate(MAX_MBDB_BYTES + 1)

    def attempt() -> None:
        plists = read_plists(bytes(folder))
        scratch = Scratch(tmp_path / "own", replica_id="test")
        found = judge(bytes(folder), plists, memo=None, scratch=scratch, is_stopping=lambda: False)
        assert found.state == "damaged"

    spared(attempt)


def test_looking_at_an_mbdb_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    files = [PhoneFile("HomeDomain", "a", b"x"), PhoneFile("HomeDomain", "b", b"")]
    minted = mint_backup(tmp_path / "root", files=files, format="mbdb")
    elsewhere.chmod(0o500)
    before = elsewhere.stat().st_mtime_ns
    minted.blob_path("HomeDomain", "a").unlink()
    minted.blob_path("HomeDomain", "b").unlink()
    missing = find_missing_blobs(
        minted.path,
        is_flat=True,
        scratch=Scratch(tmp_path / "own", replica_id="test"),
        is_stopping=lambda: False,
    )
    assert missing.names == [minted.blob_path("HomeDomain", "a").name]
    assert elsewhere.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["Manifest.db", "Info.plist", "Manifest.plist", "Status.plist"])
@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "folder", "circle"])
def test_a_part_that_is_no_file_is_neither_followed_nor_waited_for(
    name: str, kind: str, tmp_path: Path
) -> None:
    import socket

    folder = mint_backup(tmp_path, files=[PhoneFile("HomeDomain", "a", b"x")]).path
    path = folder / name
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            bound.bind(f"/proc/self/fd/{here}/{name}")
            os.close(here)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path)

    def attempt() -> None:
        judge(
            bytes(folder),
            read_plists(bytes(folder)),
            memo=None,
            scratch=Scratch(tmp_path / "own", replica_id="test"),
            is_stopping=lambda: False,
        )
        backup = BackupFolder.open(folder)
        if name == "Manifest.db":
            with pytest.raises((DamagedManifest, Incomplete)):
                listed(folder, tmp_path / "scratch")
        else:
            assert backup.warnings

    spared(attempt)


def _keybag(**changes: int | bytes) -> bytes:
    keybag = mint_keys("X", "p", dpic=1, iterations=1).keybag
    for tag, value in changes.items():
        at = keybag.find(tag.encode())
        end = at + 8 + int.from_bytes(keybag[at + 4 : at + 8], "big")
        keybag = keybag[:at] + tag_value(tag, value) + keybag[end:]
    return keybag


@pytest.mark.parametrize(
    "keybag",
    [
        _keybag(DPIC=2**32 - 1),
        _keybag(ITER=2**31),
        _keybag(DPIC=0),
        _keybag(DPSL=b""),
        _keybag(SALT=b""),
        _keybag(WRAP=3) + tag_value("UUID", b"x" * 16) * 2,
        _keybag() + b"CLAS\xff\xff\xff\xff",
        _keybag() + b"\0" * 7,
        mint_keys("X", "p", dpic=1, iterations=1).keybag.split(b"UUID")[0],
    ],
)
def test_a_keybag_that_asks_for_the_absurd_costs_nothing(keybag: bytes) -> None:
    def attempt() -> None:
        with pytest.raises(DamagedKeybag):
            Keybag(keybag).unlock("p")

    spared(attempt)


def test_a_keybag_without_the_class_of_a_file_says_so_for_that_file(tmp_path: Path) -> None:
    files = [PhoneFile("HomeDomain", "a", b"x"), PhoneFile("HomeDomain", "b", b"y")]
    minted = mint_backup(tmp_path, files=files, passphrase="p", dpic=1, iterations=1)
    path = minted.path / "Manifest.plist"
    values = plistlib.loads(path.read_bytes())
    bag: bytes = values["BackupKeyBag"]
    at = bag.find(tag_value("CLAS", 3))
    start, end = bag.rfind(b"UUID", 0, at), bag.find(b"UUID", at)
    values["BackupKeyBag"] = bag[:start] + bag[end:]
    path.write_bytes(plistlib.dumps(values))
    folder = BackupFolder.open(minted.path)
    keys = folder.unlock("p")
    (tmp_path / "scratch").mkdir()
    with folder.open_manifest(keys, tmp_path / "scratch") as manifest:
        entry = manifest.find("HomeDomain", "a")
        assert entry is not None
        with pytest.raises(BackupFormatError):
            folder.open_file(entry, keys)
