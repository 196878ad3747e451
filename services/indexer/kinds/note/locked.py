"""Opening a note that is locked with a password of its own, by those who know that password.

Nothing calls this while notes are indexed: what is locked stays locked. It is for somebody who
asks for one note and gives its password (``opening``), and what it returns is for that person
alone.
Notes that are locked with the code of the phone have their key elsewhere and cannot be opened.
"""

from __future__ import annotations

import hashlib

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from services.indexer.kinds.note.body import Body, BodyError, read_body

_KEY_BYTES = 16
_WRAPPED_BYTES = 24
#: Phones use 20,000; more than this is made to cost time.
_MOST_ROUNDS = 1_000_000


class WrongPasswordError(Exception):
    """The password does not open this note."""


class LockedNote(msgspec.Struct, frozen=True, kw_only=True):
    """What the store keeps of a locked note: of the note's own row, and of its content's."""

    salt: bytes
    rounds: int
    wrapped_key: bytes
    vector: bytes
    tag: bytes
    data: bytes

    def __repr__(self) -> str:
        """Say nothing: this may stand in a traceback."""
        return "LockedNote(...)"


def open_locked(note: LockedNote, password: str) -> Body:
    """Return the note's text and runs.

    Raises WrongPasswordError, and BodyError for a note that is damaged or locked in another way.
    """
    if len(note.wrapped_key) != _WRAPPED_BYTES or not 0 < note.rounds <= _MOST_ROUNDS:
        raise BodyError("not locked with a password")
    outer = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), note.salt, note.rounds, dklen=_KEY_BYTES
    )
    try:
        key = aes_key_unwrap(outer, note.wrapped_key)
    except InvalidUnwrap:
        raise WrongPasswordError from None
    try:
        content = AESGCM(key).decrypt(note.vector, note.data + note.tag, None)
    except (InvalidTag, ValueError):
        # The key was right: its wrapping tells.
        raise BodyError("the content is not what was locked") from None
    return read_body(content)
