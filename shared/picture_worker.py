"""The process that makes pictures smaller: each one in a child of its own, with limits.

Pictures come from phones and from whoever wrote to them, and decoders are large. A picture that
breaks one costs its child: nothing is kept between two pictures, nothing is written to disk.

In and out go lengths of four bytes, each with so many bytes behind it; no bytes: it cannot be done.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import struct
import sys
from importlib import import_module
from typing import Any, BinaryIO

from shared.parent_death import die_with_parent

LENGTH = struct.Struct(">I")
#: The longer side of what is made, in pixels.
SIDE = 512
_QUALITY = 80
#: What cameras and phones write; no format that is a language (SVG, EPS) or a shell of others.
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "HEIF")
#: A camera of 108 megapixels; a picture that claims more is a bomb.
_MOST_PIXELS = 120_000_000
#: What phones film with, and what people send; a frame of 8K.
_FILM_CODECS = frozenset({"h264", "hevc", "mpeg4", "h263", "mjpeg"})
_MOST_FRAME_PIXELS = 34_000_000
_PICTURE_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif"})
_MEMORY_BYTES = 1 << 30
_CPU_SECONDS = 10
_MOST_RESULT_BYTES = 1 << 20


def make_smaller(picture: bytes) -> bytes:
    """Return a JPEG of at most ``SIDE`` pixels, upright and without what cameras write into files.

    Raises whatever decoders raise.
    """
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    with Image.open(io.BytesIO(picture), formats=_FORMATS) as opened:
        if opened.width * opened.height > _MOST_PIXELS:
            raise ValueError("too many pixels")
        # A JPEG can be decoded at an eighth of its size.
        opened.draft("RGB", (SIDE, SIDE))
        opened.thumbnail((SIDE, SIDE))
        upright = ImageOps.exif_transpose(opened)
    if upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info:
        transparent = upright.convert("RGBA")
        upright = Image.new("RGB", transparent.size, "white")
        upright.paste(transparent, mask=transparent.getchannel("A"))
    made = io.BytesIO()
    upright.convert("RGB").save(made, "JPEG", quality=_QUALITY, exif=b"")
    return made.getvalue()


def make_poster(film: bytes) -> bytes:
    """Return the same of the first whole frame of a film, if there is a library that reads films.

    Raises whatever decoders raise. The form is told, not guessed: other forms name further files
    and addresses, which would be opened.
    """
    from PIL import Image

    av: Any = import_module("av")
    with av.open(io.BytesIO(film), format="mov", metadata_errors="ignore") as opened:
        stream = opened.streams.video[0]
        context = stream.codec_context
        if context.name not in _FILM_CODECS or context.width * context.height > _MOST_FRAME_PIXELS:
            raise ValueError("not a film of a phone")
        context.thread_count = 1
        context.skip_frame = "NONKEY"
        frame = next(opened.decode(stream))
        image = frame.to_image()
        turned = image.rotate(frame.rotation, expand=True) if frame.rotation else image
    turned.thumbnail((SIDE, SIDE))
    made = io.BytesIO()
    assert isinstance(turned, Image.Image)
    turned.convert("RGB").save(made, "JPEG", quality=_QUALITY)
    return made.getvalue()


def is_film(head: bytes) -> bool:
    """Whether bytes begin as QuickTime, MPEG-4 and 3GPP do, and are no picture of that form."""
    kind, brand = head[4:8], head[8:12]
    if kind == b"ftyp":
        return brand not in _PICTURE_BRANDS
    return kind in (b"moov", b"mdat", b"wide", b"free", b"skip")


def _limit() -> None:
    for what, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(what, (most, most))


def make_apart(picture: bytes) -> bytes:
    """Return what a child of this process makes of *picture*; nothing when it cannot."""
    ours, theirs = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            die_with_parent(parent)
            # Whatever runs here can say nothing but its picture.
            for other in (0, 1, ours):
                os.close(other)
            _limit()
            made = make_poster(picture) if is_film(picture[:12]) else make_smaller(picture)
            with os.fdopen(theirs, "wb") as output:
                output.write(made)
        except BaseException:  # noqa: BLE001 -- whatever it was, there is no picture
            os._exit(1)
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        made = pipe.read(_MOST_RESULT_BYTES + 1)
    if len(made) > _MOST_RESULT_BYTES:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return made if status == 0 and len(made) <= _MOST_RESULT_BYTES else b""


def work(source: BinaryIO, target: BinaryIO) -> None:
    """Make pictures smaller until nobody asks any more."""
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        picture = source.read(LENGTH.unpack(head)[0])
        made = make_apart(picture)
        target.write(LENGTH.pack(len(made)) + made)
        target.flush()


def prepare() -> None:
    """Import the decoders once, for all children."""
    from pi_heif import register_heif_opener
    from PIL import Image

    # In one thread: what a child has of them is only the memory of its parent's.
    register_heif_opener(thumbnails=False)
    with contextlib.suppress(ImportError):  # films have no posters then
        av: Any = import_module("av")
        av.logging.set_level(None)
    Image.preinit()
    Image.init()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Work for the process that started this one."""
    die_with_parent(int(sys.argv[1]))
    prepare()
    work(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
