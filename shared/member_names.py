"""Names for the members of a zip: safe to unpack on every system, and each only once."""

from __future__ import annotations

import re
import unicodedata

#: Control characters, ends of lines, characters that cannot be seen or that turn the direction of
#: text and so hide what a name ends with, and what Windows refuses or reads as a drive or a stream.
_REFUSED = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff"
    r'<>:"|?*]'
)
#: With a number behind them names are still shorter than the 255 bytes that file systems take.
_MOST_BYTES = 240
#: What Windows takes for a device, whatever ending or spaces follow.
_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[\d\u00b9\u00b2\u00b3])\s*(\..*)?",
    re.IGNORECASE | re.DOTALL,
)


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
    """Hands out each name once, also where case is ignored and letters are put together anew."""

    def __init__(self) -> None:
        # Hashes, not names: half a million long paths would be a hundred megabytes. Two names
        # with the same hash cost nothing but a number in brackets.
        self._taken: set[int] = set()
        #: Of names that came again, the number that was given last: a million files may be called
        #: the same.
        self._numbers: dict[int, int] = {}

    def claim(self, name: str) -> str:
        """Return *name*, or ``name (2).ext`` and so on when it is taken."""
        first = key = hash(_folded(name))
        candidate, number = name, 1
        if key in self._taken:
            number = self._numbers.get(first, 1)
            while key in self._taken:
                number += 1
                candidate = _numbered(name, number)
                key = hash(_folded(candidate))
            self._numbers[first] = number
        self._taken.add(key)
        return candidate


def _folded(name: str) -> str:
    """Return what two names have in common that are one to Windows or to macOS."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _numbered(name: str, number: int) -> str:
    folder, slash, last = name.rpartition("/")
    stem, dot, suffix = last.rpartition(".")
    if not stem:
        stem, dot, suffix = last, "", ""
    return f"{folder}{slash}{stem} ({number}){dot}{suffix}"
