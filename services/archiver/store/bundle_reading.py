"""Reading a bundle that nobody vouches for, and keeping of it what a catalogue needs.

Everything in it is held against its manifest, and that against the signature, before anything of
it is used.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from services.archiver.format.bundle import (
    BundleError,
    BundleMember,
    BundleReader,
    is_named,
)
from services.archiver.format.compression import BROKEN, UnknownCompressionError, decompressed
from services.archiver.format.manifest import ITEMS_MEMBER, TREE_MEMBER, Manifest, is_signed
from services.archiver.format.names import object_path, pack_path, parse_object_path
from services.archiver.format.tree import TreeEntry, TreeError, read_lines
from services.archiver.sources.item import Item
from services.archiver.sources.tree import Found
from services.archiver.store.object_file import open_object
from services.archiver.store.seen import Seen
from services.archiver.store.transport import StoredName, Transport

_PIECE_BYTES = 1024 * 1024
_MOST_ITEMS_BYTES = 64 * 1024 * 1024
#: Longer ones are read from the destination twice, instead of being held in memory.
_MOST_HELD_BYTES = 64 * 1024 * 1024
#: SHA-256, name of the object, whether that is a pack, where in it, how long.
_CLAIM = struct.Struct(">32s32s?qI")
_UNREADABLE: tuple[type[Exception], ...] = (TreeError, UnknownCompressionError, *BROKEN)


class ReadBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was read, and is right."""

    manifest: Manifest
    sha256: bytes
    size_bytes: int
    #: What the tree consists of, as ``put_tree`` writes it, and where it says that its blobs lie,
    #: for ``read_claims``. None: there is no tree.
    seen: Path | None = None
    claims: Path | None = None
    #: What has a name of its own in it.
    items: list[Item] = []


def read_whole_bundle(
    transport: Transport,
    stored: StoredName,
    *,
    key: bytes | None,
    store_id: str,
    folder: Path,
) -> ReadBundle:
    """Read a bundle, and write its tree to *folder*. Blocking.

    Raises ``BundleError`` with a sentence that says what is wrong with it, ``TransportError`` and
    ``DamagedArchiveError``.
    """
    if stored.size_bytes <= _MOST_HELD_BYTES:
        held = transport.get(stored.path, size_bytes=_MOST_HELD_BYTES + 1)
        if len(held) != stored.size_bytes:
            raise BundleError("The bundle is not as long as it is said to be.")
        manifest, seen, claims, items = _read(
            io.BytesIO(held), stored.path, key=key, store_id=store_id, folder=folder
        )
        digest, size_bytes = hashlib.sha256(held), len(held)
    else:
        with open_object(transport, stored.path) as content:
            manifest, seen, claims, items = _read(
                content, stored.path, key=key, store_id=store_id, folder=folder
            )
        digest, size_bytes = hashlib.sha256(), 0
        with open_object(transport, stored.path) as content:
            while piece := content.read(_PIECE_BYTES):
                digest.update(piece)
                size_bytes += len(piece)
    return ReadBundle(
        manifest=manifest,
        sha256=digest.digest(),
        size_bytes=size_bytes,
        seen=seen,
        claims=claims,
        items=items,
    )


def read_claims(claims: BinaryIO) -> Iterator[tuple[object, ...]]:
    """Yield where a tree says that its blobs lie: blob, object, is it a pack, offset, bytes."""
    while record := claims.read(_CLAIM.size):
        yield _CLAIM.unpack(record)


def packs_named(transport: Transport, path: str, wanted: frozenset[str]) -> set[str]:
    """Return those of the packs *wanted* that the tree of a bundle names. Blocking.

    Raises ``BundleError``, ``TransportError`` and ``DamagedArchiveError``.
    """
    found: set[str] = set()
    with open_object(transport, path) as content, BundleReader.open(content) as bundle:
        for member in bundle.members():
            if member.listed.path == TREE_MEMBER:
                found.update(
                    blob.pack
                    for entry in _entries(member)
                    for blob in entry.blobs
                    if blob.pack in wanted and blob.pack is not None
                )
    return found


