"""Names for the members of a zip: safe to unpack on every system, and each only once."""

from __future__ import annotations

import re

#: Control characters, those that turn the direction of text and so hide what a name ends with, and
#: what Windows refuses or reads as a drive or a stream.
_REFUSED = re.compile(r'[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff<>:"|?*]')
_MOST_BYTES = 240
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_member_name(domain: str, relative_path: str) -> str:
    """Return ``domain/relative/path`` that stays below the folder it is unpacked into."""
    parts = re.split(r"[/\\]", f"{domain}/{relative_path}")
    return "/".join(safe for part in parts if (safe := _safe_part(part, _MOST_BYTES))) or "file"


def name_part(text: str, *, most_bytes: int = 120) -> str:
    """Return any *text* as the name of one file or folder, cut before its ending if it is long."""
    return _safe_part(re.sub(r"[/\\\s]+", " ", text).strip(), most_bytes) or "unnamed"


def _safe_part(part: str, most_bytes: int) -> str:
    if part in ("", "."):
        return ""
    part = part.encode("utf-8", "replace").decode("utf-8")
    # Trailing dots and spaces vanish on Windows; "..", "..." are nothing but dots.
    clean = _REFUSED.sub("_", part).rstrip(" .") or "_"
    if _DEVICE.fullmatch(clean):
        clean = f"_{clean}"
    encoded = clean.encode()
    if len(encoded) > most_bytes:
        stem, dot, suffix = clean.rpartition(".")
        tail = f"{dot}{suffix}".encode() if stem and len(suffix.encode()) <= 16 else b""
        clean = encoded[: most_bytes - len(tail)].decode("utf-8", "ignore").rstrip(" .")
        clean = (clean or "_") + tail.decode()
    return clean


class MemberNames:
    """Hands out each name once, also on file systems that ignore case."""

    def __init__(self) -> None:
        # Hashes, not names: half a million long paths would be a hundred megabytes. Two names
        # with the same hash cost nothing but a number in brackets.
        self._taken: set[int] = set()

    def claim(self, name: str) -> str:
        """Return *name*, or ``name (2).ext`` and so on when it is taken."""
        candidate, number = name, 1
        while (key := hash(candidate.casefold())) in self._taken:
            number += 1
            candidate = _numbered(name, number)
        self._taken.add(key)
        return candidate


def _numbered(name: str, number: int) -> str:
    folder, slash, last = name.rpartition("/")
    stem, dot, suffix = last.rpartition(".")
    if not stem:
        stem, dot, suffix = last, "", ""
    return f"{folder}{slash}{stem} ({number}){dot}{suffix}"
