"""A sink that keeps what a parser finds, and ways to run a parser over bytes."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from services.indexer.kinds import PARSERS
from services.indexer.kinds.protocol import ParserInputs, Tally
from services.indexer.staging import StagedArtifact, StagedThread, encode_json, encode_row

SMS = "HomeDomain/Library/SMS/sms.db"
BOOK = "HomeDomain/Library/AddressBook/AddressBook.sqlitedb"
IMAGES = "HomeDomain/Library/AddressBook/AddressBookImages.sqlitedb"


class Collected:
    """A list for a sink; every artifact is encoded too, because the real one does it."""

    named_threads = None
    memory = None
    in_halves = False

    def __init__(self) -> None:
        self.tally = Tally()
        self.artifacts: list[StagedArtifact] = []
        self.threads: list[StagedThread] = []

    def artifact(self, artifact: StagedArtifact) -> None:
        assert encode_row(artifact)
        self.artifacts.append(artifact)
        self.tally.kept += 1

    def row(self, row: bytes) -> None:
        raise AssertionError("rows are for sinks that name threads")

    def take_group(self) -> list[bytes]:
        return []

    def divide(self, count: int, work: Callable[[], object]) -> bool:
        return False

    def join(self) -> bytes:
        raise AssertionError("nothing was divided")

    def thread(self, thread: StagedThread) -> None:
        self.threads.append(thread)

    def progress(self, done: int, total: int) -> None:
        assert done <= total

    def find(self, key: str) -> StagedArtifact:
        return next(artifact for artifact in self.artifacts if artifact.key == key)

    def payload(self, key: str) -> dict[str, Any]:
        decoded: dict[str, Any] = msgspec.json.decode(encode_json(self.find(key).payload))
        return decoded


def parse(
    kind: str,
    files: dict[str, bytes | Path],
    folder: Path,
    *,
    listing: list[dict[str, Any]] | None = None,
    apps: list[dict[str, Any]] | None = None,
    region: str | None = "US",
) -> Collected:
    """Run a parser over private copies; a path is copied with its ``-wal``.

    A name that begins with a slash is of a file beside the manifest.
    """
    copies: dict[str, Path] = {}
    for number, (name, content) in enumerate(files.items()):
        copy = folder / f"copy{number}.db"
        if isinstance(content, bytes):
            copy.write_bytes(content)
        else:
            for suffix in ("", "-wal"):
                original = content.with_name(content.name + suffix)
                if original.exists():
                    shutil.copyfile(original, f"{copy}{suffix}")
        copies[name] = copy
    found = Collected()
    inputs = ParserInputs(
        files=copies,
        listing=_lines(listing, folder / "listing.jsonl"),
        apps=_lines(apps, folder / "apps.jsonl"),
        region=region,
    )
    PARSERS[kind].parse(inputs, found)
    return found


def store(folder: Path, *statements: str) -> Path:
    """Make a database of one's own by *statements*."""
    path = folder / "store.db"
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def _lines(entries: list[dict[str, Any]] | None, path: Path) -> Path | None:
    if entries is None:
        return None
    path.write_text("\n".join(json.dumps(entry) for entry in entries))
    return path
