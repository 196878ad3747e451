"""How a browser is told to treat a file that comes out of a phone.

Names and media types in a backup are whatever an app, or somebody who sent a message, wrote. A
header must hold no control character, and nothing that can run script is shown inline.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

Disposition = Literal["inline", "attachment"]

#: What a browser may show in place. Everything else (HTML, SVG, XML, scripts) is downloaded.
_INLINE = frozenset(
    {
        "application/json",
        "application/pdf",
        "text/csv",
        "text/plain",
        "text/vcard",
    }
)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff/\\]")


def safe_media_type(media_type: str | None) -> str:
    """Return *media_type* when it is one, ``application/octet-stream`` otherwise."""
    bare = (media_type or "").partition(";")[0].strip().lower()
    return bare if _MEDIA_TYPE.fullmatch(bare) else "application/octet-stream"


def may_be_inline(media_type: str) -> bool:
    """Whether a browser can show it without running anything of it."""
    if media_type in _INLINE:
        return True
    return media_type.startswith(("image/", "audio/", "video/")) and "svg" not in media_type


def content_disposition(name: str, wanted: Disposition, media_type: str) -> str:
    """Return a ``Content-Disposition`` with an ASCII name and the real one (RFC 6266, 5987)."""
    kind = wanted if wanted == "attachment" or may_be_inline(media_type) else "attachment"
    clean = safe_file_name(name)
    ascii_name = re.sub(r'[^\x20-\x7e]|["\\%;]', "_", clean)
    encoded = quote(clean.encode("utf-8", "replace"), safe="")
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{encoded}"


def safe_file_name(name: str) -> str:
    """Return a name without folders, control and direction characters; never empty."""
    clean = _UNSAFE.sub("_", name).strip().strip(".")
    return clean[:200] or "file"


def content_policy(media_type: str) -> str:
    """Return the ``Content-Security-Policy`` for bytes of a phone: no script, no requests."""
    policy = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
    # Chromium shows no PDF at all under ``sandbox``; its viewer runs no script of this origin.
    return policy if media_type == "application/pdf" else f"sandbox; {policy}"
