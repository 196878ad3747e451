"""Names for the members of a zip: safe to unpack on every system, and each only once."""

from __future__ import annotations

import re

#: Control characters, and what Windows refuses or reads as a drive or a stream.
_REFUSED = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_member_name(domain: str, relative_path: str) -> str:
    """Return ``domain/relative/path`` that stays below the folder it is unpacked into."""
    parts = re.split(r"[/\\]", f"{domain}/{relative_path}")
    return "/".join(safe for part in parts if (safe := _safe_part(part))) or "file"


def _safe_part(part: str) -> str:
    if part in ("", "."):
        return ""
    part = part.encode("utf-8", "replace").decode("utf-8")
    # Trailing dots and spaces vanish on Windows; "..", "..." are nothing but dots.
    clean = _REFUSED.sub("_", part).rstrip(" .") or "_"
    if _DEVICE.fullmatch(clean):
        clean = f"_{clean}"
    encoded = clean.encode()
    if len(encoded) > 240:
        stem, dot, suffix = clean.rpartition(".")
        tail = f"{dot}{suffix}".encode() if stem and len(suffix) <= 16 else b""
        clean = encoded[: 240 - len(tail)].decode("utf-8", "ignore") + tail.decode()
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
