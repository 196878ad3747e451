"""The keys of a minted backup: a keybag as an iPhone writes it, and the encryption of its files.

Every key is derived from the UDID and public labels, so that minting twice gives the same bytes,
as on a phone where unchanged files keep their ciphertext. Minted backups therefore protect
nothing: they are for tests and demonstrations only.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

#: The class whose key wraps the key of Manifest.db.
MANIFEST_CLASS = 4
#: Keybags list their classes in descending order.
CLASSES = tuple(range(11, 0, -1))


def derived_bytes(length: int, *parts: str | bytes) -> bytes:
    """Return *length* bytes that depend on nothing but *parts*."""
    joined = b"\0".join(
        part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part for part in parts
    )
    return hashlib.shake_256(b"keepsake minted backup\0" + joined).digest(length)


def pad(plaintext: bytes) -> bytes:
    """Add PKCS#7 padding; a multiple of 16 grows by a whole block."""
    missing = 16 - len(plaintext) % 16
    return plaintext + bytes([missing]) * missing


def encrypt(key: bytes, plaintext: bytes) -> bytes:
    """AES-256-CBC with an IV of zeros, as backups have it. The length must be a multiple of 16."""
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return encryptor.update(plaintext) + encryptor.finalize()


@dataclass(frozen=True, kw_only=True)
class MintedKeys:
    """A keybag and the class keys it holds."""

    udid: str
    keybag: bytes
    class_keys: dict[int, bytes]

    def wrapped_manifest_key(self) -> bytes:
        """Class and wrapped key of Manifest.db (44 bytes)."""
        return self._wrapped(MANIFEST_CLASS, self._manifest_key())

    def encrypt_manifest(self, manifest: bytes, *, padded: bool) -> bytes:
        """Encrypt a whole Manifest.db. SQLite's pages are a multiple of 16 without padding too."""
        return encrypt(self._manifest_key(), pad(manifest) if padded else manifest)

    def wrapped_file_key(self, file_id: str, content: bytes, protection_class: int) -> bytes:
        """Class and wrapped key of one file (44 bytes)."""
        return self._wrapped(protection_class, self._file_key(file_id, content))

    def encrypt_file(self, file_id: str, content: bytes) -> bytes:
        """Encrypt one file's content into its blob."""
        return encrypt(self._file_key(file_id, content), pad(content))

    def _manifest_key(self) -> bytes:
        return derived_bytes(32, "manifest key", self.udid)

    def _file_key(self, file_id: str, content: bytes) -> bytes:
        # A changed file gets another key, as on a phone.
        return derived_bytes(32, "file key", self.udid, file_id, hashlib.sha256(content).digest())

    def _wrapped(self, protection_class: int, key: bytes) -> bytes:
        prefix = struct.pack("<I", protection_class)
        return prefix + aes_key_wrap(self.class_keys[protection_class], key)


def mint_keys(udid: str, passphrase: str, *, dpic: int | None, iterations: int) -> MintedKeys:
    """Make a keybag under *passphrase*; without *dpic* the older kind (iOS 10.1 and before)."""
    salt = derived_bytes(20, "salt", udid)
    secret = passphrase.encode()
    header = [
        ("VERS", 3 if dpic is None else 5),
        ("TYPE", 1),
        ("UUID", derived_bytes(16, "keybag", udid)),
        ("HMCK", derived_bytes(40, "hmck", udid)),
        ("WRAP", 1),
        ("SALT", salt),
        ("ITER", iterations),
    ]
    if dpic is not None:
        first_salt = derived_bytes(20, "first salt", udid)
        header += [("DPWT", 1), ("DPIC", dpic), ("DPSL", first_salt)]
        secret = hashlib.pbkdf2_hmac("sha256", secret, first_salt, dpic, 32)
    wrapping_key = hashlib.pbkdf2_hmac("sha1", secret, salt, iterations, 32)
    class_keys = {number: derived_bytes(32, "class", udid, str(number)) for number in CLASSES}
    keybag = b"".join(tag_value(tag, value) for tag, value in header)
    for number, key in class_keys.items():
        keybag += tag_value("UUID", derived_bytes(16, "class", udid, str(number)))
        keybag += tag_value("CLAS", number)
        keybag += tag_value("WRAP", 2)
        keybag += tag_value("KTYP", 0)
        keybag += tag_value("WPKY", aes_key_wrap(wrapping_key, key))
    return MintedKeys(udid=udid, keybag=keybag, class_keys=class_keys)


def tag_value(tag: str, value: int | bytes) -> bytes:
    """One entry of a keybag: tag, big-endian length, value."""
    data = struct.pack(">I", value) if isinstance(value, int) else value
    return tag.encode() + struct.pack(">I", len(data)) + data
