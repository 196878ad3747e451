"""Numbers and times as people read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable


def size(size_bytes: object) -> str:
    """Return ``41.2 GB``; a dash for what is not known."""
    if not isinstance(size_bytes, int):
        return "-"
    value = float(size_bytes)
    if value < 1000:
        return f"{size_bytes} B"
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95 or unit == "TB":
            return f"{value:.1f} {unit}"
    return ""


def moment(text: object) -> str:
    """Return an API time in local time, to the minute; a dash for none."""
    if not isinstance(text, str):
        return "-"
    try:
        return dt.datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return "-"


def count(number: object) -> str:
    """Return ``181,224``; a dash for what is not known."""
    return f"{number:,}" if isinstance(number, int) else "-"


def together(said: Iterable[tuple[str | None, str]]) -> list[tuple[str, list[str]]]:
    """Return each sentence once, with all that it was *said* of, in the order it came."""
    of: dict[str, list[str]] = {}
    for sentence, thing in said:
        if sentence:
            of.setdefault(sentence, []).append(thing)
    return list(of.items())
