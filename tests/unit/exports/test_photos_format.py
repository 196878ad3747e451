import csv
import datetime as dt
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from deploy.demo import photos as demo_photos
from services.indexer.exports.formats.photos import FORMAT as PHOTOS
from services.indexer.kinds import PARSERS
from services.indexer.kinds.photo.payload import (
    Album,
    Face,
    FileInfo,
    PhotoPayload,
    Place,
    Role,
)
from shared.contracts.identifiers import ArtifactId
from shared.contracts.indexer import Artifact, Attachment
from tests.unit.exports.exporting import artifact, artifacts_of, export, group
from tests.unit.kinds.collected import parse

TAKEN = dt.datetime(2024, 6, 30, 22, 30, 5, tzinfo=dt.UTC)
SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}


def photo(
    number: int, *roles: Role, name: str = "IMG_0001.HEIC", endings: str = "HEIC", **said: Any
) -> Artifact:
    files = [
        Attachment(
            n=n, name=f"x.{ending}", media_type="image/heic", size_bytes=3, present=True
        )
        for n, ending in enumerate(endings.split())
    ]  # fmt: skip
    fields: dict[str, Any] = {
        "media": "photo", "original_name": name, "taken_at": TAKEN, "utc_offset_seconds": 7200,
        "files": tuple(FileInfo(n=n, role=role) for n, role in enumerate(roles or ("original",))),
    }  # fmt: skip
    return artifact(
        "photo",
        PhotoPayload(**{**fields, **said}),
        id=ArtifactId(str(number)),
        key=f"P{number}",
        occurred_at=TAKEN,
        attachments=files,
    )


def exported(*photos: Artifact) -> dict[str, bytes]:
    """Return the members of an export with all files, whose bytes are their keys and numbers."""
    files = {(one.key, a.n): f"{one.key}/{a.n}".encode() for one in photos for a in one.attachments}
    members, left_out = export(PHOTOS, [(group("photo", "Photos"), photos)], files=files)
    assert not left_out
    return members


def texts(sidecar: bytes, path: str) -> list[str | None]:
    return [found.text for found in ET.fromstring(sidecar).iterfind(f".//{path}", SPACES)]


def test_originals_lie_in_the_month_of_their_own_clock_with_their_own_bytes() -> None:
    members = exported(photo(1))
    assert members["photos/2024/2024-07/IMG_0001.HEIC"] == b"P1/0"
    assert "photos/2024/2024-07/IMG_0001.HEIC.xmp" in members


def test_all_files_of_a_photo_have_one_name_that_no_other_photo_has() -> None:
    roles: tuple[Role, ...] = ("original", "edited", "live_photo", "edited_live_photo", "thumbnail")
    members = exported(
        photo(1, *roles, endings="HEIC JPG MOV MOV JPG"), photo(2, name="img_0001.heic")
    )
    names = {name.rpartition("/")[2] for name in members if name.startswith("photos/")}
    assert names == {
        "IMG_0001.HEIC", "IMG_0001.HEIC.xmp", "IMG_0001_edited.JPG", "IMG_0001_edited.JPG.xmp",
        "IMG_0001.MOV", "IMG_0001_edited.MOV", "img_0001_2.HEIC", "img_0001_2.HEIC.xmp",
    }  # fmt: skip


def test_hidden_and_deleted_photos_lie_apart() -> None:
    members = exported(photo(1, is_hidden=True), photo(2, is_trashed=True, name="B.JPG"))
    assert "hidden/2024/2024-07/IMG_0001.HEIC" in members
    assert "recently deleted/2024/2024-07/B.HEIC" in members


def test_a_sidecar_says_when_where_what_and_who() -> None:
    album = Album(key="A", title="Sea | sun", folders=("2024", "Sum/mer"))
    members = exported(
        photo(
            1, title="Title", caption="On the <beach> & more", keywords=("sea", "sun"),
            is_favourite=True, people=(Face(name="Bea"), Face(name="Ida")), albums=(album,),
            place=Place(latitude=-33.856784, longitude=151.215297, city="Sydney",
                        country="Australia"),
        )
    )  # fmt: skip
    sidecar = members["photos/2024/2024-07/IMG_0001.HEIC.xmp"]
    assert texts(sidecar, "exif:DateTimeOriginal") == ["2024-07-01T00:30:05+02:00"]
    assert texts(sidecar, "photoshop:DateCreated") == ["2024-07-01T00:30:05+02:00"]
    assert texts(sidecar, "xmp:Rating") == ["5"]
    # 33.856784 degrees are 33 degrees and 51.40704 minutes.
    assert texts(sidecar, "exif:GPSLatitude") == ["33,51.407040S"]
    assert texts(sidecar, "exif:GPSLongitude") == ["151,12.917820E"]
    assert texts(sidecar, "dc:title//rdf:li") == ["Title"]
    assert texts(sidecar, "dc:description//rdf:li") == ["On the <beach> & more"]
    assert texts(sidecar, "dc:subject//rdf:li") == ["sea", "sun"]
    assert texts(sidecar, "Iptc4xmpExt:PersonInImage//rdf:li") == ["Bea", "Ida"]
    assert texts(sidecar, "digiKam:TagsList//rdf:li") == [
        "sea", "sun", "People/Bea", "People/Ida", "Albums/2024/Sum-mer/Sea - sun",
    ]  # fmt: skip
    assert texts(sidecar, "lr:hierarchicalSubject//rdf:li")[-1] == "Albums|2024|Sum-mer|Sea - sun"
    assert texts(sidecar, "photoshop:City") == ["Sydney"]


