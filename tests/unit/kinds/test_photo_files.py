"""Photos of which only the files are in the backup."""

from __future__ import annotations

import base64
import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.demo.photos import LIBRARY, DemoLibrary, attributes_of
from services.indexer.kinds.backup_files import file_id_of
from services.indexer.kinds.photo.attributes import read_attributes
from services.indexer.kinds.protocol import ListedFile
from services.indexer.runs.session_files import ListedLine
from tests.unit.kinds.collected import Collected, parse

DOMAIN = "CameraRollDomain"
KEY = "0D96E8BA-323E-480A-BF27-0DDEE52719A9"
AT = dt.datetime(2021, 1, 31, 14, 5, tzinfo=dt.UTC)


def line(
    path: str, *, attributes: dict[str, bytes] | None = None, at: dt.datetime | None = AT
) -> dict[str, Any]:
    return {
        "domain": DOMAIN,
        "relative_path": f"Media/{path}",
        "file_id": file_id_of(DOMAIN, f"Media/{path}"),
        "size_bytes": 1000,
        "present": True,
        "created_at": None if at is None else at.isoformat(),
        "attributes": None
        if attributes is None
        else {name: base64.b64encode(value).decode() for name, value in attributes.items()},
    }


def run(folder: Path, *lines: dict[str, Any]) -> Collected:
    return parse("photo", {}, folder, listing=list(lines))


def test_a_file_with_attributes_is_the_photo_that_the_database_would_tell_of(
    tmp_path: Path,
) -> None:
    said = attributes_of(KEY, name="Sunset.HEIC", taken_at=AT, offset=3600, favorite=1, hidden=1)
    found = run(tmp_path, line("DCIM/100APPLE/IMG_0001.HEIC", attributes=said))
    payload = found.payload(KEY)
    assert (payload["original_name"], payload["file_name"]) == ("Sunset.HEIC", "IMG_0001.HEIC")
    assert payload["taken_at_local"] == "2021-01-31T15:05:00+01:00"
    assert payload["time_zone"] == "Europe/Zurich"
    assert (payload["is_favourite"], payload["is_hidden"]) == (True, True)
    assert (payload["source"], payload["taken_with"]) == ("phone", "rear_camera")
    assert payload["is_file_alone"] is True
    assert "is_trashed" not in payload
    assert "The backup has no database of photos; their files tell less." in found.tally.notes


def test_a_file_without_attributes_is_known_by_its_path_and_time(tmp_path: Path) -> None:
    found = run(tmp_path, line("DCIM/100APPLE/IMG_0001.JPG"))
    (artifact,) = found.artifacts
    assert artifact.key == "file:Media/DCIM/100APPLE/IMG_0001.JPG"
    assert artifact.occurred_at_us == int(AT.timestamp() * 1_000_000)


def test_files_of_one_stem_are_one_photo(tmp_path: Path) -> None:
    said = attributes_of(KEY, name="IMG_0001.HEIC", taken_at=AT)
    found = run(
        tmp_path,
        line("DCIM/100APPLE/IMG_0001.MOV"),
        line("DCIM/100APPLE/IMG_0001.HEIC", attributes=said),
        line("DCIM/100APPLE/IMG_0001.AAE"),
        line("DCIM/100APPLE/IMG_0002.DNG"),
        line("DCIM/100APPLE/IMG_0002.JPG"),
        line("PhotoData/Mutations/DCIM/100APPLE/IMG_0002/Adjustments/FullSizeRender.heic"),
        line("PhotoData/Mutations/DCIM/100APPLE/IMG_0002/Adjustments/Adjustments.plist"),
        line("PhotoData/Thumbnails/V2/DCIM/100APPLE/IMG_0002.JPG/5003.JPG"),
        line("PhotoData/CPLAssets/group12/0B428717.MOV"),
    )
    assert len(found.artifacts) == 3
    live = found.payload(KEY)
    assert live["form"] == "live_photo"
    assert [info["role"] for info in live["files"]] == ["original", "live_photo", "adjustments"]
    edited = found.payload("file:Media/DCIM/100APPLE/IMG_0002.JPG")
    assert [info["role"] for info in edited["files"]] == [
        "edited", "original", "raw", "adjustments", "thumbnail",
    ]  # fmt: skip
    names = [file.name for one in found.artifacts for file in one.attachments]
    assert {"IMG_0001.AAE", "IMG_0002.AAE"} <= set(names)
    assert found.payload("file:Media/PhotoData/CPLAssets/group12/0B428717.MOV")["media"] == "video"


