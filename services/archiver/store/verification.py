"""Reading again what a store holds, and holding it against what was stored.

What is found missing or damaged is struck from the journal by the caller, in one step; the next
archive that needs it stores it again. Every byte of an object counts, also those that no blob has.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from services.archiver.errors import DamagedArchiveError, ObjectMissingError
from services.archiver.format.bundle import BundleError, check_bundle
from services.archiver.format.names import (
    PACK_BYTES,
    SMALL_BYTES,
    object_path,
    pack_path,
    sha256_hex,
)
from services.archiver.format.packs import PackedBlob, is_whole_pack, read_pack
from services.archiver.store.journal import StoredObject
from services.archiver.store.object_file import open_object
from services.archiver.store.transport import Transport

Verdict = Literal["right", "missing", "damaged"]
_PIECE_BYTES = 1024 * 1024
#: Longer ones are none of ours; a pack of a single blob may exceed what others hold.
_MOST_OBJECT_BYTES = PACK_BYTES + SMALL_BYTES


def path_of(stored: StoredObject) -> str:
    """Return where an object lies."""
    return pack_path(stored.name) if stored.is_pack else object_path(stored.name)


def verify_object(transport: Transport, stored: StoredObject) -> Verdict:
    """Read an object. Raises ``TransportError`` when the destination does not answer."""
    try:
        # One byte more than there may be, so that a longer object is noticed.
        content = transport.get(path_of(stored), size_bytes=stored.size_bytes + 1)
    except ObjectMissingError:
        return "missing"
    except DamagedArchiveError:
        # Crypt cannot read it.
        return "damaged"
    if stored.is_pack:
        right = len(content) == stored.size_bytes and is_whole_pack(stored.name, content)
    else:
        right = sha256_hex(content) == stored.name
    return "right" if right else "damaged"


def read_right_object(transport: Transport, name: str, *, is_pack: bool) -> StoredObject | None:
    """Return what lies under a name, with its blobs; None unless it is, byte for byte, right.

    Raises ``TransportError`` when the destination does not answer.
    """
    empty = StoredObject(name=name, is_pack=is_pack, size_bytes=0, blobs=())
    try:
        content = transport.get(path_of(empty), size_bytes=_MOST_OBJECT_BYTES)
    except (ObjectMissingError, DamagedArchiveError):
        return None
    if is_pack and is_whole_pack(name, content):
        blobs = [blob for blob, _ in read_pack(content)]
    elif not is_pack and sha256_hex(content) == name:
        blobs = [PackedBlob(sha256=name, offset=0, size_bytes=len(content))]
    else:
        return None
    return StoredObject(name=name, is_pack=is_pack, size_bytes=len(content), blobs=blobs)


def verify_bundle(
    transport: Transport, path: str, *, key: bytes | None, sha256: str | None
) -> Verdict:
    """Read a bundle and everything in it; *sha256* is the one that the catalogue knows.

    Raises ``TransportError`` when the destination does not answer.
    """
    digest = hashlib.sha256()
    try:
        with open_object(transport, path) as content:
            check_bundle(content, key=key, path=path)
        with open_object(transport, path) as content:
            while piece := content.read(_PIECE_BYTES):
                digest.update(piece)
    except ObjectMissingError:
        return "missing"
    except (BundleError, DamagedArchiveError):
        return "damaged"
    return "right" if sha256 is None or digest.hexdigest() == sha256 else "damaged"
