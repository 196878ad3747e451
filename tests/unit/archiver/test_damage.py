"""Whatever happens to bytes in a destination is found, and healed where the source still is."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from services.archiver.errors import DamagedArchiveError
from services.archiver.format.bundle import BundleFile as File
from services.archiver.format.bundle import BundleReader, write_bundle
from services.archiver.format.compression import compressed, decompressed
from services.archiver.format.manifest import TREE_MEMBER, signing_key
from services.archiver.format.names import SMALL_BYTES
from services.archiver.store.blobs import BlobReader
from services.archiver.store.journal import StoredObject
from services.archiver.store.local_folder import LocalFolder
from services.archiver.store.tree_restorer import restore_tree
from services.archiver.store.verification import verify_bundle, verify_object
from tests.unit.archiver.generated_store import (
    MOMENT,
    PASSWORD,
    STORE_ID,
    archive_tree,
    make_phone,
    make_store,
    snapshot,
    tree_of,
)
from tests.unit.archiver.memory_journal import MemoryJournal
from tests.unit.archiver.standalone_reader import check, needs_programs, run_alone

pytestmark = needs_programs

KEY = signing_key(PASSWORD, store_id=STORE_ID)
LATER = MOMENT + dt.timedelta(hours=1)


class Phone:
    """A store with two archives of a phone, of which the second one shares most."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "phone"
        self.store = folder / "store"
        make_phone(self.source)
        (self.source / "film").write_bytes(b"L" * (SMALL_BYTES))
        (self.source / "other film").write_bytes(b"M" * (SMALL_BYTES))
        self.transport = make_store(self.store)
        self.journal = MemoryJournal()
        self.first, _ = archive_tree(self.source, self.transport, self.journal)
        self.was = snapshot(self.source)
        (self.source / "new").write_bytes(b"a file that was not there before")
        self.second, _ = archive_tree(self.source, self.transport, self.journal, at=LATER)
        self.sums = {path: _sha256(self.store / path) for path in (self.first, self.second)}

    def objects(self, *, packs: bool) -> list[StoredObject]:
        found = [one for one in self.journal.objects.values() if one.is_pack == packs]
        return sorted(found, key=lambda one: -one.size_bytes)

    def path(self, stored: StoredObject) -> Path:
        folder, end = ("packs", ".tar") if stored.is_pack else ("objects", "")
        return self.store / folder / stored.name[:2] / f"{stored.name}{end}"

    def struck(self) -> list[str]:
        """Verify everything, and strike what is not right."""
        wrong = [
            stored.name
            for stored in self.journal.objects.values()
            if verify_object(self.transport, stored) != "right"
        ]
        for name in wrong:
            self.journal.strike(name)
        return wrong

    def bundles(self) -> list[str]:
        return [
            verify_bundle(self.transport, path, key=KEY, sha256=self.sums[path])
            for path in (self.first, self.second)
        ]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return Phone(tmp_path)


def flip_first(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


def flip_middle(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 0x80]) + content[half + 1 :]


