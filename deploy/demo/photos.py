"""The photos of the demo phone: a summer at the lake, and what phones do with pictures of it."""

from __future__ import annotations

import datetime as dt
import plistlib
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.demo.container import PhoneFile
from deploy.demo.photos_database import (
    SHARED_ALBUM,
    USER_FOLDER,
    PhotosDatabase,
    cocoa_seconds,
    looked_up_place,
)
from deploy.demo.photos_schema import Form
from deploy.demo.pictures import film_like, jpeg_like, png

DOMAIN = "CameraRollDomain"
LIBRARY = "Media/PhotoData/Photos.sqlite"
_SUMMER = 7200  # two hours ahead of UTC
_FLAGS = ("favorite", "hidden", "trashed")
_PHONE = {
    "ZCAMERAMAKE": "Apple", "ZCAMERAMODEL": "iPhone 13", "ZISO": 50, "ZAPERTURE": 1.6,
    "ZLENSMODEL": "iPhone 13 back dual wide camera 5.1mm f/1.6", "ZSHUTTERSPEED": 0.002,
    "ZFOCALLENGTH": 5.1, "ZFOCALLENGTHIN35MM": 26, "ZFLASHFIRED": 0,
}  # fmt: skip


@dataclass
class DemoLibrary:
    """The database with the files that belong to it."""

    form: Form = "18"
    files: list[PhoneFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with an empty library."""
        self.database = PhotosDatabase(form=self.form, seed=77)
        self._seed = 0

    def put(self, path: str, content: bytes, *, at: dt.datetime) -> None:
        """Put a file below Media."""
        self.files.append(PhoneFile(DOMAIN, f"Media/{path}", content, modified_at=at))

    def picture(self, name: str, *, at: dt.datetime, is_here: bool = True, **more: Any) -> int:
        """Take a picture with the phone; not *is_here*: its original is in iCloud only."""
        self._seed += 1
        path = f"DCIM/100APPLE/{name}"
        if is_here:
            content = film_like(self._seed) if name.endswith("MOV") else _still(self._seed, name)
            self.put(path, content, at=at)
        thumbnail = png(900 + self._seed, width=40, height=30)
        self.put(f"PhotoData/Thumbnails/V2/{path}/5005.JPG", thumbnail, at=at)
        given: dict[str, Any] = {
            "offset": _SUMMER,
            "zone": "Europe/Zurich",
            "camera": _PHONE,
        } | more
        return self.database.asset(path, taken_at=at, **given)


def _still(seed: int, name: str) -> bytes:
    return png(seed) if name.endswith("PNG") else jpeg_like(seed)


def demo_library(*, later: bool, form: Form = "18") -> DemoLibrary:
    """Take the family's pictures; with *later* also what happened to them in four weeks."""
    library = DemoLibrary(form)
    lake = dt.datetime(2024, 7, 27, 8, 0, tzinfo=dt.UTC)
    shown = _at_the_lake(library, lake)
    others = _phone_things(library, lake)
    shared = _shared(library, lake)
    _sort_into_albums(library, shown, others)
    if later:
        _four_weeks_later(library, shown, shared)
    return library


def _at_the_lake(library: DemoLibrary, at: dt.datetime) -> list[int]:
    db = library.database
    pier = looked_up_place(
        street="Seestrasse 12", city="Zürich", state="ZH", postal_code="8002",
        country="Switzerland", code="CH", areas=[("Zürichsee", 88e6), ("Kreis 2", 11e6)],
    )  # fmt: skip
    there: dict[str, Any] = {
        "ZLATITUDE": 47.3541, "ZLONGITUDE": 8.5362,
        "additional": {"ZREVERSELOCATIONDATA": pier},
    }  # fmt: skip
    for_both_eyes: dict[str, Any] = {"ZSPATIALTYPE": 1} if db.form in {"18", "26"} else {}
    boat = library.picture(
        "IMG_0101.HEIC", at=at, caption="The boat before the storm", ZFAVORITE=1, **there
    )
    live = library.picture(
        "IMG_0102.HEIC", at=at + _minutes(4), ZKINDSUBTYPE=2, ZPLAYBACKSTYLE=3,
        ZMEDIAGROUPUUID=db.uuid(), **there,
    )  # fmt: skip
    library.put("DCIM/100APPLE/IMG_0102.MOV", film_like(302), at=at + _minutes(4))
    edited = library.picture("IMG_0103.HEIC", at=at + _minutes(9), **there)
    db.edit(edited, at=at + _minutes(300))
    library.put(
        "PhotoData/Mutations/DCIM/100APPLE/IMG_0103/Adjustments/FullSizeRender.jpg",
        jpeg_like(303),
        at=at + _minutes(300),
    )
    raw = library.picture("IMG_0104.JPG", at=at + _minutes(12), **there)
    library.put("DCIM/100APPLE/IMG_0104.DNG", jpeg_like(304), at=at + _minutes(12))
    db.resource(raw, 4, 17, is_here=True, size=4096)
    burst = db.uuid()
    row = [
        library.picture(
            f"IMG_01{number}.HEIC", at=at + _minutes(15), ZAVALANCHEUUID=burst,
            ZAVALANCHEPICKTYPE=pick, ZVISIBILITYSTATE=0 if pick & 16 else 2, **there,
        )
        for number, pick in ((10, 2), (11, 52), (12, 2))
    ]  # fmt: skip
    film = library.picture(
        "IMG_0120.MOV", at=at + _minutes(30), ZKIND=1, ZPLAYBACKSTYLE=4, ZDURATION=12.4,
        camera={**_PHONE, "ZFPS": 59.94, "ZCODEC": "hvc1"}, **for_both_eyes, **there,
    )  # fmt: skip
    jonas = db.person("Jonas Sandoval")
    yuki = db.person("由紀 田中")
    stranger = db.person("")
    db.face(boat, jonas)
    db.face(live, jonas, ZCENTERX=0.3)
    db.face(live, yuki, ZCENTERX=0.7)
    db.face(live, stranger, ZCENTERX=0.9)
    if library.form != "13":
        me = db.participant("Mira", "Sandoval", address="mira.sandoval@example.com", is_me=True)
        db.contribute(boat, me)
        brother = db.participant("Jonas", "Sandoval", address="+15550142001")
        db.contribute(live, brother)
    db.keyword("Lake", [boat, live, film])
    db.keyword("Grüße", [boat])
    return [boat, live, edited, raw, row[1], film]


def _phone_things(library: DemoLibrary, at: dt.datetime) -> list[int]:
    screen = library.picture(
        "IMG_0130.PNG", at=at + _minutes(60), camera=None, ZKINDSUBTYPE=10, ZWIDTH=1170,
        ZHEIGHT=2532, additional={"ZIMPORTEDBY": 8},
    )  # fmt: skip
    bundle = (
        {"ZCREATORBUNDLEID": "net.whatsapp.WhatsApp"}
        if library.form == "13"
        else {"ZIMPORTEDBYBUNDLEIDENTIFIER": "net.whatsapp.WhatsApp",
              "ZIMPORTEDBYDISPLAYNAME": "WhatsApp"}
    )  # fmt: skip
    saved = library.picture(
        "IMG_0131.JPG", at=at + _minutes(70), camera=None,
        additional={"ZIMPORTEDBY": 3, "ZORIGINALFILENAME": "Menu of the café.jpg", **bundle},
    )  # fmt: skip
    away = library.picture(
        "IMG_0132.HEIC", at=at - dt.timedelta(days=400), is_here=False, ZCLOUDLOCALSTATE=1,
        ZSAVEDASSETTYPE=6,
    )  # fmt: skip
    library.database.resource(away, 0, 1, is_here=False, size=2_345_678)
    library.picture("IMG_0133.HEIC", at=at + _minutes(80), ZHIDDEN=1)
    library.picture(
        "IMG_0134.HEIC", at=at + _minutes(81), ZTRASHEDSTATE=1,
        ZTRASHEDDATE=cocoa_seconds(at + dt.timedelta(days=2)),
    )  # fmt: skip
    # Scanned: a date from before there were phones.
    library.picture(
        "IMG_0135.JPG", at=dt.datetime(1964, 8, 2, 11, 0, tzinfo=dt.UTC), offset=3600,
        zone="Europe/Zurich", camera=None,
        additional={"ZTITLE": "Grandmother at the pier", "ZIMPORTEDBY": 3},
    )  # fmt: skip
    return [screen, saved, away]


def _shared(library: DemoLibrary, at: dt.datetime) -> int:
    db = library.database
    me, amelie = "a1" * 32, "b2" * 32
    directory = "PhotoData/PhotoCloudSharingData/1234567890/0C0FFEE0-ALBUM/100CLOUD"
    path = f"{directory}/IMG_0007.JPG"
    library.put(path, jpeg_like(407), at=at + dt.timedelta(days=1))
    scope: dict[str, Any] = {} if library.form == "13" else {"ZBUNDLESCOPE": 2}
    photo = db.asset(
        path, taken_at=at + dt.timedelta(hours=20), ZSAVEDASSETTYPE=4, ZVISIBILITYSTATE=2,
        ZCLOUDOWNERHASHEDPERSONID=amelie, ZCLOUDISMYASSET=0,
        **scope,
    )  # fmt: skip
    album = db.album(
        "Lake with everybody", [photo], kind=SHARED_ALBUM,
        ZUUID="5A5A5A5A-0000-4000-8000-000000000001",
        ZCLOUDOWNERFULLNAME="Amélie Dubois", ZCLOUDOWNERHASHEDPERSONID=amelie, ZISOWNED=0,
    )  # fmt: skip
    db.invite(album, "Mira", "Sandoval", person=me)
    db.comment(photo, "What a morning!", at=at + dt.timedelta(days=2), person=me, is_mine=True)
    db.comment(photo, None, at=at + dt.timedelta(days=2, hours=1), person=amelie)
    return photo


def _sort_into_albums(library: DemoLibrary, shown: Sequence[int], others: Sequence[int]) -> None:
    db = library.database
    folder = db.album("Journeys", [], kind=USER_FOLDER)
    db.album(
        "Lake weekend", shown, ZPARENTFOLDER=folder, ZCREATIONDATE=743_000_000.0,
        ZUUID="5A5A5A5A-0000-4000-8000-000000000002",
    )  # fmt: skip
    db.album(
        "Boats", [shown[0], others[1]], ZCREATIONDATE=744_000_000.0,
        ZUUID="5A5A5A5A-0000-4000-8000-000000000003",
    )  # fmt: skip
    db.album("Nothing yet", [], ZUUID="5A5A5A5A-0000-4000-8000-000000000004")


def _four_weeks_later(library: DemoLibrary, shown: Sequence[int], shared: int) -> None:
    db = library.database
    at = dt.datetime(2024, 8, 22, 17, 0, tzinfo=dt.UTC)
    library.picture("IMG_0140.HEIC", at=at, caption="Dry again")
    # The boat is no favourite any more, the burst went, and what was in the trash is gone.
    db.change(shown[0], ZFAVORITE=0, ZTRASHEDSTATE=0)
    for name in ("IMG_0110.HEIC", "IMG_0112.HEIC", "IMG_0134.HEIC"):
        table = "ZGENERICASSET" if library.form == "13" else "ZASSET"
        db.execute(f"delete from {table} where ZFILENAME = ?", (name,))  # noqa: S608 -- own names
        library.files = [file for file in library.files if name not in file.relative_path]
    db.comment(shared, "Again next year?", at=at, person="b2" * 32)


def _minutes(count: int) -> dt.timedelta:
    return dt.timedelta(minutes=count)


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the library and all files of the camera."""
    library = demo_library(later=later)
    return [PhoneFile(DOMAIN, LIBRARY, library.database.to_bytes()), *library.files]


def attributes_of(
    key: str, *, name: str, taken_at: dt.datetime, offset: int = _SUMMER, **flags: int
) -> dict[str, bytes]:
    """Return what a phone writes beside a picture's file; *flags* are favorite, hidden, trashed."""
    date = plistlib.dumps(
        taken_at.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0), fmt=plistlib.FMT_BINARY
    )
    found = {
        "UUID": uuid.UUID(key).bytes,
        "originalFilename": name.encode(),
        "customCreationDate": date,
        "addedDate": date,
        "timeZoneName": b"Europe/Zurich",
        "timeZoneOffset": struct.pack("<i", offset),
        "assetType": struct.pack("<h", 3),
        "importedBy": struct.pack("<h", 1),
        **{flag: struct.pack("<h", flags.get(flag, 0)) for flag in _FLAGS},
    }
    return {f"com.apple.assetsd.{name}": value for name, value in found.items()}
