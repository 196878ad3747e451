"""The manifest of an archive: what it is a copy of, and what there has to be in it.

It is the first thing in a bundle. Where the destination has a secret, the bytes of the manifest are
signed with a key that follows from it, so nobody without the secret can put another in its place.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.archiver.format.tree import is_safe

FORMAT = "keepsake-archive"
VERSION = 1
MANIFEST_MEMBER = "manifest.json"
SIGNATURE_MEMBER = "manifest.json.hmac"
TREE_MEMBER = "metadata/tree.jsonl.zst"
#: What has a name of its own in the archive, as the catalogue knows it.
ITEMS_MEMBER = "metadata/items.json"

#: A manifest is taken into memory, where hostile ones grow.
MOST_MANIFEST_BYTES = 16 * 1024 * 1024

#: How much of what was left out is named.
_MOST_TOLD = 1000
_KEY_LABEL = b"keepsake manifest v1"
_KEY_BYTES = 32
#: The last is raised for lists in lists in lists.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class ManifestError(ValueError):
    """The manifest is not one, or of a version that this program does not know."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A file in the bundle."""

    path: str
    size_bytes: Annotated[int, msgspec.Meta(ge=0)]
    sha256: str


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive is a copy of. *facts* depend on the type, and are for people and checks."""

    id: str
    name: str
    type: str
    preset: str | None = None
    facts: dict[str, Any] = {}
    #: How it was set up, without anything secret.
    config: dict[str, Any] = {}
    priority: int = 0


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """Something of the source that is not in the archive, and why."""

    path: str
    reason: str


class TreeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the tree of the archive adds up to."""

    file_count: int
    directory_count: int
    symlink_count: int
    size_bytes: int
    #: Files that never held still; their lines say so.
    torn_count: int
    #: The first of what was left out; *skipped_count* counts all.
    skipped: list[Skipped]
    skipped_count: int


class TreeCounts(Protocol):
    """What a run counted of a tree, however it stored it."""

    file_count: int
    directory_count: int
    symlink_count: int
    size_bytes: int
    torn_count: int


def tree_facts(counts: TreeCounts, skipped: Sequence[tuple[bytes, str]]) -> TreeFacts:
    """Return what is told of a tree; *skipped* are paths that were left out, with reasons."""
    return TreeFacts(
        file_count=counts.file_count,
        directory_count=counts.directory_count,
        symlink_count=counts.symlink_count,
        size_bytes=counts.size_bytes,
        torn_count=counts.torn_count,
        skipped=[
            Skipped(path=path.decode("utf-8", "replace"), reason=reason)
            for path, reason in skipped[:_MOST_TOLD]
        ],
        skipped_count=len(skipped),
    )


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All that has to be known of an archive to check it and to get it back."""

    format: Literal["keepsake-archive"] = "keepsake-archive"
    version: int = VERSION
    archive_id: str
    store_id: str
    kind: str
    created_at: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    keepsake_version: str
    source: SourceFacts
    members: list[Member]
    tree: TreeFacts | None = None
    #: What depends on the kind: tables with counts and checksums, items.
    contents: dict[str, Any] = {}


def write_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as it stands in the bundle: JSON that people can read as well."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def read_manifest(content: bytes) -> Manifest:
    """Return the manifest. Raises ``ManifestError``, also for versions of tomorrow."""
    try:
        head = msgspec.json.decode(content, type=_Head)
    except _UNREADABLE:
        raise ManifestError("The manifest cannot be read.") from None
    if head.format != FORMAT:
        raise ManifestError("The manifest is not one of Keepsake's.")
    if head.version != VERSION:
        raise ManifestError(
            f"The archive has version {head.version} of the format; this program reads"
            f" version {VERSION}."
        )
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except _UNREADABLE:
        raise ManifestError("The manifest cannot be read.") from None
    paths = {member.path for member in manifest.members}
    if len(paths) < len(manifest.members) or not all(
        is_safe(path.encode(errors="surrogatepass")) for path in paths
    ):
        raise ManifestError("The manifest lists what no bundle can hold.")
    return manifest


class _Head(msgspec.Struct):
    format: str
    version: int


def signing_key(secret: str, *, store_id: str) -> bytes:
    """Return the key that manifests of a store are signed with; it tells nothing of *secret*."""
    return HKDF(
        algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=store_id.encode(), info=_KEY_LABEL
    ).derive(secret.encode())


def sign(content: bytes, key: bytes) -> bytes:
    """Return the member that signs a manifest."""
    return hmac.new(key, content, hashlib.sha256).hexdigest().encode() + b"\n"


def is_signed(content: bytes, signature: bytes, key: bytes) -> bool:
    """Whether *signature* was made of these bytes with this key."""
    return hmac.compare_digest(sign(content, key), signature)
