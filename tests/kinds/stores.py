"""The stores at hand, by kind: those of the public samples, and those of the demo phone.

A sample is a whole backup with a readable manifest, or loose files: then a file counts as the one
that a kind needs when it has its name. Files of one phone are read together.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from services.indexer.kinds import PARSERS
from services.indexer.kinds.protocol import FOLDER, NeededFile

#: What is known of the versions of the samples, by the beginning of their paths.
_VERSIONS = (
    ("abrignoni+iLEAPP/josh_ios15", "15.3"),
    ("abrignoni+iLEAPP/josh_ios17", "17.3"),
    ("abrignoni+iLEAPP/mvs_ios_2023", "16.1"),
    ("abrignoni+iLEAPP/belkasoft", "16.3"),
    ("log2timeline+plaso/ios", "14"),
    ("log2timeline+plaso", "14"),
    ("mvt-project+mvt", "14.3"),
    ("novkostya+ios-backup-parser", "18"),
    ("derived", "18"),
    ("ReagentX+imessage-exporter", "18"),
)
#: macOS keeps photos in the model of the iOS of its year.
_LIBRARY = re.compile(r"Test-\D*?(\d+)[._](\d+)")
_IOS_OF_MACOS = {10.15: "13", 10.16: "14", 11.0: "14", 12.0: "15", 13.0: "16", 14.0: "17",
                 15.0: "18", 26.0: "26"}  # fmt: skip
_SIBLINGS = ("-wal", "-shm")


@dataclass
class Stores:
    """The files of one phone that one kind reads, by ``domain/relative_path``."""

    kind: str
    origin: str
    version: str
    files: dict[str, Path] = field(default_factory=dict)


def sample_stores(samples: Path) -> list[Stores]:
    """Return the stores of the public samples that some kind reads."""
    found: dict[tuple[str, str], Stores] = {}
    for origin, name, path in _sample_files(samples):
        for kind, parser in PARSERS.items():
            for needed in parser.files:
                place = _place(needed, name)
                if place is None:
                    continue
                stores = found.setdefault(
                    (kind, origin), Stores(kind=kind, origin=origin, version=_version(origin))
                )
                stores.files.setdefault(place, path)
                break
    # Pictures of contacts alone are no address book.
    return [one for one in found.values() if _has_store(one)]


def demo_stores(files: Mapping[str, Path]) -> list[Stores]:
    """Return the stores among the files of a demo phone, which are given like those of a sample."""
    return [
        stores
        for kind, parser in PARSERS.items()
        if (
            stores := Stores(
                kind=kind,
                origin="demo",
                version="demo",
                files={
                    name: path
                    for name, path in files.items()
                    if any(needed.is_among([name]) for needed in parser.files)
                },
            )
        ).files
        and _has_store(stores)
    ]


def _has_store(stores: Stores) -> bool:
    needed = PARSERS[stores.kind].files
    return any(one.required and one.is_among(stores.files) for one in needed)


def _place(needed: NeededFile, name: str) -> str | None:
    """Return the name under which *name* is what is *needed*; loose files have no domain."""
    if "/" in name:
        return name if needed.is_among([name]) else None
    if needed.domain == FOLDER:
        return None
    wanted = needed.relative_path.rpartition("/")[2]
    # One that stands for anything would take everything.
    if wanted.strip("*.") == "" or wanted.startswith("*."):
        return None
    for candidate in (name, re.sub(r"^[a-z]+\.\d+\.", "", name)):
        if fnmatchcase(candidate, wanted):
            folder = needed.relative_path.removesuffix(wanted).replace("*", "x")
            return f"{needed.domain.replace('*', 'x')}/{folder}{candidate}"
    return None


def _sample_files(samples: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield origin, name and place of every file; names of whole backups have their domain."""
    backups = [
        manifest.parent
        for manifest in sorted(samples.rglob("Manifest.db"))
        if manifest.read_bytes()[:15] == b"SQLite format 3"
    ]
    everything = sorted(samples.rglob("Manifest.plist")) + sorted(samples.rglob("Manifest.db"))
    folders = {path.parent for path in everything}
    for backup in backups:
        origin = str(backup.relative_to(samples))
        yield origin, f"{FOLDER}/Info.plist", backup / "Info.plist"
        connection = sqlite3.connect(f"file:{backup / 'Manifest.db'}?immutable=1", uri=True)
        rows = connection.execute("select fileID, domain, relativePath from Files where flags = 1")
        for file_id, domain, relative_path in rows:
            blob = backup / file_id[:2] / file_id
            if blob.exists() and not relative_path.endswith(_SIBLINGS):
                yield origin, f"{domain}/{relative_path}", blob
        connection.close()
    for path in sorted(samples.rglob("*")):
        if any(folder in path.parents for folder in folders) or not path.is_file():
            continue
        if path.name.endswith(_SIBLINGS):
            continue
        yield _origin(path.relative_to(samples)), path.name, path


def _origin(path: Path) -> str:
    """Return what files of one phone have in common."""
    library = next((part for part in path.parts if part.endswith(".photoslibrary")), None)
    if library:
        return f"{path.parts[0]}/{library}"
    return "/".join(path.parts[:-1][:2])


def _version(origin: str) -> str:
    match = _LIBRARY.search(origin)
    if match is not None and "photoslibrary" in origin:
        major, minor = int(match[1]), match[2]
        if major == 5:
            return "13"
        key = float(f"{major}.{minor}") if major == 10 else float(major)
        return _IOS_OF_MACOS.get(key, "?")
    return next((version for start, version in _VERSIONS if origin.startswith(start)), "?")
