"""The keybag of an encrypted backup, and the class keys it gives for the right passphrase.

A keybag is a sequence of entries: 4 ASCII bytes of tag, 4 bytes of big-endian length, value. The
header ends at the second ``UUID``; after it come the classes, in descending order on real phones.
Deriving the passphrase's key is the expensive step (a second for 10,000,000 iterations). It runs
in pycryptodome through iphone_backup_decrypt, which releases the GIL: call it in a thread.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NoReturn

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from iphone_backup_decrypt.exceptions import UnsafeBackupError
from iphone_backup_decrypt.utils import BackupKeyBag, pbkdf2_hmac

from shared.ios_backup.errors import DamagedKeybag, Locked, WrongPassphrase

#: Bounds of iphone_backup_decrypt as well: twice what phones write, for the numbers come from
#: an untrusted file. Phones write 10,000 and 10,000,000.
MAX_ITERATIONS = 1_000_000
MAX_FIRST_ITERATIONS = 20_000_000
_MAX_KEYBAG_BYTES = 64 * 1024
_MAX_PASSPHRASE_CHARACTERS = 1024
#: A class key that the passphrase alone unwraps.
_WRAP_PASSPHRASE = 2
_WRAPPED_BYTES = 40
#: Real salts have 20; the shortest that NIST allowed once.
_SALT_BYTES = 8
_INTEGERS = {b"VERS", b"TYPE", b"WRAP", b"ITER", b"DPWT", b"DPIC", b"CLAS", b"KTYP"}


class Keys:
    """The class keys of one backup. Never shown, never pickled; ``wipe`` overwrites them."""

    __slots__ = ("_class_keys", "keybag_digest")

    def __init__(self, class_keys: Mapping[int, bytes], *, keybag_digest: str) -> None:
        self._class_keys = {number: bytearray(key) for number, key in class_keys.items()}
        #: SHA-256 of the keybag, in hex: the same keybag has the same keys.
        self.keybag_digest = keybag_digest

    def unwrap(self, wrapped: bytes, *, protection_class: int | None = None) -> bytes:
        """Return the 32-byte key that *wrapped* holds.

        *wrapped* is 40 bytes of RFC 3394, usually behind 4 little-endian bytes of the class. The
        class in front decides, *protection_class* is tried where it is missing or does not fit.
        Raises DamagedKeybag when no class key fits and Locked after ``wipe``.
        """
        if not self._class_keys:
            raise Locked("The keys of this backup are no longer in memory.")
        own_class = None
        if len(wrapped) == _WRAPPED_BYTES + 4:
            own_class = int.from_bytes(wrapped[:4], "little")
        elif len(wrapped) != _WRAPPED_BYTES:
            raise DamagedKeybag("A wrapped key has the wrong length.")
        for number in (own_class, protection_class):
            class_key = None if number is None else self._class_keys.get(number)
            if class_key is not None:
                try:
                    return aes_key_unwrap(bytes(class_key), wrapped[-_WRAPPED_BYTES:])
                except InvalidUnwrap:
                    continue
        if not self._class_keys:
            # Wiped by another thread meanwhile.
            raise Locked("The keys of this backup are no longer in memory.")
        raise DamagedKeybag("No key of the keybag opens a wrapped key.")

    def copy(self) -> Keys:
        """Return keys of their own life: wiping these leaves those."""
        return Keys(
            {number: bytes(key) for number, key in self._class_keys.items()},
            keybag_digest=self.keybag_digest,
        )

    def wipe(self) -> None:
        """Overwrite the keys and forget them."""
        for key in self._class_keys.values():
            key[:] = bytes(len(key))
        self._class_keys.clear()

    def __repr__(self) -> str:
        return f"<Keys of {len(self._class_keys)} classes>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Keys do not leave their process.")


class Keybag:
    """A keybag that was read and checked, still locked."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        header = _check(data)
        self._salt: bytes = header[b"SALT"]
        self._iterations = int.from_bytes(header[b"ITER"], "big")
        #: Keybags before iOS 10.2 know one derivation only.
        self._has_first_derivation = b"DPSL" in header
        self.digest = hashlib.sha256(data).hexdigest()
        #: Of what a passphrase is stretched with: whoever changes it cannot open the backup any
        #: more, while a forger may change the rest of a keybag at will.
        self.derivation_digest = _derivation_digest(header)

    def unlock(self, passphrase: str) -> Keys:
        """Derive the key of *passphrase* and unwrap every class key with it.

        Takes about a second of one core on phones' iteration counts, and again for every other
        Unicode form of a passphrase with accents: a host may have composed what the phone had
        decomposed. Raises WrongPassphrase when one class key does not unwrap, DamagedKeybag when
        there is none to unwrap.
        """
        for secret in passphrase_forms(passphrase):
            bag = self._try(secret)
            if bag.unlocked:
                return Keys(bag.classes_keys, keybag_digest=self.digest)
        raise WrongPassphrase("The passphrase does not open this backup.")

    def _try(self, secret: bytes) -> BackupKeyBag:
        try:
            # A bag keeps the keys it has unwrapped: one per try.
            bag = BackupKeyBag(self._data)
            if self._has_first_derivation:
                bag.unlock_with_passphrase(secret)
            else:
                # iphone_backup_decrypt 0.11 insists on the first derivation.
                bag.unlock_with_key(pbkdf2_hmac("sha1", secret, self._salt, self._iterations, 32))
        except (KeyError, TypeError, ValueError, UnsafeBackupError):
            raise DamagedKeybag("The keybag cannot be read.") from None
        return bag

    def __repr__(self) -> str:
        return f"<Keybag {self.digest[:12]}>"


