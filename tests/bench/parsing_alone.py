"""What a parser takes by itself: its process, without what fetches files and stores rows."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from deploy.demo.container import PhoneFile
from services.indexer.kinds import PARSERS
from services.indexer.kinds.backup_files import file_id_of
from services.indexer.kinds.protocol import ListedFile
from services.indexer.parsing.frames import HEAD, WorkerRequest


def measure(kind: str, files: list[PhoneFile]) -> float:
    """Return processor seconds of parsing *files*, from the start of the process to its end."""
    parser = PARSERS[kind]
    with tempfile.TemporaryDirectory(prefix="ks-parse-") as name:
        folder = Path(name)
        copies: dict[str, str] = {}
        for number, file in enumerate(files):
            known = f"{file.domain}/{file.relative_path}"
            if any(needed.is_among([known]) for needed in parser.files):
                copy = folder / f"{number}.db"
                copy.write_bytes(file.content)
                copies[known] = str(copy)
        listing = folder / "listing.jsonl"
        listing.write_bytes(b"\n".join(msgspec.json.encode(_listed(file)) for file in files))
        request = WorkerRequest(
            kind=kind, files=copies, listing=str(listing) if parser.listings else None, region="US"
        )
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-m", "services.indexer.parsing.parse_worker"],
            input=msgspec.json.encode(request), capture_output=True, check=True,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = _last_frame(done.stdout)
    assert report["state"] == "indexed", report
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _last_frame(frames: bytes) -> dict[str, Any]:
    at, body = 0, b""
    while at < len(frames):
        _, length = HEAD.unpack_from(frames, at)
        body = frames[at + HEAD.size : at + HEAD.size + length]
        at += HEAD.size + length
    report: dict[str, Any] = json.loads(body)
    return report


def _listed(file: PhoneFile) -> ListedFile:
    return ListedFile(
        file.domain,
        file.relative_path,
        file_id_of(file.domain, file.relative_path),
        len(file.content),
    )
