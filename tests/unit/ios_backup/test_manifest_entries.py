"""What an entry's archive says of its file, by both readers, and what garbage says."""

from __future__ import annotations

import datetime as dt
import plistlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.minted_manifest import Entry, archived_entry
from shared.ios_backup.entry_shapes import ShapeReader
from shared.ios_backup.manifest_entry import EntryFacts, read_archive
from shared.ios_backup.manifest_mbdb import read_record
from tests.unit.ios_backup.manifests import ENTRY


@pytest.mark.parametrize("uid_keys", [False, True])
def test_an_archive_is_read_from_its_bytes(*, uid_keys: bool) -> None:
    facts = read_archive(archived_entry(ENTRY, uid_keys=uid_keys))
    assert facts == EntryFacts(
        size_bytes=70_000, mode=0o100644, modified=1704067200, created=1704067200,
        protection_class=3, wrapped_key=bytes(44), target="/t",
    )  # fmt: skip


def test_values_of_the_wrong_type_are_unknown() -> None:
    archive = plistlib.loads(archived_entry(ENTRY, uid_keys=False))
    root = archive["$objects"][1]
    root |= {"Size": "big", "Mode": -1, "LastModified": 1.5, "ProtectionClass": 2**63}
    root |= {"EncryptionKey": 7, "Target": b"x"}
    facts = read_archive(plistlib.dumps(archive, fmt=plistlib.FMT_BINARY))
    assert facts == EntryFacts(created=1704067200)


@settings(deadline=None)
@given(st.binary(max_size=120), st.integers(0, 800), st.binary(min_size=1, max_size=4))
def test_no_garbage_makes_the_readers_raise(noise: bytes, at: int, patch: bytes) -> None:
    whole = archived_entry(ENTRY, uid_keys=False)
    reader = ShapeReader()
    reader.sizes(whole)
    at = min(at, len(whole) - len(patch))
    for blob in (noise, b"bplist00" + noise, whole[:at] + patch + whole[at + len(patch) :]):
        assert isinstance(read_archive(blob), EntryFacts)
        assert isinstance(reader.facts(blob), EntryFacts)
        assert len(reader.sizes(blob)) == 2
        read_record(blob)


@given(
    size=st.integers(0, 2**40),
    seconds=st.integers(0, 2**33),
    path=st.text(max_size=60),
    key=st.none() | st.binary(min_size=44, max_size=44),
)
def test_the_fast_reader_agrees_with_the_general_one(
    size: int, seconds: int, path: str, key: bytes | None
) -> None:
    reader = test_the_fast_reader_agrees_with_the_general_one.__dict__.setdefault(
        "r", ShapeReader()
    )
    entry = Entry(
        file_id="", domain="", relative_path=path, kind="file", size=size, mode=1, inode=9,
        modified_at=dt.datetime.fromtimestamp(seconds, dt.UTC), protection_class=1,
        wrapped_key=key, target=None,
    )  # fmt: skip
    blob = archived_entry(entry, uid_keys=False)
    assert reader.facts(blob) == read_archive(blob)
    assert reader.sizes(blob) == (size, seconds)
