from __future__ import annotations

import pytest

from services.unlock.media_types import media_type


@pytest.mark.parametrize(
    ("name", "beginning", "expected"),
    [
        ("IMG_0001.HEIC", b"\0\0\0\x18ftypheic", "image/heic"),
        ("IMG_0002.jpg", b"", "image/jpeg"),
        ("sms.db", b"SQLite format 3\0", "application/vnd.sqlite3"),
        ("Thumbs.db", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("com.apple.x.plist", b"bplist00", "application/x-plist"),
        ("clip", b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (
            "letter.docx",
            b"PK\x03\x04",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        ("unnamed", b"PK\x03\x04", "application/zip"),
        ("sticker", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("noidea", b"\0\1\2", "application/octet-stream"),
        ("", b"", "application/octet-stream"),
    ],
)
def test_a_files_type_is_told_by_its_name_and_its_first_bytes(
    name: str, beginning: bytes, expected: str
) -> None:
    assert media_type(name, beginning) == expected
