# Paths of trees are bytes, which pathlib does not know.
# ruff: noqa: PTH115, PTH118, PTH123
"""A store with archives in it, made the way that jobs make them, without services and databases."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from services.archiver.format.bundle import BundleFile, BundleReader, describe, write_bundle
from services.archiver.format.compression import Compression, compressed, decompressed
from services.archiver.format.manifest import (
    TREE_MEMBER,
    Manifest,
    SourceFacts,
    TreeFacts,
    signing_key,
)
from services.archiver.format.names import CANARY_FILE, STORE_FILE, bundle_path, sha256_hex
from services.archiver.format.standalone import standalone_files
from services.archiver.format.tree import TreeEntry, read_lines
from services.archiver.sources.tree import TreeSource
from services.archiver.store.journal import Journal
from services.archiver.store.local_folder import LocalFolder
from services.archiver.store.transport import Transport
from services.archiver.store.tree_survey import TreeSums
from services.archiver.store.tree_writer import put_tree
from tests.unit.archiver.memory_journal import MemoryJournal

STORE_ID = "0f0e0d0c-0b0a-4908-8706-050403020100"
SOURCE_ID = "a0a1a2a3-a4a5-46a7-88a9-aaabacadaeaf"
PASSWORD = "correct horse battery staple, 32"
MOMENT = dt.datetime(2026, 11, 21, 12, 34, 56, tzinfo=dt.UTC)


def make_phone(folder: Path, *, seed: int = 1) -> None:
    """Write a tree as a phone's backup has it, with what is odd about files in it."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Manifest.plist").write_bytes(b"<plist/>" + chance.randbytes(300))
    for number in range(6):
        name = f"{chance.randrange(256):02x}"
        (folder / name).mkdir(exist_ok=True)
        (folder / name / f"{name}{number:038x}").write_bytes(chance.randbytes(200 * number))
    (folder / "empty").write_bytes(b"")
    (folder / "empty folder").mkdir(exist_ok=True)
    (folder / "links").mkdir(exist_ok=True)
    for name, target in (
        ("link", "Manifest.plist"), ("loose end", "/nowhere/at all"), ("links/up", "../empty"),
    ):  # fmt: skip
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)
    # More than a chunk, of which nearly all is the same: an object, and a last blob in a pack.
    with (folder / "film").open("wb") as film:
        film.write(b"film" + bytes(16 * 1024 * 1024) + b"the end")
    odd = bytes(folder) + b"/caf\xe9 \xff"
    with open(odd, "wb") as file:
        file.write(b"a name that is not UTF-8")
    (folder / "Manifest.plist").chmod(0o640)
    (folder / "empty folder").chmod(0o750)
    # Long ago, so that what a restore sets is not what happens to be now.
    moment = int(MOMENT.timestamp() * 1e9) - 123_456_789
    for number, path in enumerate(sorted(snapshot(folder), reverse=True)):
        place = os.path.join(bytes(folder), path)
        os.utime(place, ns=(moment, moment - number * 10**9), follow_symlinks=False)


def archive_tree(
    source: Path,
    transport: Transport,
    journal: Journal,
    *,
    at: dt.datetime = MOMENT,
    extra: Sequence[BundleFile] = (),
    password: str | None = PASSWORD,
    compression: Compression = "zst",
    before_bundle: Callable[[], None] = lambda: None,
    source_id: str = SOURCE_ID,
) -> tuple[str, TreeSums]:
    """Archive a folder; return where its bundle lies and what it came to."""
    lines = io.BytesIO()
    with (
        TemporaryDirectory() as folder,
        TreeSource(source, first=(b"Manifest.plist",)) as tree_source,
        compressed(lines, "zst") as plain,
    ):
        sums = put_tree(
            tree_source, transport=transport, journal=journal, folder=Path(folder), lines=plain
        ).sums
    facts = TreeFacts(
        file_count=sums.file_count,
        directory_count=sums.directory_count,
        symlink_count=sums.symlink_count,
        size_bytes=sums.size_bytes,
        torn_count=sums.torn_count,
        skipped=[],
        skipped_count=0,
    )
    before_bundle()
    members = [*extra, BundleFile(path=TREE_MEMBER, content=lines.getvalue())]
    path = put_bundle(
        transport, members, kind="device_backup", at=at, tree=facts, password=password,
        compression=compression, source_id=source_id,
    )  # fmt: skip
    return path, sums


