"""A bundle is taken for an archive only if all of it is right, and says where it belongs."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from services.archiver.errors import ObjectMissingError
from services.archiver.format.bundle import BundleError, BundleFile, BundleReader, write_bundle
from services.archiver.format.manifest import ITEMS_MEMBER, Manifest, signing_key
from services.archiver.sources.item import Item
from services.archiver.store.bundle_reading import (
    ReadBundle,
    packs_named,
    read_claims,
    read_whole_bundle,
)
from services.archiver.store.seen import read_seen
from services.archiver.store.transport import StoredName
from tests.unit.archiver.generated_store import (
    MOMENT,
    PASSWORD,
    STORE_ID,
    archive_tree,
    make_phone,
    put_bundle,
    tree_of,
)
from tests.unit.archiver.memory_journal import MemoryJournal
from tests.unit.archiver.memory_transport import MemoryTransport

KEY = signing_key(PASSWORD, store_id=STORE_ID)


class Archives:
    """Two archives of a phone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.transport = MemoryTransport()
        self.journal = MemoryJournal()
        make_phone(folder / "phone")
        self.first, _ = archive_tree(folder / "phone", self.transport, self.journal)
        self.second, _ = archive_tree(
            folder / "phone", self.transport, self.journal, at=MOMENT + dt.timedelta(hours=1)
        )

    def read(self, path: str, *, store_id: str = STORE_ID, key: bytes | None = KEY) -> ReadBundle:
        stored = StoredName(path=path, size_bytes=len(self.transport.objects[path]))
        return read_whole_bundle(
            self.transport, stored, key=key, store_id=store_id, folder=self.folder
        )

    def rewrite(self, change: Callable[[Manifest], Manifest], *, key: bytes | None = KEY) -> None:
        """Write the first bundle anew, with another manifest."""
        with BundleReader.open(io.BytesIO(self.transport.objects[self.first])) as bundle:
            files = [
                BundleFile(path=member.listed.path, content=member.read(at_most=1 << 24))
                for member in bundle.members()
            ]
            manifest = bundle.manifest
        output = io.BytesIO()
        write_bundle(output, change(manifest), files, key=key)
        self.transport.objects[self.first] = output.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    return Archives(tmp_path_factory.mktemp("archives"))


@pytest.fixture
def archives(made: Archives) -> Iterator[Archives]:
    """Both of them, whole again afterwards."""
    was = dict(made.transport.objects)
    yield made
    made.transport.objects = was


def test_a_bundle_tells_its_tree_and_where_every_blob_of_it_lies(archives: Archives) -> None:
    read = archives.read(archives.second)
    content = archives.transport.objects[archives.second]
    assert (read.sha256, read.size_bytes) == (hashlib.sha256(content).digest(), len(content))
    assert read.seen is not None
    assert read.claims is not None
    entries = list(tree_of(archives.transport, archives.second))
    with read.seen.open("rb") as seen:
        told = [(one.found.path, one.blobs, one.size_bytes) for one in read_seen(seen)]
    assert told == [
        (entry.path, tuple(blob.sha256 for blob in entry.blobs), entry.size_bytes)
        for entry in entries
    ]
    with read.claims.open("rb") as claims:
        places = list(read_claims(claims))
    assert places == [
        (
            bytes.fromhex(blob.sha256),
            bytes.fromhex(blob.pack or blob.sha256),
            blob.pack is not None,
            blob.offset,
            blob.size_bytes,
        )
        for entry in entries
        for blob in entry.blobs
    ]
    packs = {blob.pack for entry in entries for blob in entry.blobs if blob.pack}
    wanted = frozenset({*packs, "f" * 64})
    assert packs_named(archives.transport, archives.second, wanted) == packs


def test_a_bundle_tells_what_has_a_name_of_its_own(archives: Archives) -> None:
    items = [Item(kind="table", key="public.one", name="one", facts={"rows": 3})]
    at = MOMENT + dt.timedelta(hours=2)
    for content, is_right in ((msgspec.json.encode(items), True), (b"[1]", False)):
        member = BundleFile(path=ITEMS_MEMBER, content=content)
        path = put_bundle(archives.transport, [member], kind="postgres_full", at=at)
        if is_right:
            read = archives.read(path)
            assert (read.items, read.seen, read.claims) == (items, None, None)
        else:
            with pytest.raises(BundleError):
                archives.read(path)


def test_a_bundle_that_is_not_signed_or_with_another_key_is_refused(archives: Archives) -> None:
    for key in (None, bytes(32)):
        archives.rewrite(lambda manifest: manifest, key=key)
        with pytest.raises(BundleError, match="not signed"):
            archives.read(archives.first)
    assert archives.read(archives.first, key=None).manifest.store_id == STORE_ID


def test_a_bundle_of_another_store_or_under_another_name_is_refused(archives: Archives) -> None:
    with pytest.raises(BundleError, match="another store"):
        archives.read(archives.first, store_id=STORE_ID.replace("0f", "1f"))
    objects = archives.transport.objects
    objects[archives.second] = objects[archives.first]
    with pytest.raises(BundleError, match="another archive than its name"):
        archives.read(archives.second)


def test_a_manifest_that_denies_its_tree_is_refused(archives: Archives) -> None:
    archives.rewrite(lambda manifest: msgspec.structs.replace(manifest, tree=None))
    with pytest.raises(BundleError, match="no tree"):
        archives.read(archives.first)


def test_a_bundle_that_is_damaged_anywhere_is_refused(archives: Archives) -> None:
    whole = archives.transport.objects[archives.first]
    for at in range(0, len(whole), len(whole) // 40):
        hurt = whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]
        archives.transport.objects[archives.first] = hurt
        with pytest.raises(BundleError):
            archives.read(archives.first)
        archives.transport.objects[archives.first] = whole[:at]
        with pytest.raises(BundleError):
            archives.read(archives.first)


def test_a_bundle_that_went_meanwhile_is_missing(archives: Archives) -> None:
    stored = StoredName(path=archives.first, size_bytes=10)
    del archives.transport.objects[archives.first]
    with pytest.raises(ObjectMissingError):
        read_whole_bundle(
            archives.transport, stored, key=KEY, store_id=STORE_ID, folder=archives.folder
        )
