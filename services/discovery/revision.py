"""The name of a backup's state at one completed run."""

from __future__ import annotations

import datetime as dt
import hashlib


def revision_of(
    *, udid: str | None, manifest_date: dt.datetime | None, manifest_sha256: bytes
) -> str:
    """Digest of the device, the manifest's date and its bytes: 32 hex digits.

    A copy of a backup has the same revision wherever it lies, which is how a moved folder is
    recognised and how an indexer knows that it has seen a state before.
    """
    date = "" if manifest_date is None else manifest_date.astimezone(dt.UTC).isoformat()
    named = f"{udid or ''}\0{date}\0".encode() + manifest_sha256
    return hashlib.sha256(named).hexdigest()[:32]
