"""Every reader of untrusted input: what it gets, how that is damaged, and how it is used.

A reader's ``read`` returns after a result, or raises one of its ``errors``; anything else that
happens is what the trial looks for.
"""

from __future__ import annotations

import contextlib
import plistlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deploy.demo.container import file_id
from deploy.demo.minted_keys import mint_keys, tag_value
from services.discovery.errors import FolderUnreadable
from services.discovery.inspection import findings, judge, read_plists
from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.message.attributed_text import decode_attributed_text
from services.indexer.kinds.message.balloons import (
    describe_balloon,
    read_poll,
    read_votes,
    readable_text,
)
from services.indexer.kinds.message.rich_text import plain_text
from services.indexer.kinds.message.summary import read_summary
from services.indexer.staging import encode_json
from shared.ios_backup import BackupFolder, Keys, Manifest
from shared.ios_backup.description import describe
from shared.ios_backup.entry_shapes import ShapeReader
from shared.ios_backup.errors import BackupFormatError
from shared.ios_backup.keybag import Keybag
from shared.ios_backup.manifest_entry import read_archive
from shared.ios_backup.property_lists import read_property_list
from tests.hostile import seeds
from tests.hostile.mutations import (
    anywhere,
    keybag_spots,
    mutate,
    property_list_spots,
    sqlite_spots,
)
from tests.hostile.rows import Value, change_value, disturb

_UDID = "00008110-000A1B2C3D4E5F60"


class Reader:
    """One reader. ``open`` runs once per process, before anything is watched."""

    name: str
    #: What it may say about its input.
    errors: tuple[type[Exception], ...] = (BackupFormatError,)

    def open(self, folder: Path) -> None:
        """Prepare inputs below *folder*, which nothing may change afterwards."""

    def damage(self, chance: random.Random) -> Any:
        """Return one damaged input."""
        raise NotImplementedError

    def read(self, damaged: Any, scratch: Path) -> None:
        """Use the input as the product does. Only *scratch* may be written, and is left empty."""
        raise NotImplementedError


class PropertyLists(Reader):
    """Info, Manifest and Status as anybody may have written them."""

    name = "property list"

    def open(self, folder: Path) -> None:
        self._seeds = seeds.property_lists(seeds.mint(folder, passphrase=seeds.PASSPHRASE))

    def damage(self, chance: random.Random) -> bytes:
        content = chance.choice(self._seeds)
        return mutate(content, chance, others=self._seeds, spots=property_list_spots)

    def read(self, damaged: Any, scratch: Path) -> None:
        values = read_property_list(damaged)
        encode_json(describe(info=values, manifest=values, status=values))


class Keybags(Reader):
    """Keybags of both ages; every one that is accepted is tried with the passphrase."""

    name = "keybag"

    def open(self, folder: Path) -> None:
        self._seeds = [
            mint_keys(_UDID, seeds.PASSPHRASE, dpic=dpic, iterations=2).keybag for dpic in (None, 2)
        ]

    def damage(self, chance: random.Random) -> bytes:
        content = chance.choice(self._seeds)
        if chance.random() < 0.3:
            tag = chance.choice(("ITER", "DPIC", "SALT", "DPSL", "WPKY", "CLAS", "WRAP", "UUID"))
            value = chance.choice((0, 3, 2**31, 2**32 - 1, b"", b"\xff" * 20, b"\0" * 64))
            at = content.find(tag.encode())
            if at >= 0:
                length = int.from_bytes(content[at + 4 : at + 8], "big")
                return content[:at] + tag_value(tag, value) + content[at + 8 + length :]
        return mutate(content, chance, others=self._seeds, spots=keybag_spots)

    def read(self, damaged: Any, scratch: Path) -> None:
        keys = Keybag(damaged).unlock(seeds.PASSPHRASE)
        keys.copy().wipe()
        keys.wipe()


class Folders(Reader):
    """A whole folder as discovery looks at it, without a passphrase; one part of it is damaged."""

    name = "backup folder"
    errors = (BackupFormatError, FolderUnreadable)

    def open(self, folder: Path) -> None:
        self._parts: list[tuple[Path, str, bytes]] = []
        for number, (passphrase, form) in enumerate(
            ((None, "manifest_db"), (seeds.PASSPHRASE, "manifest_db"), (None, "mbdb"))
        ):
            path = seeds.mint(folder / str(number), passphrase=passphrase, manifest_format=form)
            manifest = "Manifest.mbdb" if form == "mbdb" else "Manifest.db"
            for name in ("Info.plist", "Manifest.plist", "Status.plist", manifest):
                self._parts.append((path, name, (path / name).read_bytes()))

    def damage(self, chance: random.Random) -> tuple[Path, str, bytes, bytes]:
        path, name, content = chance.choice(self._parts)
        spots = property_list_spots if name.endswith(".plist") else sqlite_spots
        others = [other for _, _, other in self._parts]
        return path, name, content, mutate(content, chance, others=others, spots=spots)

    def read(self, damaged: Any, scratch: Path) -> None:
        path, name, _, content = damaged
        shown = scratch / "shown"
        # Blobs are only counted: a copy of the small parts is enough.
        shown.mkdir()
        try:
            for part in path.iterdir():
                if part.is_file() and part.name != name:
                    shutil.copyfile(part, shown / part.name)
            (shown / name).write_bytes(content)
            plists = read_plists(bytes(shown))
            encode_json(plists.facts)
            findings(plists, has_snapshot=False)
            judge(bytes(shown), plists, memo=None, is_stopping=lambda: False)
            BackupFolder.open(shown)
        finally:
            shutil.rmtree(shown)


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
        minted = mint_keys(_UDID, self._passphrase or "", dpic=2, iterations=2)
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


