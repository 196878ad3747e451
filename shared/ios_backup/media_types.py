"""The media type of a file, from its first bytes and its name."""

from __future__ import annotations

#: Enough of a file for every magic below.
HEAD_BYTES = 64
UNKNOWN = "application/octet-stream"

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"bplist", "application/x-plist"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"caff", "audio/x-caf"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
)
#: Brands of the ISO container, behind "ftyp".
_BRANDS = {
    b"heic": "image/heic", b"heix": "image/heic", b"hevc": "image/heic", b"mif1": "image/heif",
    b"avif": "image/avif", b"qt  ": "video/quicktime", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4",
    b"3gp4": "video/3gpp", b"3gp5": "video/3gpp",
}  # fmt: skip
_NAMES = {
    "txt": "text/plain", "log": "text/plain", "csv": "text/csv", "htm": "text/html",
    "html": "text/html", "xml": "application/xml", "json": "application/json",
    "plist": "application/x-plist", "vcf": "text/vcard", "ics": "text/calendar",
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif",
    "heic": "image/heic", "heif": "image/heif", "webp": "image/webp", "tif": "image/tiff",
    "tiff": "image/tiff", "svg": "image/svg+xml", "bmp": "image/bmp", "dng": "image/x-adobe-dng",
    "mov": "video/quicktime", "mp4": "video/mp4", "m4v": "video/mp4", "3gp": "video/3gpp",
    "m4a": "audio/mp4", "mp3": "audio/mpeg", "aac": "audio/aac", "wav": "audio/wav",
    "amr": "audio/amr", "caf": "audio/x-caf", "opus": "audio/ogg", "ogg": "audio/ogg",
    "pdf": "application/pdf", "zip": "application/zip", "gz": "application/gzip",
    "db": "application/vnd.sqlite3", "sqlite": "application/vnd.sqlite3",
    "sqlitedb": "application/vnd.sqlite3", "storedata": "application/vnd.sqlite3",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "pages": "application/vnd.apple.pages", "numbers": "application/vnd.apple.numbers",
    "key": "application/vnd.apple.keynote", "pkpass": "application/vnd.apple.pkpass",
    "usdz": "model/vnd.usdz+zip", "rtf": "application/rtf",
}  # fmt: skip
#: Containers whose names say more than their first bytes.
_OUTER = {"application/zip", "image/tiff", "video/mp4", "audio/ogg"}


def media_type(name: str, head: bytes) -> str:
    """Return the media type of a file called *name* that begins with *head*.

    The bytes decide over the name, but a name may refine a container: a zip called .docx.
    """
    extension = name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name else ""
    named = _NAMES.get(extension)
    sniffed = _sniffed(head)
    if sniffed is None or (sniffed in _OUTER and named is not None):
        return named or UNKNOWN
    return sniffed


def _sniffed(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    for position, magic, found in _MAGIC:
        if head.startswith(magic, position):
            return found
    return None