def put_bundle(
    transport: Transport,
    members: Sequence[BundleFile],
    *,
    kind: str,
    at: dt.datetime = MOMENT,
    tree: TreeFacts | None = None,
    password: str | None = PASSWORD,
    compression: Compression = "zst",
    source_id: str = SOURCE_ID,
) -> str:
    """Store a bundle; return where it lies."""
    files = [*standalone_files(), *members]
    manifest = Manifest(
        archive_id=f"00000000-0000-4000-8000-{at:%y%m%d%H%M%S}",
        store_id=STORE_ID,
        kind=kind,
        created_at=at,
        keepsake_version="0.1.0",
        source=SourceFacts(id=source_id, name="A phone", type="device_backup"),
        members=[describe(file) for file in files],
        tree=tree,
    )
    bundle = io.BytesIO()
    key = None if password is None else signing_key(password, store_id=STORE_ID)
    write_bundle(bundle, manifest, files, key=key, compression=compression)
    path = bundle_path(source_id, at=at, kind=kind, compression=compression)
    transport.put(path, [bundle.getvalue()])
    digest, name = sha256_hex(bundle.getvalue()), path.rpartition("/")[2]
    transport.put(f"{path}.sha256", [f"{digest}  {name}\n".encode()])
    return path


def make_store(folder: Path) -> LocalFolder:
    """Make an empty store."""
    folder.mkdir(parents=True)
    mark = {"format": "keepsake-store", "version": 1, "store_id": STORE_ID}
    created_at = {"created_at": MOMENT.isoformat()}
    new = LocalFolder(folder, is_new=True)
    new.put(CANARY_FILE, [b"Whoever can read this has the right passwords.\n"])
    new.put(STORE_FILE, [json.dumps(mark | created_at).encode() + b"\n"])
    return LocalFolder(folder)


def make_phone_store(folder: Path) -> tuple[LocalFolder, MemoryJournal, str]:
    """Make a store with one archive of a phone; return it, its journal, and the bundle's path."""
    make_phone(folder / "phone")
    transport, journal = make_store(folder / "store"), MemoryJournal()
    path, _ = archive_tree(folder / "phone", transport, journal)
    return transport, journal, path


def tree_of(transport: Transport, path: str) -> list[TreeEntry]:
    """Return the tree of the archive whose bundle lies at *path*."""
    with BundleReader.open(io.BytesIO(transport.get(path))) as bundle:
        for member in bundle.members():
            if member.listed.path == TREE_MEMBER:
                content = io.BytesIO(member.read(at_most=1 << 24))
                with decompressed(content) as plain:
                    return list(read_lines(iter(lambda: plain.read(65536), b"")))
    raise AssertionError("the bundle has no tree")


def snapshot(folder: Path) -> dict[bytes, tuple[object, ...]]:
    """Return everything below a folder: content, modes, times and where links lead."""
    return dict(_snapshot(bytes(folder), b""))


def _snapshot(top: bytes, inner: bytes) -> Iterator[tuple[bytes, tuple[object, ...]]]:
    with os.scandir(os.path.join(top, inner)) as entries:
        for entry in entries:
            path = os.path.join(inner, entry.name)
            status = entry.stat(follow_symlinks=False)
            if entry.is_symlink():
                yield path, ("link", os.readlink(entry.path))
            elif entry.is_dir():
                yield path, ("folder", status.st_mode, status.st_mtime_ns)
                yield from _snapshot(top, path)
            else:
                with open(entry.path, "rb") as file:
                    content = file.read()
                yield path, ("file", status.st_mode, status.st_mtime_ns, content)