class TypedStreams(Reader):
    """Attributed texts of messages."""

    name = "typedstream"
    errors = ()

    def open(self, folder: Path) -> None:
        self._seeds = seeds.typedstreams()

    def damage(self, chance: random.Random) -> bytes:
        return mutate(chance.choice(self._seeds), chance, others=self._seeds, spots=anywhere)

    def read(self, damaged: Any, scratch: Path) -> None:
        decoded = decode_attributed_text(damaged)
        if decoded is not None:
            assert len(decoded.text) <= len(damaged)
            encode_json([plain_text(decoded.text), len(decoded.runs)])


class Archives(Reader):
    """Keyed archives and summaries: app messages, link previews, polls, edits."""

    name = "keyed archive"
    errors = ()

    def open(self, folder: Path) -> None:
        self._seeds = seeds.archives()

    def damage(self, chance: random.Random) -> bytes:
        content = chance.choice(self._seeds)
        if chance.random() < 0.3:
            with contextlib.suppress(Exception):
                value = _tangled(plistlib.loads(content), chance)
                return plistlib.dumps(value, fmt=plistlib.FMT_BINARY)
        return mutate(content, chance, others=self._seeds, spots=property_list_spots)

    def read(self, damaged: Any, scratch: Path) -> None:
        root = load_archive(damaged)
        for bundle in _BUNDLES:
            app = describe_balloon(bundle, damaged)
            encode_json([app, readable_text(app)])
        encode_json([read_poll(root), read_votes(damaged), read_summary(damaged)])


_BUNDLES = (
    "com.apple.messages.URLBalloonProvider",
    "com.apple.DigitalTouchBalloonProvider",
    "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.apple.messages.Polls",
    "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.example.game",
)


def _tangled(value: Any, chance: random.Random) -> Any:
    """Replace values anywhere by others from anywhere, shared ones, and references."""
    places: list[tuple[Any, Any]] = []
    pending = [value]
    while pending and len(places) < 5000:
        one = pending.pop()
        keys: Sequence[Any] = list(one) if isinstance(one, dict) else range(len(one))
        places += [(one, key) for key in keys]
        pending += [one[key] for key in keys if isinstance(one[key], dict | list)]
    for _ in range(chance.choice((1, 3, 10))):
        holder, key = chance.choice(places)
        other, other_key = chance.choice(places)
        holder[key] = chance.choice(
            (
                other[other_key],
                plistlib.UID(chance.randrange(40)),
                plistlib.UID(2**32 - 1),
                2**64 - 1,
                -(2**63),
                float("nan"),
                "\ud800",
                "a\0b",
                b"bplist00",
                [other[other_key]] * 3,
                {"NS.objects": [plistlib.UID(1), plistlib.UID(2)], "NS.keys": [plistlib.UID(1)]},
            )
        )
    return value


def _change_manifest(value: Value, chance: random.Random) -> Value:
    draw = chance.random()
    if isinstance(value, str) and len(value) == 40 and draw < 0.5:
        return chance.choice(
            ("../" * 13 + "a", "A" * 40, "g" * 40, "0" * 39, "0" * 39 + "\0", file_id("a", "b"))
        )
    if draw < 0.1:
        return chance.choice((b"bplist00" + b"\xff" * 200_000, "x" * 20_000, 1 << 62, 0xA000))
    return change_value(value, chance)


def all_readers() -> dict[str, Callable[[], Reader]]:
    """Every reader by its name."""
    from tests.hostile.workers import AddressBooks, Messages

    made: tuple[Callable[[], Reader], ...] = (
        PropertyLists,
        Keybags,
        Folders,
        lambda: Manifests(encrypted=False),
        lambda: Manifests(encrypted=True),
        OldManifests,
        ArchivedEntries,
        Blobs,
        TypedStreams,
        Archives,
        Messages,
        AddressBooks,
    )
    return {make().name: make for make in made}
