"""Pictures of journeys: hills below a sky, drawn from a seed. Real JPEGs of some kilobytes."""

from __future__ import annotations

import io
import random
from functools import cache

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 240, 180


@cache
def picture(seed: str, *, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """Return a picture of somewhere, the same for the same *seed*."""
    dice = random.Random(f"picture {seed}")  # noqa: S311 -- the same picture every time
    sky, far, near, light = (
        tuple(dice.randrange(low, high) for low, high in ranges)
        for ranges in (
            ((90, 190), (140, 210), (190, 255)),
            ((60, 130), (80, 140), (90, 150)),
            ((20, 90), (70, 130), (30, 90)),
            ((240, 256), (200, 250), (120, 220)),
        )
    )
    image = Image.new("RGB", (width, height), sky)
    draw = ImageDraw.Draw(image)
    x, y, r = dice.randrange(width), dice.randrange(height // 3), height // dice.randrange(9, 16)
    draw.ellipse((x - r, y - r, x + r, y + r), fill=light)
    for colour, base in ((far, 0.55), (near, 0.75)):
        line = [
            (width * part // 8, int(height * (base + dice.uniform(-0.2, 0.12))))
            for part in range(9)
        ]
        draw.polygon([(0, height), *line, (width, height)], fill=colour)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=65)
    return out.getvalue()
