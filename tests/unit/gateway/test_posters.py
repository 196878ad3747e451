"""Frames of films that stand for them, where there is a library that reads films."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from PIL import Image

from gateway.pictures import Pictures
from services.indexer.browsing.storage_thumbnails import choose
from services.indexer.staging import StagedAttachment
from shared.picture_worker import SIDE, is_film
from tests.unit.gateway.test_pictures import given


def staged(media_type: str, path: str) -> StagedAttachment:
    return StagedAttachment(
        name=None, media_type=media_type, size_bytes=1, domain="CameraRollDomain",
        relative_path=path, file_id="0" * 40, present=True,
    )  # fmt: skip


def test_a_film_stands_for_itself_only_where_there_is_no_picture_of_it() -> None:
    film = staged("video/quicktime", "Media/DCIM/100APPLE/IMG_1.MOV")
    still = staged("image/heic", "Media/DCIM/100APPLE/IMG_1.HEIC")
    own = staged("image/jpeg", "Media/PhotoData/Thumbnails/V2/DCIM/100APPLE/IMG_1.MOV/5005.JPG")
    assert choose([film]) == (0, False)
    assert choose([film, still]) == (1, False)
    assert choose([film, own]) == (1, True)
    assert choose([staged("audio/mp4", "Media/a.m4a")]) == (None, False)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\0\0\0\x14ftypqt  ", True),
        (b"\0\0\0\x14ftypmp42", True),
        (b"\0\0\0\x08wide\0\0\0\0", True),
        (b"\0\0\0\x18ftypheic", False),
        (b"\0\0\0\x18ftypavif", False),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\1", False),
        (b"#EXTM3U\nhttp", False),
        (b"", False),
    ],
)
def test_a_film_is_told_by_how_it_begins(head: bytes, *, expected: bool) -> None:
    assert is_film(head) is expected


def film(*, codec: str = "mpeg4", size: tuple[int, int] = (640, 360), form: str = "mov") -> bytes:
    av: Any = pytest.importorskip("av", reason="films are read by PyAV, which is not installed")
    made = io.BytesIO()
    with av.open(made, "w", format=form) as output:
        stream = output.add_stream(codec, rate=10)
        stream.width, stream.height = size
        stream.pix_fmt = {"mjpeg": "yuvj420p", "png": "rgb24"}.get(codec, "yuv420p")
        for _ in range(10):
            frame = av.VideoFrame.from_image(Image.new("RGB", size, (200, 30, 30)))
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return made.getvalue()


@pytest.mark.parametrize(("codec", "form"), [("mpeg4", "mov"), ("mpeg4", "mp4"), ("mjpeg", "mov")])
async def test_the_first_frame_of_a_film_stands_for_it(
    pictures: Pictures, codec: str, form: str
) -> None:
    made = await pictures.make(given(film(codec=codec, form=form)))
    assert made is not None
    with Image.open(io.BytesIO(made)) as small:
        assert (small.format, small.size) == ("JPEG", (SIDE, SIDE * 360 // 640))
        red, green, _ = small.convert("RGB").getpixel((SIDE // 2, 100))  # type: ignore[misc]
        assert red > 150 > green


async def test_films_that_are_cut_off_or_none_cost_nothing_but_themselves(
    pictures: Pictures,
) -> None:
    whole = film()
    for broken in (
        whole[: len(whole) // 2],
        b"\0\0\0\x14ftypqt  " + b"\xff" * 5000,
        b"\0\0\0\x08moov" * 100,
        film(codec="mpeg4", form="matroska"),
        film(codec="png"),
    ):
        assert await pictures.make(given(broken)) is None
    assert await pictures.make(given(whole)) is not None


async def test_many_films_at_once_are_made_one_after_the_other(pictures: Pictures) -> None:
    content = film(size=(1920, 1080))
    made = await asyncio.gather(*(pictures.make(given(content)) for _ in range(6)))
    assert all(made)
