"""Real Photos libraries of iOS 13 to 17's model, and a real manifest with files alone."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from services.indexer.kinds.photo.times import moment_us
from shared.ios_backup.extended_attributes import read_extended_attributes
from shared.ios_backup.manifest_entry import read_archive
from tests.unit.kinds.collected import Collected, parse

SAMPLES = os.environ.get("KEEPSAKE_SAMPLES")
FOLDER = Path(SAMPLES or "/nonexistent") / "ios" / "RhetTbull+osxphotos"
MVT = Path(SAMPLES or "/nonexistent") / "ios/mvt-project+mvt/ios_backup/Manifest.db"
STORE = "CameraRollDomain/Media/PhotoData/Photos.sqlite"

pytestmark = pytest.mark.skipif(SAMPLES is None, reason="KEEPSAKE_SAMPLES is not set")

EXPECTED: dict[str, Any] = (
    json.loads((FOLDER / "EXPECTED-photos.D.json").read_text()) if FOLDER.is_dir() else {}
)
MEDIA = {0: "photo", 1: "video"}


def run(library: str, folder: Path) -> Collected:
    store = FOLDER / f"{library}.photoslibrary" / "database" / "Photos.sqlite"
    return parse("photo", {STORE: store}, folder)


def faces_of_no_photo(library: str) -> int:
    store = FOLDER / f"{library}.photoslibrary" / "database" / "Photos.sqlite"
    with sqlite3.connect(f"file:{store}?mode=ro&immutable=1", uri=True) as connection:
        columns = {row[1] for row in connection.execute("pragma table_info(ZDETECTEDFACE)")}
        asset = "ZASSETFORFACE" if "ZASSETFORFACE" in columns else "ZASSET"
        person = "ZPERSONFORFACE" if "ZPERSONFORFACE" in columns else "ZPERSON"
        found = connection.execute(
            f"select count(*) from ZDETECTEDFACE f join ZPERSON p on p.Z_PK = f.{person}"
            f" where p.ZFULLNAME <> '' and f.{asset} is null"
        )
        return int(found.fetchone()[0])


def as_expected(asset: dict[str, Any]) -> dict[str, Any]:
    has_place = asset["lat"] != -180.0
    return {
        "original_name": asset["orig"],
        "file_name": None if asset["dir"].startswith("/") else asset["file"],
        "occurred_at_us": moment_us(asset["created"]),
        "utc_offset_seconds": asset["tzoff"],
        "media": MEDIA[asset["kind"]],
        "size": (asset["w"], asset["h"]),
        "place": (asset["lat"], asset["lon"]) if has_place else None,
        "trashed": bool(asset["trashed"]),
        "hidden": bool(asset["hidden"]),
        "favourite": bool(asset["fav"]),
        "title": asset["title"] or None,
    }


def as_read(found: Collected, key: str) -> dict[str, Any]:
    payload, artifact = found.payload(key), found.find(key)
    place = payload.get("place")
    is_inferred = payload.get("is_offset_inferred", False)
    return {
        "original_name": payload.get("original_name"),
        "file_name": payload.get("file_name"),
        "occurred_at_us": artifact.occurred_at_us if "taken_at" in payload else None,
        "utc_offset_seconds": None if is_inferred else payload.get("utc_offset_seconds"),
        "media": payload["media"],
        "size": (payload.get("width"), payload.get("height")),
        "place": (place["latitude"], place["longitude"]) if place else None,
        "trashed": payload.get("is_trashed", False),
        "hidden": payload.get("is_hidden", False),
        "favourite": payload.get("is_favourite", False),
        "title": payload.get("title"),
    }


@pytest.mark.parametrize("library", EXPECTED)
def test_every_photo_of_a_real_library_is_read_as_expected(library: str, tmp_path: Path) -> None:
    stats = EXPECTED[library]["stats"]
    found = run(library, tmp_path)
    assert {one.key: as_read(found, one.key) for one in found.artifacts} == {
        asset["uuid"]: as_expected(asset) for asset in stats["assets_list"]
    }
    assert len(found.artifacts) == found.tally.kept == stats["assets"]
    assert (found.tally.skipped, found.tally.undecodable, found.tally.notes) == (0, 0, {})


@pytest.mark.parametrize("library", EXPECTED)
def test_albums_of_a_real_library_hold_what_is_expected(library: str, tmp_path: Path) -> None:
    stats = EXPECTED[library]["stats"]
    albums = {one["Z_PK"]: one for one in stats["albums"] if one["ZKIND"] in (2, 1505)}
    found = run(library, tmp_path)
    held = Counter(
        album["key"]
        for one in found.artifacts
        for album in found.payload(one.key).get("albums", ())
    )
    expected = {
        albums[int(name.rpartition("#")[2])]["ZUUID"]: count
        for name, count in stats["album_members"].items()
        if int(name.rpartition("#")[2]) in albums
    }
    assert dict(held) == expected
    assert {thread.key: thread.title for thread in found.threads} == {
        one["ZUUID"]: one["ZTITLE"] for one in albums.values() if not one["ZTRASHEDSTATE"]
    }


@pytest.mark.parametrize("library", EXPECTED)
def test_faces_states_and_forms_of_a_real_library_are_as_many(library: str, tmp_path: Path) -> None:
    stats = EXPECTED[library]["stats"]
    found = run(library, tmp_path)
    payloads = [found.payload(one.key) for one in found.artifacts]
    faces = [face["name"] for payload in payloads for face in payload.get("people", ())]
    assert len(faces) == stats["named_faces"] - faces_of_no_photo(library)
    assert set(faces) <= set(stats["persons"])
    edited = stats["ZHASADJUSTMENTS"].get("1", 0)
    assert sum(payload.get("is_edited", False) for payload in payloads) == edited
    apart = sum(count for state, count in stats["ZVISIBILITYSTATE"].items() if state != "0")
    assert sum(payload.get("is_kept_apart", False) for payload in payloads) == apart
    shots = stats["ZKINDSUBTYPE"].get("10", 0)
    assert sum(payload.get("form") == "screenshot" for payload in payloads) == shots
    shared = stats["ZSAVEDASSETTYPE"].get("4", 0)
    assert sum(payload.get("source") == "shared_album" for payload in payloads) == shared


def test_comments_of_a_real_shared_album_have_their_people(tmp_path: Path) -> None:
    found = run("Test-Cloud-13.1", tmp_path)
    said = [
        (comment.get("by"), comment.get("text"), comment.get("is_mine", False))
        for one in found.artifacts
        for comment in found.payload(one.key).get("comments", ())
    ]
    assert len(said) == 8
    assert ("Rhet Turnbull", "Nice photo!", False) in said
    assert ("Wallace Rutherford", "Wish I was back here!", True) in said
    assert sum(text is None for _, text, _ in said) == 3


def test_addresses_of_a_real_library_are_read(tmp_path: Path) -> None:
    found = run("Test-14.6.0", tmp_path)
    places = [found.payload(one.key).get("place", {}) for one in found.artifacts]
    addresses = {place["address"] for place in places if "address" in place}
    assert "River Torrens Linear Park Trl, SA 5000, Australia" in addresses
    assert len([place for place in places if "address" in place]) == 3


def test_a_real_camera_roll_is_read_from_its_files_alone(tmp_path: Path) -> None:
    uri = f"file:{str(MVT).replace('+', '%2b')}?immutable=1"
    with sqlite3.connect(uri, uri=True) as connection:
        rows = connection.execute(
            "select fileID, relativePath, file from Files"
            " where domain = 'CameraRollDomain' and flags = 1"
        ).fetchall()
    listing = []
    for file_id, path, blob in rows:
        facts = read_archive(blob)
        said = read_extended_attributes(facts.extended_attributes, prefix="com.apple.assetsd.")
        listing.append(
            {
                "domain": "CameraRollDomain",
                "relative_path": path,
                "file_id": file_id,
                "size_bytes": facts.size_bytes,
                "attributes": {
                    name: base64.b64encode(value).decode() for name, value in said.items()
                },
            }
        )
    found = parse("photo", {}, tmp_path, listing=listing)
    payloads = [found.payload(one.key) for one in found.artifacts]
    # 48 screenshots and a Live Photo of the camera, 13 pictures of the cloud.
    assert len(payloads) == 62
    assert all(len(one.key) == 36 for one in found.artifacts)
    assert Counter(payload["source"] for payload in payloads) == {"phone": 49, "icloud": 13}
    assert [payload["form"] for payload in payloads if "form" in payload] == ["live_photo"]
    # The thumbnails that the backup has belong to all of them.
    roles = Counter(info["role"] for payload in payloads for info in payload["files"])
    assert roles == {"original": 62, "live_photo": 1, "thumbnail": 62}
    assert {payload["utc_offset_seconds"] for payload in payloads} == {3600, 7200}
