"""Phones with very many files: a Manifest.db of any number of rows, quickly, without blobs."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.minted_keys import MintedKeys, derived_bytes, mint_keys
from deploy.demo.minted_manifest import Entry, archived_entry, manifest_db
from tests.bench.phones import PASSPHRASE

UDID = "00008120-0000BE4C00000001"
_ROUNDS = 1000
_DOMAINS = (
    "CameraRollDomain",
    "HomeDomain",
    "MediaDomain",
    *(f"AppDomain-com.example.app{number:03d}" for number in range(60)),
)
_SIZE = 0x7A7B7C7D
_KEY = bytes(range(100, 144))
#: One blob must be there, or discovery says rightly that none of the files is.
_WITNESS = PhoneFile("HomeDomain", "Library/Preferences/witness.plist", b"witness")
_CHUNK_BYTES = 1 << 20
_AT = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
Row = tuple[str, str, str, int, bytes]


@dataclass(frozen=True)
class _Template:
    """An archived entry cut where size, path and key stand."""

    parts: tuple[bytes, bytes, bytes, bytes]

    @classmethod
    def of(cls, path_length: int) -> _Template:
        path = "p" * path_length
        archive = archived_entry(
            Entry(
                file_id="",
                domain="",
                relative_path=path,
                kind="file",
                size=_SIZE,
                mode=0o100644,
                modified_at=_AT,
                protection_class=3,
                wrapped_key=_KEY,
                target=None,
                inode=70_000,
            ),
            uid_keys=False,
        )
        cuts: list[bytes] = []
        for value in (_SIZE.to_bytes(4, "big"), path.encode(), _KEY):
            piece, found, archive = archive.partition(value)
            assert found, "archives are laid out in another order"
            cuts.append(piece)
        return cls((cuts[0], cuts[1], cuts[2], archive))

    def fill(self, path: str, key: bytes, size: int) -> bytes:
        one, two, three, four = self.parts
        return b"".join((one, size.to_bytes(4, "big"), two, path.encode(), three, key, four))


def many_rows(count: int, keys: MintedKeys) -> Iterator[Row]:
    """Rows of files in 63 domains, paths of many lengths, in no order, as a phone has them."""
    dice = random.Random(11)
    templates: dict[int, _Template] = {}
    # One wrapped key for all: opening never unwraps a file's key.
    key = keys.wrapped_file_key("0" * 40, b"", 3)
    for number in range(count):
        domain = _DOMAINS[dice.randrange(len(_DOMAINS))]
        folder = f"Library/Caches/{dice.randrange(400):03d}"
        path = f"{folder}/{'x' * dice.randrange(30)}{number:07d}.dat"
        template = templates.get(len(path))
        if template is None:
            template = templates[len(path)] = _Template.of(len(path))
        identity = hashlib.sha1(f"{domain}-{path}".encode(), usedforsecurity=False).hexdigest()
        yield identity, domain, path, 1, template.fill(path, key, dice.randrange(1 << 24))


def mint_many(
    root: Path, count: int, *, udid: str = UDID, passphrase: str | None = PASSPHRASE
) -> Path:
    """Write a backup whose manifest lists *count* files that have no blobs; return its folder."""
    minted = mint_backup(
        root, files=[_WITNESS], udid=udid, passphrase=passphrase, dpic=_ROUNDS, iterations=_ROUNDS
    )
    keys = mint_keys(udid, passphrase or "", dpic=_ROUNDS, iterations=_ROUNDS)
    plain = root.parent / "many-rows.sqlite"
    plain.write_bytes(manifest_db([], uid_keys=False))
    connection = sqlite3.connect(plain, isolation_level=None)
    connection.execute("pragma journal_mode = off")
    connection.execute("pragma synchronous = off")
    connection.execute("pragma cache_size = -400000")
    connection.execute("begin")
    connection.executemany("insert into Files values (?, ?, ?, ?, ?)", many_rows(count, keys))
    connection.execute("commit")
    connection.close()
    target = minted.path / "Manifest.db"
    if passphrase is None:
        plain.replace(target)
        return minted.path
    key = derived_bytes(32, "manifest key", udid)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    with plain.open("rb") as source, target.open("wb") as sink:
        while piece := source.read(_CHUNK_BYTES):
            sink.write(encryptor.update(piece))
        sink.write(encryptor.update(b"\x10" * 16))
    plain.unlink()
    return minted.path
