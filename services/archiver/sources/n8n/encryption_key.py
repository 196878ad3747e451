"""Whether a key opens what n8n encrypted: without it a copy of the database is worth little.

n8n encrypts credentials with a key from outside of its database (``N8N_ENCRYPTION_KEY``), either
directly or, since 2.0, through keys in ``deployment_key`` that are wrapped with it. Nothing that
is opened here leaves this module.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.credentials import Secret

#: Kinds of rows in ``deployment_key`` whose value is wrapped with the key.
_WRAPPED = ("signing.hmac", "signing.jwt", "signing.binary_data", "data_encryption")
_VERSION = 1
_SALT = slice(1, 33)
_TAG = slice(33, 49)
_CONTENT = slice(49, None)
_INFO = b"n8n-encryption-v1"
_OPENSSL_MAGIC = b"Salted__"
_BLOCK_BYTES = 16

State = Literal["proved", "wrong", "partial", "unproved"]


class KeyProof(msgspec.Struct, frozen=True, kw_only=True):
    """What came of trying a key."""

    #: ``proved``: it opens everything. ``wrong``: nothing. ``partial``: some of it.
    #: ``unproved``: there was no key, or nothing to try it on.
    state: State
    #: How many secrets there are, and how many of them the key opens.
    secret_count: int = 0
    opened_count: int = 0
    #: Where the key came from: ``reference``, or the name of a member.
    key_from: str | None = None


class DeploymentKey(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``deployment_key``."""

    id: str
    type: str
    value: str
    algorithm: str | None


class _WrongKeyError(Exception):
    pass


def prove(
    key: Secret, *, deployment_keys: Sequence[DeploymentKey], credentials: Sequence[str]
) -> KeyProof:
    """Try *key* on everything that is encrypted: wrapped keys, and the data of credentials."""
    wrapping = hashlib.sha256(key.reveal().encode()).hexdigest()
    by_id = {row.id: row for row in deployment_keys}
    wrapped = [row for row in deployment_keys if row.type in _WRAPPED]
    opened = sum(_opens(_unwrap, row.value, wrapping) for row in wrapped)
    opened += sum(_opens(_open_credential, data, key, wrapping, by_id) for data in credentials)
    count = len(wrapped) + len(credentials)
    state: State = "unproved"
    if count:
        state = "proved" if opened == count else "partial" if opened else "wrong"
    return KeyProof(state=state, secret_count=count, opened_count=opened)


def _opens(attempt: Callable[..., object], *arguments: object) -> bool:
    try:
        attempt(*arguments)
    except _WrongKeyError:
        return False
    return True


def _open_credential(
    data: str, key: Secret, wrapping: str, keys: Mapping[str, DeploymentKey]
) -> None:
    """Open a credential: ``CIPHERTEXT``, or ``KEY_ID:CIPHERTEXT``. Raises ``_WrongKeyError``."""
    key_id, colon, content = data.partition(":")
    if not colon:
        plain = _decrypt_openssl(data, key.reveal())
    else:
        named = keys.get(key_id)
        if named is None:
            raise _WrongKeyError
        unwrapped = _unwrap(named.value, wrapping)
        if named.algorithm == "aes-256-gcm":
            plain = _unwrap(content, unwrapped)
        else:
            plain = _decrypt_openssl(content, unwrapped)
    try:
        # With a wrong key one padding in 256 is right by chance; JSON is not.
        msgspec.json.decode(plain.encode())
    except msgspec.DecodeError:
        raise _WrongKeyError from None


def _unwrap(value: str, key_hex: str) -> str:
    """Open base64 of version, salt, tag and content: AES-256-GCM with a key drawn by HKDF."""
    packed = _base64(value)
    if len(packed) < _CONTENT.start or packed[0] != _VERSION:
        raise _WrongKeyError
    try:
        secret = bytes.fromhex(key_hex)
        drawn = HKDF(hashes.SHA256(), length=44, salt=packed[_SALT], info=_INFO).derive(secret)
        content = packed[_CONTENT] + packed[_TAG]
        return AESGCM(drawn[:32]).decrypt(drawn[32:], content, None).decode()
    except (ValueError, InvalidTag):
        raise _WrongKeyError from None


def _decrypt_openssl(value: str, passphrase: str) -> str:
    """Open what ``openssl enc -aes-256-cbc -md md5`` writes, as n8n's library of old did."""
    packed = _base64(value)
    content = packed[_BLOCK_BYTES:]
    if packed[:8] != _OPENSSL_MAGIC or not content or len(content) % _BLOCK_BYTES:
        raise _WrongKeyError
    salt, drawn, last = packed[8:16], b"", b""
    while len(drawn) < 48:
        last = hashlib.md5(last + passphrase.encode() + salt, usedforsecurity=False).digest()
        drawn += last
    cipher = Cipher(algorithms.AES(drawn[:32]), modes.CBC(drawn[32:48])).decryptor()
    plain = cipher.update(content) + cipher.finalize()
    padding = plain[-1]
    if not 1 <= padding <= _BLOCK_BYTES or plain[-padding:] != bytes([padding]) * padding:
        raise _WrongKeyError
    try:
        return plain[:-padding].decode()
    except UnicodeDecodeError:
        raise _WrongKeyError from None


def _base64(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _WrongKeyError from None
