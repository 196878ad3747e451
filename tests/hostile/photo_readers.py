"""Libraries of photos, the lists of files beside them, and what phones write beside each file."""

from __future__ import annotations

import base64
import datetime as dt
import io
import random
from pathlib import Path
from typing import Any

import msgspec
from pi_heif import register_heif_opener
from PIL import Image

from deploy.demo.photos import LIBRARY, attributes_of, demo_library
from deploy.demo.photos_schema import Form
from services.indexer.kinds.backup_files import file_id_of
from shared.picture_worker import SIDE, make_apart
from tests.hostile import seeds
from tests.hostile.mutations import anywhere, mutate, property_list_spots
from tests.hostile.reader import Reader
from tests.hostile.rows import hurt_database
from tests.hostile.workers import Stores

_STORE = f"CameraRollDomain/{LIBRARY}"
#: Not a file of the backup: the lines that the parser gets of its files.
_LISTING = "listing"
_FORMS: tuple[Form, ...] = ("13", "16", "18", "26")
_TABLES = (
    "ZASSET", "ZASSET", "ZASSET", "ZGENERICASSET", "ZADDITIONALASSETATTRIBUTES",
    "ZADDITIONALASSETATTRIBUTES", "ZEXTENDEDATTRIBUTES", "ZINTERNALRESOURCE", "ZGENERICALBUM",
    "ZGENERICALBUM", "Z_30ASSETS", "Z_1KEYWORDS", "ZKEYWORD", "ZPERSON", "ZDETECTEDFACE",
    "ZCLOUDSHAREDCOMMENT", "ZCLOUDSHAREDALBUMINVITATIONRECORD", "ZASSETDESCRIPTION",
    "ZUNMANAGEDADJUSTMENT", "ZASSETCONTRIBUTOR", "ZSHAREPARTICIPANT",
)  # fmt: skip
_KEY = "0D96E8BA-323E-480A-BF27-0DDEE52719A9"
_AT = dt.datetime(2021, 1, 31, 14, 5, tzinfo=dt.UTC)


class Photos(Stores):
    """Photos.sqlite with the list of the camera's files, or that list alone."""

    name = "photos (worker)"
    kind = "photo"

    def open(self, folder: Path) -> None:
        libraries = [demo_library(later=form == "26", form=form) for form in _FORMS]
        self._seeds = [library.database.to_bytes() for library in libraries]
        self._paths = [file.relative_path for file in libraries[0].files]
        said = attributes_of(_KEY, name="IMG_0001.HEIC", taken_at=_AT, favorite=1)
        said["com.apple.assetsd.avalanche.UUID"] = _KEY.encode()
        self._said = said
        self._lines = b""

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        lines = self._listing(chance)
        if chance.random() < 0.2:
            return {_LISTING: lines}
        content = chance.choice(self._seeds)
        content = hurt_database(content, chance, self._seeds, *_TABLES)
        return {_STORE: content, _LISTING: lines}

    def read(self, damaged: Any, scratch: Path) -> None:
        stores = dict(damaged)
        self._lines = stores.pop(_LISTING)
        super().read(stores, scratch)

    def listing(self, store: Path) -> str | None:
        path = store / "listing.jsonl"
        path.write_bytes(self._lines)
        return str(path)

    def _listing(self, chance: random.Random) -> bytes:
        lines = []
        for path in (*self._paths, "Media/DCIM/100APPLE/IMG_0900.HEIC"):
            said = {
                name: mutate(value, chance, spots=property_list_spots)
                if chance.random() < 0.3
                else value
                for name, value in self._said.items()
                if chance.random() < 0.9
            }
            line: dict[str, Any] = {
                "domain": "CameraRollDomain",
                "relative_path": path,
                "file_id": file_id_of("CameraRollDomain", path),
                "size_bytes": chance.choice((0, 1, 4096, -1, 2**63, None)),
                "present": chance.choice((True, True, False, None)),
                "created_at": chance.choice((None, _AT.isoformat(), "0001-01-01T00:00:00Z")),
                "attributes": {
                    name: base64.b64encode(value).decode() for name, value in said.items()
                },
            }
            if chance.random() < 0.1:
                line["relative_path"] = chance.choice(_PATHS)
            lines.append(msgspec.json.encode(line))
        body = b"\n".join(lines)
        return mutate(body, chance) if chance.random() < 0.1 else body


_PATHS = (
    "Media/DCIM/../../../etc/passwd.jpg",
    "Media/DCIM//.JPG",
    "Media/DCIM/" + "x" * 5000 + ".HEIC",
    "Media/DCIM/a\0b.JPG",
    "Media/DCIM/\u202egpj.exe",
    "Media/DCIM/100APPLE/IMG_0101.HEIC",
)


class SmallPictures(Reader):
    """Pictures of every format that is made smaller, as the gateway's process gets them."""

    name = "small pictures"
    errors = ()

    def open(self, folder: Path) -> None:
        register_heif_opener(thumbnails=False)
        Image.init()
        self._seeds = [_drawn(form, mode) for form, mode in _DRAWN]
        self._seeds += seeds.small_samples("*.heic", "*.jpeg", "*.gif")

    def damage(self, chance: random.Random) -> bytes:
        return mutate(chance.choice(self._seeds), chance, others=self._seeds, spots=anywhere)

    def read(self, damaged: Any, scratch: Path) -> None:
        made = make_apart(damaged)
        if made:
            with Image.open(io.BytesIO(made)) as small:
                small.load()
                assert small.format == "JPEG"
                assert max(small.size) <= SIDE
                assert not small.getexif()


_DRAWN = (
    ("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("GIF", "P"),
    ("WEBP", "RGB"), ("TIFF", "RGB"), ("TIFF", "1"), ("BMP", "RGB"),
)  # fmt: skip


def _drawn(form: str, mode: str) -> bytes:
    made = io.BytesIO()
    Image.linear_gradient("L").resize((320, 200)).convert(mode).save(made, form)
    return made.getvalue()
