"""The list of a backup's files, in both formats, and the stored bytes that it leads to."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from deploy.demo.container import file_id
from deploy.demo.minted_keys import mint_keys
from services.indexer.staging import encode_json
from shared.ios_backup import BackupFolder, Keys, Manifest
from shared.ios_backup.entry_shapes import ShapeReader
from shared.ios_backup.errors import BackupFormatError
from shared.ios_backup.manifest_entry import read_archive
from tests.hostile import seeds
from tests.hostile.container_readers import UDID
from tests.hostile.mutations import (
    mutate,
    property_list_spots,
    sqlite_spots,
)
from tests.hostile.reader import Reader
from tests.hostile.rows import Value, change_value, disturb


class Manifests(Reader):
    """Manifest.db: the file, its pages, its rows, opened and asked as the unlock service does."""

    def __init__(self, *, encrypted: bool) -> None:
        self.name = "Manifest.db, encrypted" if encrypted else "Manifest.db"
        self._passphrase = seeds.PASSPHRASE if encrypted else None

    def open(self, folder: Path) -> None:
        self._folder = seeds.mint(folder / "own", passphrase=self._passphrase)
        plain = seeds.mint(folder / "plain", passphrase=None)
        opened = BackupFolder.open(self._folder)
        self._keys = None if self._passphrase is None else opened.unlock(self._passphrase)
        minted = mint_keys(UDID, self._passphrase or "", dpic=2, iterations=2)
        self._encrypt = None if self._keys is None else minted.encrypt_manifest
        self._seeds = [(plain / "Manifest.db").read_bytes()]
        self._stored = (self._folder / "Manifest.db").read_bytes()

    def damage(self, chance: random.Random) -> bytes:
        draw = chance.random()
        if self._encrypt is not None and draw < 0.3:
            return mutate(self._stored, chance, others=self._seeds)
        content = chance.choice(self._seeds)
        if draw < 0.7:
            content = disturb(content, chance, tables=("Files",), change=_change_manifest)
        if draw > 0.6:
            content = mutate(content, chance, others=self._seeds, spots=sqlite_spots)
        if self._encrypt is None:
            return content
        return self._encrypt(content + bytes(-len(content) % 16), padded=chance.random() < 0.5)

    def read(self, damaged: Any, scratch: Path) -> None:
        shown = scratch / "shown"
        shown.mkdir()
        try:
            for part in self._folder.iterdir():
                if part.is_dir():
                    (shown / part.name).symlink_to(part)
                elif part.name != "Manifest.db":
                    shutil.copyfile(part, shown / part.name)
            (shown / "Manifest.db").write_bytes(damaged)
            folder = BackupFolder.open(shown)
            staged = scratch / "staged"
            staged.mkdir()
            try:
                with folder.open_manifest(self._keys, staged) as manifest:
                    use_manifest(folder, manifest, self._keys, staged)
            finally:
                staged.rmdir()
        finally:
            shutil.rmtree(shown)


class OldManifests(Reader):
    """Manifest.mbdb of iOS 4 to 9."""

    name = "Manifest.mbdb"

    def open(self, folder: Path) -> None:
        self._folders = [
            seeds.mint(folder / str(number), passphrase=passphrase, manifest_format="mbdb")
            for number, passphrase in enumerate((None, seeds.PASSPHRASE))
        ]
        self._seeds = [(path / "Manifest.mbdb").read_bytes() for path in self._folders]

    def damage(self, chance: random.Random) -> tuple[int, bytes]:
        number = chance.randrange(2)
        return number, mutate(self._seeds[number], chance, others=self._seeds)

    def read(self, damaged: Any, scratch: Path) -> None:
        number, content = damaged
        shown = scratch / "shown"
        shown.mkdir()
        try:
            for part in self._folders[number].iterdir():
                if part.name != "Manifest.mbdb":
                    (shown / part.name).hardlink_to(part)
            (shown / "Manifest.mbdb").write_bytes(content)
            folder = BackupFolder.open(shown)
            keys = folder.unlock(seeds.PASSPHRASE) if folder.encrypted else None
            staged = scratch / "staged"
            staged.mkdir()
            try:
                with folder.open_manifest(keys, staged) as manifest:
                    use_manifest(folder, manifest, keys, staged)
            finally:
                staged.rmdir()
        finally:
            shutil.rmtree(shown)


def use_manifest(
    folder: BackupFolder, manifest: Manifest, keys: Keys | None, scratch: Path
) -> None:
    """Ask everything that a manifest answers, and read what it lists."""
    encode_json([[one.domain, one.file_count] for one in manifest.domains()])
    for sort in ("path", "size", "modified"):
        after, pages = None, 0
        while pages < 4:
            page = manifest.page(sort=sort, limit=30, after=after)
            encode_json([[e.domain, e.relative_path, e.target, e.mode] for e in page.entries])
            after, pages = page.next_after, pages + 1
            if after is None:
                break
    manifest.page(path_like="%a%_\\", kind="other")
    assert manifest.find("HomeDomain", "no such file") is None
    entries = manifest.page(limit=40).entries
    for entry in entries[:40]:
        assert "/" not in entry.file_id
        manifest.stat(entry.file_id)
        manifest.find(entry.domain, entry.relative_path)
        folder.has_blob(entry)
        with contextlib.suppress(BackupFormatError), folder.open_file(entry, keys) as reader:
            target = scratch / "copy"
            reader.copy_to(target)
            reader.media_type(entry.relative_path)
            target.unlink()


class ArchivedEntries(Reader):
    """MBFile archives in rows of Manifest.db, by both readers."""

    name = "MBFile"
    errors = ()

    def open(self, folder: Path) -> None:
        self._seeds: list[bytes] = []
        samples = seeds.samples_folder()
        found = [seeds.mint(folder, passphrase=None) / "Manifest.db"]
        found += sorted(samples.rglob("Manifest.db")) if samples is not None else []
        for path in found:
            with (
                contextlib.suppress(sqlite3.Error),
                contextlib.closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as db,
            ):
                rows = db.execute("select file from Files where file is not null limit 300")
                self._seeds += [row[0] for row in rows if isinstance(row[0], bytes)]

    def damage(self, chance: random.Random) -> bytes:
        content = chance.choice(self._seeds)
        return mutate(content, chance, others=self._seeds, spots=property_list_spots)

    def read(self, damaged: Any, scratch: Path) -> None:
        shapes = ShapeReader()
        for known in self._seeds[:5]:
            shapes.sizes(known)
        for facts in (read_archive(damaged), shapes.facts(damaged)):
            encode_json([facts.size_bytes, facts.mode, facts.modified, facts.target])
            assert facts.size_bytes is None or 0 <= facts.size_bytes < 2**63
            assert facts.wrapped_key is None or len(facts.wrapped_key) <= len(damaged)
        size, modified = shapes.sizes(damaged)
        assert all(-(2**63) <= (number or 0) < 2**63 for number in (size, modified))


class Blobs(Reader):
    """The stored bytes of files, encrypted, read whole and in parts."""

    name = "FileReader"

    def open(self, folder: Path) -> None:
        self._folder = seeds.mint(folder, passphrase=seeds.PASSPHRASE)
        opened = BackupFolder.open(self._folder)
        self._keys = opened.unlock(seeds.PASSPHRASE)
        staged = folder / "staged"
        staged.mkdir()
        with opened.open_manifest(self._keys, staged) as manifest:
            entries = manifest.page(kind="file", limit=200).entries
        self._entries = [entry for entry in entries if opened.has_blob(entry)]
        self._stored = {
            entry.file_id: (self._folder / entry.file_id[:2] / entry.file_id).read_bytes()
            for entry in self._entries
        }

    def damage(self, chance: random.Random) -> tuple[Any, bytes, int]:
        entry = chance.choice(self._entries)
        stored = self._stored[entry.file_id]
        others = [chance.choice(list(self._stored.values()))]
        return entry, mutate(stored, chance, others=others), chance.randrange(len(stored) + 40)

    def read(self, damaged: Any, scratch: Path) -> None:
        entry, content, offset = damaged
        shown = scratch / "shown"
        (shown / entry.file_id[:2]).mkdir(parents=True)
        try:
            for name in ("Manifest.plist", "Manifest.db"):
                shutil.copyfile(self._folder / name, shown / name)
            (shown / entry.file_id[:2] / entry.file_id).write_bytes(content)
            with BackupFolder.open(shown).open_file(entry, self._keys) as reader:
                assert reader.size_bytes <= len(content)
                whole = b"".join(reader.chunks(4096))
                assert len(whole) == reader.size_bytes
                assert reader.read(offset, 100) == whole[offset : offset + 100]
                reader.media_type(entry.relative_path)
                reader.copy_to(scratch / "copy")
        finally:
            shutil.rmtree(shown)
            (scratch / "copy").unlink(missing_ok=True)


def _change_manifest(value: Value, chance: random.Random) -> Value:
    draw = chance.random()
    if isinstance(value, str) and len(value) == 40 and draw < 0.5:
        return chance.choice(
            ("../" * 13 + "a", "A" * 40, "g" * 40, "0" * 39, "0" * 39 + "\0", file_id("a", "b"))
        )
    if draw < 0.1:
        return chance.choice((b"bplist00" + b"\xff" * 200_000, "x" * 20_000, 1 << 62, 0xA000))
    return change_value(value, chance)
