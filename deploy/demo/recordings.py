"""Sounds, drawn from a seed: real silence for voicemails, and what looks like a voice memo."""

from __future__ import annotations

import random
import struct

_FRAMES_PER_SECOND = 50
#: A frame of AMR at 12.2 kbit/s in which nobody speaks.
_SILENT_FRAME = bytes.fromhex(
    "3c48f51f96667be1e1801f8b00000000000000000000000000000000000000" + "00"
)


def amr(seconds: float) -> bytes:
    """Return a telephone recording of that length."""
    return b"#!AMR\n" + _SILENT_FRAME * max(1, round(seconds * _FRAMES_PER_SECOND))


def m4a_like(seed: int, size: int = 6000) -> bytes:
    """Return bytes that begin as an MPEG-4 recording; what follows is noise."""
    noise = random.Random(seed).randbytes(max(size - 36, 0))  # noqa: S311 -- the same sound every time
    head = struct.pack(">I4s4sI4s4s4s", 28, b"ftyp", b"M4A ", 0, b"M4A ", b"mp42", b"isom")
    return head + struct.pack(">I4s", 8 + len(noise), b"mdat") + noise