def test_albums_are_told_as_apples_own_export_tells_them() -> None:
    sea = Album(key="A", title="Sea", folders=("2024",))
    sun = Album(key="B", title="Sun", is_shared=True)
    members = exported(
        photo(1, albums=(sea, sun), is_favourite=True, added_at=TAKEN),
        photo(2, name="=B.JPG", albums=(sea,)),
    )
    rows = list(csv.reader(io.StringIO(members["Albums/2024 - Sea.csv"].decode())))
    assert rows == [["Images"], ["IMG_0001.HEIC"], ["B.HEIC"]]
    details = list(csv.DictReader(io.StringIO(members["Photo Details.csv"].decode())))
    assert details[0] == {
        "imgName": "IMG_0001.HEIC", "fileChecksum": "", "favorite": "yes", "hidden": "no",
        "deleted": "no", "originalCreationDate": "Sunday June 30,2024 10:30 PM GMT",
        "viewCount": "0", "importDate": "Sunday June 30,2024 10:30 PM GMT",
    }  # fmt: skip
    albums = json.loads(members["albums.json"])["albums"]
    assert [(one["title"], one["folders"], one["is_shared"]) for one in albums] == [
        ("Sea", ["2024"], False),
        ("Sun", [], True),
    ]
    assert albums[1]["photos"] == [
        {"path": "photos/2024/2024-07/IMG_0001.HEIC", "taken_at": "2024-07-01T00:30:05+02:00"}
    ]
    # What is named there is there.
    for album in albums:
        assert {one["path"] for one in album["photos"]} <= members.keys()


def test_a_photo_without_its_file_keeps_what_the_phone_knew_and_is_counted() -> None:
    gone = photo(1, title="Gone")
    file = Attachment(
        n=0, name="x.HEIC", media_type="image/heic", size_bytes=3, present=False,
        reason="It is in iCloud only.",
    )  # fmt: skip
    gone = artifact("photo", gone.payload, key="P1", occurred_at=TAKEN, attachments=[file])
    members, left_out = export(PHOTOS, [(group("photo"), [gone])], files={})
    assert left_out == ["only what the phone knew of it: It is in iCloud only."]
    assert texts(members["photos/2024/2024-07/IMG_0001.xmp"], "dc:title//rdf:li") == ["Gone"]


def test_names_and_words_of_strangers_stay_what_they_are() -> None:
    evil = "../../x\r\n</rdf:li><evil/>\x00\x0b\ufffe&"
    members = exported(
        photo(
            1, name=f"{evil}.HEIC", title=evil, caption=evil, keywords=(evil,),
            people=(Face(name=evil),), albums=(Album(key="A", title=evil, folders=(evil,)),),
            utc_offset_seconds=10**9, place=Place(latitude=500.0, longitude=0.0, city=evil),
        ),
        photo(2, name="\u202egpj.exe", albums=(Album(key="A", title=evil),)),
    )  # fmt: skip
    for name, content in members.items():
        assert ".." not in Path(name).parts
        assert not name.startswith("/")
        assert "\u202e" not in name
        if name.endswith(".xmp"):
            assert not list(ET.fromstring(content).iter("evil"))
    assert json.loads(members["albums.json"])["albums"][0]["photos"]
    _, left_out = export(PHOTOS, [(group("photo"), [artifact("photo", {"media": 1})])])
    assert left_out == ["ValidationError"]


def test_every_photo_of_the_demo_phone_has_a_sidecar(tmp_path: Path) -> None:
    files = {f"{f.domain}/{f.relative_path}": f for f in demo_photos.demo_files(later=False)}
    needed = {
        name: file.content
        for name, file in files.items()
        if any(one.is_among([name]) for one in PARSERS["photo"].files)
    }
    found = parse("photo", dict(needed), tmp_path, listing=None)
    groups = artifacts_of("photo", found)
    members, _ = export(PHOTOS, groups)
    sidecars = [content for name, content in members.items() if name.endswith(".xmp")]
    assert len(sidecars) == len(found.artifacts) > 5
    for sidecar in sidecars:
        ET.fromstring(sidecar)