def path_of_object(name: str, *, is_pack: bool) -> str:
    """Return where an object lies."""
    return pack_path(name) if is_pack else object_path(name)


def stray_packs(listed: list[StoredName], known: frozenset[str]) -> frozenset[str]:
    """Return the names of packs that lie there, and not under a path that is *known*."""
    parsed = (parse_object_path(found.path) for found in listed if found.path not in known)
    return frozenset(one[0] for one in parsed if one is not None and one[1])


def _read(
    source: BinaryIO, path: str, *, key: bytes | None, store_id: str, folder: Path
) -> tuple[Manifest, Path | None, Path | None, list[Item]]:
    seen = claims = None
    items: list[Item] = []
    with BundleReader.open(source) as bundle:
        manifest = bundle.manifest
        if key is not None and (
            bundle.signature is None
            or not is_signed(bundle.manifest_content, bundle.signature, key)
        ):
            raise BundleError("The manifest is not signed with this destination's key.")
        if manifest.store_id != store_id:
            raise BundleError("The bundle belongs to another store.")
        if not is_named(manifest, path):
            raise BundleError("The bundle is another archive than its name says.")
        for member in bundle.members():
            if member.listed.path == ITEMS_MEMBER:
                items = _items(member.read(at_most=_MOST_ITEMS_BYTES))
            if member.listed.path == TREE_MEMBER:
                # Kept first: what follows from it counts when its hash was right.
                tree = folder / "tree"
                with tree.open("wb") as output:
                    output.writelines(member.pieces())
                seen, claims = folder / "seen", folder / "claims"
                _keep_tree(tree, seen, claims)
                tree.unlink()
    if (seen is None) != (manifest.tree is None):
        raise BundleError("The bundle has no tree, and its manifest has one, or the other way.")
    return manifest, seen, claims, items


def _items(content: bytes) -> list[Item]:
    try:
        return msgspec.json.decode(content, type=list[Item])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BundleError("The list of what is in the archive cannot be read.") from None


def _keep_tree(tree: Path, seen: Path, claims: Path) -> None:
    encode = msgspec.msgpack.Encoder().encode
    try:
        with (
            tree.open("rb") as content,
            decompressed(content) as plain,
            seen.open("wb") as entries,
            claims.open("wb") as places,
        ):
            for entry in read_lines(iter(lambda: plain.read(_PIECE_BYTES), b"")):
                line = encode(_as_seen(entry))
                entries.write(len(line).to_bytes(4, "big") + line)
                for blob in entry.blobs:
                    name = bytes.fromhex(blob.pack or blob.sha256)
                    places.write(
                        _CLAIM.pack(
                            bytes.fromhex(blob.sha256),
                            name,
                            blob.pack is not None,
                            blob.offset,
                            blob.size_bytes,
                        )
                    )
    except _UNREADABLE:
        raise BundleError("The tree of the archive cannot be read.") from None


def _entries(member: BundleMember) -> Iterator[TreeEntry]:
    content = io.BytesIO(b"".join(member.pieces()))
    try:
        with decompressed(content) as plain:
            yield from read_lines(iter(lambda: plain.read(_PIECE_BYTES), b""))
    except _UNREADABLE:
        raise BundleError("The tree of the archive cannot be read.") from None


def _as_seen(entry: TreeEntry) -> Seen:
    return Seen(
        Found(
            path=entry.path,
            type=entry.type,
            mode=entry.mode,
            mtime_ns=entry.mtime_ns,
            # Nobody asks whether a file of long ago is as it was.
            ctime_ns=0,
            inode=0,
            size_bytes=entry.size_bytes,
            target=entry.target,
        ),
        tuple(blob.sha256 for blob in entry.blobs),
        entry.size_bytes,
        entry.is_torn,
    )