def passphrase_forms(passphrase: str) -> list[bytes]:
    """Return *passphrase* in UTF-8: as it is, composed and decomposed, each form once.

    Empty for what nobody can have typed on a phone; such passphrases are wrong.
    """
    if not 0 < len(passphrase) <= _MAX_PASSPHRASE_CHARACTERS:
        return []
    forms = dict.fromkeys(
        (
            passphrase,
            unicodedata.normalize("NFC", passphrase),
            unicodedata.normalize("NFD", passphrase),
        )
    )
    try:
        return [form.encode() for form in forms]
    except UnicodeEncodeError:
        return []


def _check(data: bytes) -> dict[bytes, bytes]:
    """Check everything the unlocking relies on and return the header's entries."""
    if len(data) > _MAX_KEYBAG_BYTES:
        raise DamagedKeybag("The keybag is larger than any real one.")
    header, *classes = _blocks(data)
    _check_count(header, b"ITER", MAX_ITERATIONS)
    salts = [header.get(b"SALT", b"")]
    if b"DPSL" in header or b"DPIC" in header:
        _check_count(header, b"DPIC", MAX_FIRST_ITERATIONS)
        salts.append(header.get(b"DPSL", b""))
    if any(len(salt) < _SALT_BYTES for salt in salts):
        raise DamagedKeybag("The keybag has no salt.")
    if not any([_is_openable(entries) for entries in classes]):  # noqa: C419 -- checks them all
        # Unlocking would succeed with any passphrase.
        raise DamagedKeybag("The keybag holds no key that a passphrase opens.")
    return header


def _derivation_digest(header: Mapping[bytes, bytes]) -> str:
    digest = hashlib.sha256()
    for tag in (b"DPSL", b"DPIC", b"SALT", b"ITER"):
        value = header.get(tag)
        digest.update(tag + (b"-" if value is None else b"%d:" % len(value) + value))
    return digest.hexdigest()


def _blocks(data: bytes) -> list[dict[bytes, bytes]]:
    """Return the header's entries and those of each class."""
    blocks: list[dict[bytes, bytes]] = [{}]
    for tag, value in _entries(data):
        if tag in _INTEGERS and len(value) != 4:
            raise DamagedKeybag("A number in the keybag has the wrong length.")
        if tag == b"UUID" and b"UUID" in blocks[0]:
            blocks.append({})
        if tag in blocks[-1]:
            raise DamagedKeybag("The keybag says the same thing twice.")
        blocks[-1][tag] = value
    return blocks


def _is_openable(entries: Mapping[bytes, bytes]) -> bool:
    if b"CLAS" not in entries or b"WRAP" not in entries:
        raise DamagedKeybag("A class of the keybag is incomplete.")
    if b"WPKY" not in entries or not int.from_bytes(entries[b"WRAP"], "big") & _WRAP_PASSPHRASE:
        return False
    if len(entries[b"WPKY"]) != _WRAPPED_BYTES:
        raise DamagedKeybag("A wrapped key has the wrong length.")
    return True


def _check_count(header: Mapping[bytes, bytes], tag: bytes, maximum: int) -> None:
    if not 1 <= int.from_bytes(header.get(tag, b""), "big") <= maximum:
        raise DamagedKeybag("The keybag asks for an absurd number of iterations.")


def _entries(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(data):
        tag = data[position : position + 4]
        length = int.from_bytes(data[position + 4 : position + 8], "big")
        position += 8
        if position + length > len(data):
            raise DamagedKeybag("The keybag is cut off.")
        yield tag, data[position : position + length]
        position += length
