"""Libraries of photos for tests: minted, parsed, and looked into."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from deploy.demo.container import PhoneFile
from deploy.demo.photos import LIBRARY, DemoLibrary, demo_library
from deploy.demo.photos_database import PhotosDatabase
from deploy.demo.photos_schema import Form
from services.indexer.kinds.backup_files import file_id_of
from services.indexer.staging import StagedArtifact
from tests.unit.kinds.collected import Collected, parse

DOMAIN = "CameraRollDomain"
STORE = f"{DOMAIN}/{LIBRARY}"
FORMS: tuple[Form, ...] = ("13", "16", "18", "26")
AT = dt.datetime(2024, 5, 1, 12, 30, tzinfo=dt.UTC)


def listed(files: list[PhoneFile]) -> list[dict[str, Any]]:
    return [
        {
            "domain": file.domain,
            "relative_path": file.relative_path,
            "file_id": file_id_of(file.domain, file.relative_path),
            "size_bytes": len(file.content),
        }
        for file in files
    ]


def run(
    database: PhotosDatabase, folder: Path, listing: list[dict[str, Any]] | None = None
) -> Collected:
    return parse("photo", {STORE: database.to_bytes()}, folder, listing=listing)


def run_demo(folder: Path, *, form: Form = "18", later: bool = False) -> Collected:
    library: DemoLibrary = demo_library(later=later, form=form)
    return run(library.database, folder, listed(library.files))


def named(found: Collected, name: str) -> tuple[StagedArtifact, dict[str, Any]]:
    artifact = next(
        one for one in found.artifacts if getattr(one.payload, "file_name", None) == name
    )
    return artifact, found.payload(artifact.key)


def roles(artifact: StagedArtifact, payload: dict[str, Any]) -> dict[str, str | None]:
    return {
        info["role"]: artifact.attachments[info["n"]].relative_path for info in payload["files"]
    }
