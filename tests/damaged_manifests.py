"""Damage in a manifest at a chosen place, for tests of several folders."""

from __future__ import annotations

from pathlib import Path

_PAGE_BYTES = 4096


def break_overflow(manifest: Path, pattern: bytes) -> None:
    """Let what overflows a row of *pattern* again and again lead nowhere: its page is damaged.

    Everything else can be read, the row's other columns, too.
    """
    content = bytearray(manifest.read_bytes())
    assert int.from_bytes(content[16:18], "big") == _PAGE_BYTES
    broken = 0
    for page in range(0, len(content), _PAGE_BYTES):
        # An overflow page is the number of the next one, and content.
        if bytes(content[page + 4 : page + 4 + 2 * len(pattern)]) in 3 * pattern:
            content[page : page + 4] = b"\xff" * 4
            broken += 1
    assert broken
    manifest.write_bytes(content)
