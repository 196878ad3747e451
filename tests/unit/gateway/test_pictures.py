"""Small pictures of pictures that nobody vouches for."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import struct
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from PIL import Image

from gateway.pictures import Pictures
from shared.picture_worker import SIDE

SAMPLES = os.environ.get("KEEPSAKE_SAMPLES")


def drawn(
    form: str = "JPEG", *, size: tuple[int, int] = (900, 600), mode: str = "RGB", **more: object
) -> bytes:
    image = Image.linear_gradient("L").resize(size).convert(mode)
    made = io.BytesIO()
    image.save(made, form, **more)  # type: ignore[arg-type]
    return made.getvalue()


def given(picture: bytes) -> Callable[[], Awaitable[bytes]]:
    async def read() -> bytes:
        return picture

    return read


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "I;16"), ("PNG", "1"),
        ("GIF", "P"), ("WEBP", "RGBA"), ("TIFF", "RGB"), ("BMP", "RGB"),
    ],
)  # fmt: skip
async def test_a_picture_is_made_smaller(pictures: Pictures, form: str, mode: str) -> None:
    made = await pictures.make(given(drawn(form, mode=mode)))
    assert made is not None
    with Image.open(io.BytesIO(made)) as small:
        assert (small.format, small.size) == ("JPEG", (SIDE, SIDE * 600 // 900))


async def test_a_small_picture_is_upright_and_says_nothing_of_where_it_was(
    pictures: Pictures,
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "Maker of the camera"
    exif.get_ifd(0x8825)[2] = (47.0, 21.0, 14.0)
    made = await pictures.make(given(drawn(exif=exif)))
    assert made is not None
    with Image.open(io.BytesIO(made)) as small:
        assert small.size == (SIDE * 600 // 900, SIDE)
        assert not small.getexif()
    assert b"Maker of the camera" not in made


def _bomb() -> bytes:
    """A PNG of a few kilobytes that claims to be 60,000 pixels wide and high."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "picture",
    [
        b"",
        b"no picture",
        b"\xff\xd8\xff\xe0" + bytes(5000),
        drawn()[:2000],
        drawn("PNG")[:300],
        _bomb(),
        b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>',
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\x00\x00\x00\x18ftypheic" + bytes(3000),
    ],
)
async def test_what_is_no_picture_gives_none_and_the_next_one_does(
    pictures: Pictures, picture: bytes
) -> None:
    made = await pictures.make(given(picture))
    # A JPEG that breaks off may be shown as far as it goes, by whoever reads it.
    assert made is None
    assert await pictures.make(given(drawn())) is not None


async def test_a_process_that_is_killed_costs_one_picture(pictures: Pictures) -> None:
    assert await pictures.make(given(drawn())) is not None
    running = pictures.running
    for pid in running:
        os.kill(pid, signal.SIGKILL)
    made = [await pictures.make(given(drawn())) for _ in range(3)]
    assert made[-1] is not None
    assert running


async def test_processes_end_when_nobody_asks_and_begin_again() -> None:
    pictures = Pictures(idle_seconds=0.05)
    for _ in range(2):
        assert await pictures.make(given(drawn())) is not None
        async with asyncio.timeout(20):
            while pictures.running:  # noqa: ASYNC110 -- the clock decides
                await asyncio.sleep(0.01)
    await pictures.close()


async def test_who_stops_waiting_leaves_no_answer_for_the_next_one(pictures: Pictures) -> None:
    for _ in range(3):
        waiting = asyncio.create_task(pictures.make(given(drawn())))
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    made = await pictures.make(given(drawn(size=(200, 100))))
    assert made is not None
    with Image.open(io.BytesIO(made)) as small:
        assert small.size == (200, 100)


async def test_a_picture_that_cannot_be_read_costs_nobody_a_place(pictures: Pictures) -> None:
    async def fail() -> bytes:
        raise OSError

    for _ in range(5):
        with pytest.raises(OSError):  # noqa: PT011 -- as it was raised
            await pictures.make(fail)
    assert await pictures.make(given(drawn())) is not None


@pytest.mark.skipif(SAMPLES is None, reason="KEEPSAKE_SAMPLES is not set")
@pytest.mark.parametrize("name", ["comic", "no_effect", "outline", "puffy", "shiny"])
async def test_what_iphones_write_is_made_smaller(pictures: Pictures, name: str) -> None:
    folder = Path(SAMPLES or "") / "ios/ReagentX+imessage-exporter/test_data/stickers"
    picture = await asyncio.to_thread((folder / f"{name}.heic").read_bytes)
    made = await pictures.make(given(picture))
    assert made is not None
    with Image.open(io.BytesIO(made)) as small:
        assert max(small.size) <= SIDE
