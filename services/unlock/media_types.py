"""What a file is, by its name and then by its first bytes. Pure; no registry of the machine.

The machine's own table is not asked: the same backup would be served differently elsewhere.
"""

from __future__ import annotations

from pathlib import PurePosixPath

UNKNOWN = "application/octet-stream"

_BY_SUFFIX = {
    "3gp": "video/3gpp",
    "aac": "audio/aac",
    "aif": "audio/aiff",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "avi": "video/x-msvideo",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "caf": "audio/x-caf",
    "csv": "text/csv",
    "db": "application/vnd.sqlite3",
    "dng": "image/x-adobe-dng",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "eml": "message/rfc822",
    "epub": "application/epub+zip",
    "flac": "audio/flac",
    "gif": "image/gif",
    "gz": "application/gzip",
    "heic": "image/heic",
    "heics": "image/heic-sequence",
    "heif": "image/heif",
    "htm": "text/html",
    "html": "text/html",
    "ics": "text/calendar",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "key": "application/vnd.apple.keynote",
    "log": "text/plain",
    "m4a": "audio/mp4",
    "m4v": "video/x-m4v",
    "md": "text/markdown",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "numbers": "application/vnd.apple.numbers",
    "opus": "audio/ogg",
    "pages": "application/vnd.apple.pages",
    "pdf": "application/pdf",
    "pkpass": "application/vnd.apple.pkpass",
    "plist": "application/x-plist",
    "png": "image/png",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "rtf": "application/rtf",
    "sqlite": "application/vnd.sqlite3",
    "sqlitedb": "application/vnd.sqlite3",
    "storedata": "application/vnd.sqlite3",
    "svg": "image/svg+xml",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "txt": "text/plain",
    "vcf": "text/vcard",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "zip": "application/zip",
}

_BY_BEGINNING = (
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"bplist", "application/x-plist"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"caff", "audio/x-caf"),
    (b"#!AMR", "audio/amr"),
    (b"ID3", "audio/mpeg"),
)

_BY_BRAND = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"avif": "image/avif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
}

#: As many first bytes as ``media_type`` looks at.
BEGINNING_BYTES = 16


def media_type(name: str, beginning: bytes) -> str:
    """Return the media type of a file called *name* that begins with *beginning*."""
    suffix = PurePosixPath(name).suffix.removeprefix(".").lower()
    by_suffix = _BY_SUFFIX.get(suffix)
    # Apple calls many things .db and .plist that are not; there the bytes decide.
    if by_suffix is not None and not by_suffix.startswith("application/"):
        return by_suffix
    by_bytes = _by_bytes(beginning)
    if by_bytes == "application/zip" and by_suffix is not None:
        # Office documents and passes are zip archives; the name knows more.
        return by_suffix
    return by_bytes or by_suffix or UNKNOWN


def _by_bytes(beginning: bytes) -> str | None:
    for start, found in _BY_BEGINNING:
        if beginning.startswith(start):
            return found
    if beginning[4:8] == b"ftyp":
        return _BY_BRAND.get(beginning[8:12], "video/mp4")
    if beginning[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(beginning[8:12])
    return None
