"""What a backup says of itself before anything is opened: lists, the keybag, the folder."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

from deploy.demo.minted_keys import mint_keys, tag_value
from services.discovery.errors import FolderUnreadable
from services.discovery.inspection import findings, judge, read_plists
from services.indexer.staging import encode_json
from shared.ios_backup import BackupFolder
from shared.ios_backup.description import describe
from shared.ios_backup.errors import BackupFormatError
from shared.ios_backup.keybag import Keybag
from shared.ios_backup.property_lists import read_property_list
from shared.scratch import Scratch
from tests.hostile import seeds
from tests.hostile.mutations import (
    keybag_spots,
    mutate,
    property_list_spots,
    sqlite_spots,
)
from tests.hostile.reader import Reader

UDID = "00008110-000A1B2C3D4E5F60"


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
            mint_keys(UDID, seeds.PASSPHRASE, dpic=dpic, iterations=2).keybag for dpic in (None, 2)
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
            copies = Scratch(scratch / "copies", replica_id="trial")
            judge(bytes(shown), plists, memo=None, scratch=copies, is_stopping=lambda: False)
            BackupFolder.open(shown)
        finally:
            shutil.rmtree(shown)
            shutil.rmtree(scratch / "copies", ignore_errors=True)
