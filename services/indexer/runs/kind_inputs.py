"""One digest of everything that decides what a run finds in a kind.

Two runs with the same digest find the same artifacts and say the same of them, so the second one
need not read. It covers the bytes of every copy, the listings, what was missing, the settings, the
parser's version, and the code and data that parsers use; names and times of files prove nothing.
Whatever makes the outcome depend on something new belongs in here.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
import zoneinfo
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec

from services.indexer.parsing.frames import WorkerRequest

#: Under which names the contents of listings stand.
LISTING, APPS = "listing.jsonl", "apps.jsonl"

_CODE = Path(__file__).parents[1]
_SHARED = Path(__file__).parents[3] / "shared"
#: What of a request says where copies lie and how the work is shared, not what there is to find.
_PLACES: dict[str, Any] = {
    "files": {}, "listing": None, "apps": None, "known": None, "held": None, "remember": None,
    "divide_from": 0, "halve_from": None,
}  # fmt: skip


def digest_of(
    request: WorkerRequest, *, contents: Mapping[tuple[str, str], bytes], version: int
) -> bytes | None:
    """Return the digest of a *request* to the parser of *version*.

    *contents* are the SHA-256 of the plaintext of every copy by its name and what it is of it;
    None unless there is one of each.
    """
    listed = [name for name, path in ((LISTING, request.listing), (APPS, request.apps)) if path]
    if any((name, "") not in contents for name in (*request.files, *listed)):
        return None
    said = (
        msgspec.structs.replace(request, **_PLACES),
        sorted(request.files),
        sorted((*name, content.hex()) for name, content in contents.items()),
        version,
        _code(),
    )
    return hashlib.sha256(msgspec.json.encode(said)).digest()


@cache
def _code() -> str:
    """Return what stands for the code of parsers, the libraries and the time zones they use.

    Installed packages count with their versions, as parsers that they bring do.
    """
    files = sorted([*_CODE.rglob("*.py"), *_SHARED.rglob("*.py")])
    if not files:
        return token_hex()  # nobody knows what is running: only this process is like itself
    code = hashlib.sha256()
    for file in files:
        code.update(hashlib.sha256(file.read_bytes()).digest())
    installed = sorted(
        found.name
        for folder in {Path(path) for path in sys.path}
        for pattern in ("*.dist-info", "*.egg-info")
        for found in folder.glob(pattern)
    )
    return msgspec.json.encode(
        (code.hexdigest(), sys.version, sqlite3.sqlite_version, installed, _zones())
    ).decode()


def _zones() -> list[str]:
    """Return which time zones there are; a file that nobody can read says that there is none."""
    said = []
    for folder in map(Path, zoneinfo.TZPATH):
        try:
            said.append(f"{folder} {folder.stat().st_mtime_ns}")
            with (folder / "tzdata.zi").open(encoding="utf-8") as file:
                said.append(file.readline(100))
        except (OSError, UnicodeDecodeError):
            continue
    return said
