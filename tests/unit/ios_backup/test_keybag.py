from __future__ import annotations

import pickle
import struct
import unicodedata
from pathlib import Path

import pytest

from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.minted_keys import mint_keys, tag_value
from shared.ios_backup import BackupFolder
from shared.ios_backup.errors import DamagedKeybag, Locked, WrongPassphrase
from shared.ios_backup.keybag import Keybag, passphrase_forms

UDID = "00008110-000A1B2C3D4E5F60"
GOOD = mint_keys(UDID, "test", dpic=10, iterations=10)


def test_the_right_passphrase_gives_every_class_key() -> None:
    keys = Keybag(GOOD.keybag).unlock("test")
    wrapped = GOOD.wrapped_file_key("f" * 40, b"content", 7)
    assert len(keys.unwrap(wrapped)) == 32
    assert keys.keybag_digest == Keybag(GOOD.keybag).digest


@pytest.mark.parametrize("passphrase", ["Test", "", "test ", "\udc80", "x" * 5000])
def test_any_other_passphrase_is_wrong(passphrase: str) -> None:
    with pytest.raises(WrongPassphrase):
        Keybag(GOOD.keybag).unlock(passphrase)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_composed_and_decomposed_accents_open_the_same_backup(form: str, typed: str) -> None:
    bag = mint_keys(UDID, unicodedata.normalize(form, "Käsefüße"), dpic=10, iterations=10).keybag
    assert Keybag(bag).unlock(unicodedata.normalize(typed, "Käsefüße"))


def test_an_ascii_passphrase_is_derived_once() -> None:
    assert passphrase_forms("test") == [b"test"]
    assert len(passphrase_forms("é")) == 2


def test_the_class_in_front_of_a_key_decides_and_the_entry_fills_in() -> None:
    keys = Keybag(GOOD.keybag).unlock("test")
    wrapped = GOOD.wrapped_file_key("f" * 40, b"content", 7)
    plain = keys.unwrap(wrapped)
    assert keys.unwrap(wrapped, protection_class=3) == plain
    assert keys.unwrap(wrapped[4:], protection_class=7) == plain
    assert keys.unwrap(struct.pack("<I", 99) + wrapped[4:], protection_class=7) == plain
    for bad in (wrapped[4:], struct.pack("<I", 3) + wrapped[4:], wrapped[:-1], b""):
        with pytest.raises(DamagedKeybag):
            keys.unwrap(bad)


def test_wiped_keys_open_nothing_and_copies_live_on() -> None:
    keys = Keybag(GOOD.keybag).unlock("test")
    other = keys.copy()
    wrapped = GOOD.wrapped_manifest_key()
    keys.wipe()
    with pytest.raises(Locked):
        keys.unwrap(wrapped)
    assert other.unwrap(wrapped)


def test_keys_neither_show_themselves_nor_leave_the_process() -> None:
    keys = Keybag(GOOD.keybag).unlock("test")
    assert repr(keys) == "<Keys of 11 classes>"
    with pytest.raises(TypeError):
        pickle.dumps(keys)


def _with(tag: str, value: int) -> bytes:
    begin = GOOD.keybag.index(tag.encode())
    return GOOD.keybag[:begin] + tag_value(tag, value) + GOOD.keybag[begin + 12 :]


def _class(**entries: int | bytes) -> bytes:
    return b"".join(tag_value(tag, value) for tag, value in entries.items())


HEADER = GOOD.keybag[: GOOD.keybag.index(b"UUID", GOOD.keybag.index(b"UUID") + 4)]
BAD_KEYBAGS = {
    "empty": b"",
    "garbage": b"garbage" * 30,
    "cut off": GOOD.keybag[:-3],
    "a length beyond the end": GOOD.keybag + b"WPKY\xff\xff\xff\xff",
    "no iterations": _with("DPIC", 0),
    "iteration bomb": _with("DPIC", 2_000_000_000),
    "second iteration bomb": _with("ITER", 50_000_000),
    "no class": HEADER,
    "nothing that a passphrase opens": HEADER + _class(UUID=bytes(16), CLAS=1, WRAP=1),
    "a class without number": HEADER + _class(UUID=bytes(16), WRAP=2, WPKY=bytes(40)),
    "a short wrapped key": HEADER + _class(UUID=bytes(16), CLAS=1, WRAP=2, WPKY=bytes(4)),
    "an entry twice": tag_value("ITER", 1) + GOOD.keybag,
    "half a derivation": HEADER.replace(b"DPSL", b"XXXX") + GOOD.keybag[len(HEADER) :],
    "a type nobody knows": _with("TYPE", 9),
    "too large": GOOD.keybag + b"\0" * 100_000,
}


@pytest.mark.parametrize("keybag", BAD_KEYBAGS.values(), ids=BAD_KEYBAGS.keys())
def test_a_bad_keybag_is_damaged_and_costs_nothing(keybag: bytes) -> None:
    with pytest.raises(DamagedKeybag):
        Keybag(keybag).unlock("test")


def test_a_key_that_does_not_unwrap_makes_the_passphrase_wrong() -> None:
    """All classes must open: iOS itself treats it so, and one that does not hides files."""
    begin = GOOD.keybag.rindex(b"WPKY") + 8
    broken = GOOD.keybag[:begin] + bytes(40)
    with pytest.raises(WrongPassphrase):
        Keybag(broken).unlock("test")


def test_the_passphrase_of_a_folder_is_checked_against_its_manifest_key(tmp_path: Path) -> None:
    minted = mint_backup(tmp_path, files=[PhoneFile("HomeDomain", "a")], passphrase="test")
    folder = BackupFolder.open(minted.path)
    assert folder.keybag_digest is not None
    with pytest.raises(WrongPassphrase):
        folder.unlock("nope")
