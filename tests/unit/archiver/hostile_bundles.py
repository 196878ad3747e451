"""Bundles as somebody writes them who means harm: what they hold adds up, or does not."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from services.archiver.format.compression import compressed
from services.archiver.format.manifest import TREE_MEMBER, sign, signing_key
from services.archiver.format.names import bundle_path
from services.archiver.format.tree import TreeEntry, write_line
from services.archiver.store.transport import Transport
from tests.unit.archiver.generated_store import MOMENT, PASSWORD, SOURCE_ID, STORE_ID

KIND = "device_backup"


def compress(content: bytes) -> bytes:
    """Return *content* as zstd."""
    output = io.BytesIO()
    with compressed(output, "zst") as plain:
        plain.write(content)
    return output.getvalue()


def make_bundle(
    members: Sequence[tuple[str, bytes]],
    *,
    size_bytes: int = 0,
    edit: Callable[[dict[str, Any]], dict[str, Any]] = lambda manifest: manifest,
    headers: Iterable[tarfile.TarInfo] = (),
) -> bytes:
    """Return a signed bundle; *edit* changes its manifest, *headers* are put in behind it."""
    manifest = {
        "format": "keepsake-archive",
        "version": 1,
        "archive_id": "x",
        "store_id": STORE_ID,
        "kind": KIND,
        "created_at": MOMENT.isoformat(),
        "keepsake_version": "0",
        "source": {"id": SOURCE_ID, "name": "A phone", "type": KIND},
        "members": [
            {"path": path, "size_bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            for path, body in members
        ],
        "tree": {
            "file_count": 0, "directory_count": 0, "symlink_count": 0, "size_bytes": size_bytes,
            "torn_count": 0, "skipped": [], "skipped_count": 0,
        },
    }  # fmt: skip
    content = json.dumps(edit(manifest)).encode()
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        signature = sign(content, signing_key(PASSWORD, store_id=STORE_ID))
        for path, body in (
            ("manifest.json", content), ("manifest.json.hmac", signature), *members,
        ):  # fmt: skip
            header = tarfile.TarInfo(path)
            header.size = len(body)
            tar.addfile(header, io.BytesIO(body))
            if path == "manifest.json.hmac":
                for extra in headers:
                    tar.addfile(extra)
    return compress(plain.getvalue())


def put_tree_bundle(
    transport: Transport,
    entries: Iterable[TreeEntry],
    *,
    edit: Callable[[dict[str, Any]], dict[str, Any]] = lambda manifest: manifest,
) -> str:
    """Store a bundle with a tree, and return where it lies."""
    kept = list(entries)
    lines = b"".join(write_line(entry) for entry in kept)
    size_bytes = sum(entry.size_bytes for entry in kept)
    path = bundle_path(SOURCE_ID, at=MOMENT, kind=KIND)
    bundle = make_bundle([(TREE_MEMBER, compress(lines))], size_bytes=size_bytes, edit=edit)
    transport.put(path, [bundle])
    return path
