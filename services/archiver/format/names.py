"""Where things lie in a destination, and how blobs are cut.

Everything is named by what it holds, so nothing is stored twice, and a name proves its content.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Iterator

#: No blob is longer; readers take what others cut.
MOST_BLOB_BYTES = 16 * 1024 * 1024
#: Larger files are cut into blobs of this size; a file up to it is one blob. A page that is edited
#: in a database costs one, and more of them make more objects.
CHUNK_BYTES = 8 * 1024 * 1024
#: Smaller blobs share packs, larger ones are objects of their own.
SMALL_BYTES = 4 * 1024 * 1024
#: A pack is closed before it exceeds this with all its headers, but for the blocks that end it.
PACK_BYTES = 32 * 1024 * 1024

STORE_FILE = "keepsake-store.json"
CANARY_FILE = "keepsake-canary"

_HEX = re.compile(r"[0-9a-f]{64}")
_BUNDLE = re.compile(
    r"bundles/(?P<source>[0-9a-f-]{36})/"
    r"backup_(?P<at>[0-9]{14})\.(?P<kind>[a-z0-9_]{1,40})\.tar\.(?P<compression>zst|gz)"
)
_CLOCK = "%Y%m%d%H%M%S"


def sha256_hex(content: bytes | bytearray | memoryview) -> str:
    """Return how a blob is called."""
    return hashlib.sha256(content).hexdigest()


def is_name(value: str) -> bool:
    """Whether *value* is what blobs and packs are called: a SHA-256 in small letters."""
    return _HEX.fullmatch(value) is not None


def object_path(sha256: str) -> str:
    """Return where the blob of that name lies, unless it is in a pack."""
    return f"objects/{sha256[:2]}/{sha256}"


def pack_name(blobs: Iterable[str]) -> str:
    """Return how a pack of these *blobs*, in this order, is called: the hash of its listing.

    It is what ``tar -tf PACK | sha256sum`` prints.
    """
    return hashlib.sha256("".join(f"{blob}\n" for blob in blobs).encode()).hexdigest()


def pack_path(name: str) -> str:
    """Return where the pack of that name lies."""
    return f"packs/{name[:2]}/{name}.tar"


def parse_object_path(path: str) -> tuple[str, bool] | None:
    """Return the name of the object at *path* and whether it is a pack; None for anything else."""
    folder, _, rest = path.partition("/")
    prefix, _, name = rest.partition("/")
    is_pack = folder == "packs" and name.endswith(".tar")
    name = name.removesuffix(".tar") if is_pack else name
    if folder not in ("objects", "packs") or (folder == "packs") != is_pack:
        return None
    return (name, is_pack) if _HEX.fullmatch(name) and name.startswith(prefix) else None


def bundle_path(source_id: str, *, at: dt.datetime, kind: str, compression: str = "zst") -> str:
    """Return where the bundle of an archive lies. *at* is in UTC and names the archive."""
    name = f"backup_{at.astimezone(dt.UTC).strftime(_CLOCK)}.{kind}.tar.{compression}"
    path = f"bundles/{source_id}/{name}"
    if not _BUNDLE.fullmatch(path):
        raise ValueError("that is no name of an archive")
    return path


def parse_bundle_path(path: str) -> tuple[str, dt.datetime, str] | None:
    """Return source, moment and kind of a bundle; None for any other path."""
    found = _BUNDLE.fullmatch(path)
    if found is None:
        return None
    try:
        at = dt.datetime.strptime(found["at"], _CLOCK).replace(tzinfo=dt.UTC)
    except ValueError:
        return None
    return found["source"], at, found["kind"]


def cut(size_bytes: int) -> Iterator[int]:
    """Yield the lengths of the blobs of a file; none for an empty one."""
    while size_bytes > 0:
        yield min(size_bytes, CHUNK_BYTES)
        size_bytes -= CHUNK_BYTES
