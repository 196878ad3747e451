"""Small real pictures, drawn from a seed, so that thumbnails and sniffing have something to do."""

from __future__ import annotations

import random
import struct
import zlib
from functools import cache


@cache
def png(seed: int, *, width: int = 96, height: int = 96) -> bytes:
    """Return a PNG of soft stripes in three colours of its own."""
    chance = random.Random(seed)  # noqa: S311 -- the same picture every time
    colours = [tuple(chance.randrange(40, 230) for _ in range(3)) for _ in range(3)]
    tilt = chance.randrange(1, 4)
    # Few colours stand side by side: each of their mixtures is made once, not for every dot.
    mixtures = [
        [
            [
                bytes(int(a * (1 - share) + b * share) for a, b in zip(one, other, strict=True))
                for share in (step / width for step in range(width))
            ]
            for one in colours
        ]
        for other in colours
    ]
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter
        mixed = mixtures[(y // 16) % 3]
        for at in range(y, y + width * tilt, tilt):
            stripe, step = divmod(at, width)
            rows += mixed[stripe % 3][step]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, body)
        for name, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(bytes(rows), 9)),
            (b"IEND", b""),
        )
    )


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def jpeg_like(seed: int, size: int = 4096) -> bytes:
    """Return bytes that begin and end as a JPEG; what lies between is noise."""
    noise = random.Random(seed).randbytes(max(size - 22, 0)).replace(b"\xff", b"\xfe")  # noqa: S311
    head = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    return head + noise + b"\xff\xd9"


def film_like(seed: int, size: int = 8192) -> bytes:
    """Return bytes that begin as a QuickTime film."""
    noise = random.Random(seed).randbytes(max(size - 20, 0))  # noqa: S311
    return b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  " + noise
