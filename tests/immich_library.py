"""A photo library as Immich keeps it, made for tests: small, with everything that matters."""

from __future__ import annotations

import datetime as dt
import gzip
import os
from pathlib import Path

FOLDERS = ("backups", "encoded-video", "library", "profile", "thumbs", "upload")
PERSON = "3f0b7a52-9a53-4ad6-8f3c-0d9e0f5a7c11"
DUMP = b"""--
-- PostgreSQL database dump
--
CREATE TABLE public.asset (id uuid);
--
-- PostgreSQL database dump complete
--

\\unrestrict 8s7dTtGh

"""


def make_library(root: Path, *, dump_age: dt.timedelta = dt.timedelta(hours=3)) -> Path:
    """Make a library in *root* and return its newest dump."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
        (root / name / ".immich").write_text("1753927200000")
    for path, content in (
        ("library/admin/2026/07/IMG_0001.HEIC", b"a photo"),
        ("library/admin/2026/07/IMG_0001.HEIC.xmp", b"<x/>"),
        (f"upload/{PERSON}/0a/1b/0a1b.jpg", b"one that was sent a moment ago"),
        (f"profile/{PERSON}/face.jpg", b"a face"),
        (f"thumbs/{PERSON}/0a/1b/0a1b-preview.jpeg", b"made anew"),
        (f"encoded-video/{PERSON}/0a/1b/0a1b.mp4", b"made anew as well"),
        ("notes.txt", b"somebody's own"),
        ("postgres/PG_VERSION", b"14\n"),
        ("postgres/base/1/1259", b"the database's own"),
        ("pgdata/PG_VERSION", b"14\n"),
        ("backups/restore-point-20260101T000000-v1.0.0-pg14.1.sql.gz", b"not one of the night"),
        ("backups/immich-db-backup-20990101T020000-v9.9.9-pg14.19.sql.gz.tmp", b"unfinished"),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    add_dump(root, age=dump_age + dt.timedelta(days=1), server="2.4.1")
    return add_dump(root, age=dump_age)


def add_dump(
    root: Path, *, age: dt.timedelta, server: str = "2.5.0", content: bytes = DUMP
) -> Path:
    """Add a dump that was made that long ago, and return it."""
    at = dt.datetime.now(dt.UTC) - age
    name = f"immich-db-backup-{at:%Y%m%dT%H%M%S}-v{server}-pg14.19.sql.gz"
    path = root / "backups" / name
    path.write_bytes(gzip.compress(content))
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path