def test_what_is_no_picture_of_the_camera_is_left_alone(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        line("DCIM/.MISC/Incoming"),
        line("DCIM/100APPLE/IMG_0001.AAE"),
        line("PhotoData/Thumbnails/V2/DCIM/100APPLE/IMG_0009.JPG/5005.JPG"),
        line("PhotoData/Photos.sqlite"),
    )
    assert found.artifacts == []


def test_files_that_the_database_does_not_know_are_photos_too(tmp_path: Path) -> None:
    library = DemoLibrary()
    library.picture("IMG_0001.JPG", at=AT)
    found = parse(
        "photo",
        {f"{DOMAIN}/{LIBRARY}": library.database.to_bytes()},
        tmp_path,
        listing=[line("DCIM/100APPLE/IMG_0001.JPG"), line("DCIM/100APPLE/IMG_0002.JPG")],
    )
    alone = [found.payload(one.key).get("is_file_alone", False) for one in found.artifacts]
    assert alone == [False, True]
    assert not found.tally.notes


def test_a_file_claims_no_identity_that_the_database_knows(tmp_path: Path) -> None:
    library = DemoLibrary()
    library.picture("IMG_0001.JPG", at=AT, ZUUID=KEY)
    said = attributes_of(KEY, name="A.JPG", taken_at=AT)
    found = parse(
        "photo",
        {f"{DOMAIN}/{LIBRARY}": library.database.to_bytes()},
        tmp_path,
        listing=[line("DCIM/100APPLE/IMG_0002.JPG", attributes=said)],
    )
    assert [one.key for one in found.artifacts] == [KEY]
    assert found.tally.skipped == 1


def test_photos_come_in_the_order_of_time_and_those_without_one_last(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        line("DCIM/100APPLE/IMG_0003.JPG", at=None),
        line("DCIM/100APPLE/IMG_0002.JPG", at=AT + dt.timedelta(days=1)),
        line("DCIM/100APPLE/IMG_0001.JPG", at=AT),
    )
    names = [found.payload(one.key)["file_name"] for one in found.artifacts]
    assert names == ["IMG_0001.JPG", "IMG_0002.JPG", "IMG_0003.JPG"]
    assert found.artifacts[2].occurred_at_us is None


def test_one_identity_counts_once(tmp_path: Path) -> None:
    said = attributes_of(KEY, name="A.JPG", taken_at=AT)
    found = run(
        tmp_path,
        line("DCIM/100APPLE/IMG_0001.JPG", attributes=said),
        line("DCIM/100APPLE/IMG_0002.JPG", attributes=said),
    )
    assert len(found.artifacts) == 1
    assert "Several records claim the same identity." in found.tally.notes


@pytest.mark.parametrize("value", [b"", b"x", b"\xff" * 8, bytes(9), b"bplist00", b"\0" * 2000])
def test_attributes_of_another_form_are_left_out(value: bytes) -> None:
    names = (*attributes_of(KEY, name="A", taken_at=AT), "com.apple.assetsd.avalanche.UUID")
    for name in names:
        said = read_attributes({name: value})
        assert said.key is None
        assert said.taken_at is None
        assert said.offset_seconds is None or abs(said.offset_seconds) < 64_800


def test_lines_of_the_indexer_are_what_parsers_read() -> None:
    written = ListedLine(
        domain=DOMAIN,
        relative_path="Media/a.JPG",
        file_id="0" * 40,
        size_bytes=None,
        present=None,
        created_at=AT,
        attributes={"com.apple.assetsd.UUID": bytes(16)},
    )
    read = msgspec.json.decode(msgspec.json.encode(written), type=ListedFile)
    assert read == ListedFile(
        DOMAIN, "Media/a.JPG", "0" * 40, None, None, None, AT, written.attributes
    )