def flip_last(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def cut_last(content: bytes) -> bytes:
    return content[:-1]


def cut_half(content: bytes) -> bytes:
    return content[: len(content) // 1024 * 512]


def cut_all(_: bytes) -> bytes:
    return b""


def zero(content: bytes) -> bytes:
    return bytes(len(content))


def zero_a_block(content: bytes) -> bytes:
    return content[:512] + bytes(512) + content[1024:]


def lengthen(content: bytes) -> bytes:
    return content + b"\0"


DAMAGES = [
    flip_first, flip_middle, flip_last, cut_last, cut_half, cut_all, zero, zero_a_block, lengthen,
]  # fmt: skip


@pytest.mark.parametrize("packs", [False, True], ids=["object", "pack"])
def test_damage_to_an_object_is_found_and_healed_by_the_next_archive(
    phone: Phone, *, packs: bool
) -> None:
    for number, damage in enumerate(DAMAGES):
        hurt = phone.objects(packs=packs)[0]
        place = phone.path(hurt)
        place.write_bytes(damage(place.read_bytes()))
        assert phone.struck() == [hurt.name], damage.__name__
        _archive_again(phone, number)
        assert not phone.struck(), damage.__name__
    _expect_all_archives_whole(phone)


@pytest.mark.parametrize("packs", [False, True], ids=["object", "pack"])
def test_what_was_deleted_or_swapped_is_found_and_healed(phone: Phone, *, packs: bool) -> None:
    one, other = phone.objects(packs=packs)[:2]
    content = phone.path(one).read_bytes()
    phone.path(one).write_bytes(phone.path(other).read_bytes())
    phone.path(other).write_bytes(content)
    assert sorted(phone.struck()) == sorted([one.name, other.name])
    _archive_again(phone, 1)
    names = [stored.name for stored in phone.objects(packs=packs)]
    for stored in phone.objects(packs=packs):
        phone.path(stored).unlink()
    assert sorted(phone.struck()) == sorted(names)
    _archive_again(phone, 2)
    assert not phone.struck()
    _expect_all_archives_whole(phone)


def _archive_again(phone: Phone, hours: int) -> None:
    at = LATER + dt.timedelta(hours=1 + hours)
    archive_tree(phone.source, phone.transport, phone.journal, at=at)


def _expect_all_archives_whole(phone: Phone) -> None:
    """Older archives as well: their blobs are found where they lie today."""
    assert check(phone.store) == 0
    target = phone.store.parent / "target"
    blobs = BlobReader(
        phone.transport,
        takes_whole_packs=True,
        elsewhere=lambda blob: phone.journal.places([blob]).get(blob),
    )
    restored = restore_tree(tree_of(phone.transport, phone.first), target, blobs=blobs)
    assert not restored.refused_count
    assert snapshot(target) == phone.was


@pytest.mark.parametrize("packs", [False, True], ids=["object", "pack"])
def test_a_stranger_finds_damage_and_is_told_which_files_it_costs(
    phone: Phone, *, packs: bool
) -> None:
    name = "Manifest.plist" if packs else "film"
    entries = {
        entry.path.decode("latin-1"): entry for entry in tree_of(phone.transport, phone.second)
    }
    (place,) = entries[name].blobs
    hurt = phone.path(phone.journal.objects[place.pack or place.sha256])
    hurt.write_bytes(zero(hurt.read_bytes()))
    told = run_alone("--store", phone.store, "check")
    assert told.returncode == 1
    assert f"{name} is damaged, or parts are missing" in told.stderr
    restored = run_alone("--store", phone.store, "restore", phone.store.parent / "target")
    assert restored.returncode == 1
    assert name in restored.stderr
    assert not (phone.store.parent / "target" / name).exists()
    reader = BlobReader(phone.transport, takes_whole_packs=packs)
    with pytest.raises(DamagedArchiveError):
        reader.read(place)


def test_damage_to_a_bundle_is_found(phone: Phone) -> None:
    place = phone.store / phone.second
    whole = place.read_bytes()
    for damage in DAMAGES:
        place.write_bytes(damage(whole))
        assert phone.bundles() == ["right", "damaged"], damage.__name__
        assert check(phone.store) == 1, damage.__name__


def test_a_bundle_that_was_deleted_is_missed_by_whoever_knew_it(phone: Phone) -> None:
    (phone.store / phone.second).unlink()
    assert phone.bundles() == ["right", "missing"]


def test_an_older_bundle_in_the_place_of_a_newer_one_is_found(phone: Phone) -> None:
    """It is whole, and signed; its own manifest says when it was made."""
    (phone.store / phone.second).write_bytes((phone.store / phone.first).read_bytes())
    assert phone.bundles() == ["right", "damaged"]
    assert verify_bundle(phone.transport, phone.second, key=KEY, sha256=None) == "damaged"
    assert check(phone.store) == 1


def test_swapped_bundles_are_found(phone: Phone) -> None:
    one, other = phone.store / phone.first, phone.store / phone.second
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    assert phone.bundles() == ["damaged", "damaged"]
    assert check(phone.store) == 1


@pytest.mark.parametrize("signed_with", ["nothing", "another key"])
def test_a_forged_manifest_is_found_by_its_signature(phone: Phone, signed_with: str) -> None:
    """All hashes are right; only the key is not there."""
    key = None if signed_with == "nothing" else bytes(32)
    _rewrite(phone.transport, phone.second, key=key, tree=lambda lines: lines)
    bundle = [verify_bundle(phone.transport, phone.second, key=k, sha256=None) for k in (KEY, None)]
    assert bundle == ["damaged", "right"]
    assert check(phone.store) == 5
    assert check(phone.store, password=None) == 0
    assert check(phone.store, password="wrong") == 5


def test_a_tree_that_is_not_the_one_of_the_manifest_is_found(phone: Phone) -> None:
    place = phone.store / phone.second
    with decompressed(io.BytesIO(place.read_bytes())) as plain:
        tar = bytearray(plain.read())
    at = tar.rfind(b"\x28\xb5\x2f\xfd")
    tar[at + 20] ^= 1
    again = io.BytesIO()
    with compressed(again, "zst") as output:
        output.write(tar)
    place.write_bytes(again.getvalue())
    assert phone.bundles() == ["right", "damaged"]
    assert check(phone.store) == 1


def _rewrite(
    transport: LocalFolder, path: str, *, key: bytes | None, tree: Callable[[bytes], bytes]
) -> None:
    """Write a bundle again as somebody without the key can, with another tree."""
    files = []
    with BundleReader.open(io.BytesIO(transport.get(path))) as bundle:
        for member in bundle.members():
            content = member.read(at_most=1 << 24)
            if member.listed.path == TREE_MEMBER:
                content = tree(content)
            files.append(File(path=member.listed.path, content=content))
        manifest = bundle.manifest
    output = io.BytesIO()
    write_bundle(output, manifest, files, key=key)
    transport.put(path, [output.getvalue()])
