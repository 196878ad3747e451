"""HTTP's conditional and range headers as pure functions over header values (RFC 9110, 13-14)."""

from __future__ import annotations

import datetime as dt
import re
from email.utils import format_datetime, parsedate_to_datetime

import msgspec

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})")


class Span(msgspec.Struct, frozen=True):
    """Bytes from *start* up to, not including, *stop*."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.stop - self.start


class UnsatisfiableRangeError(ValueError):
    """No byte of the content lies in the range (416)."""


def parse_range(header: str | None, size: int) -> Span | None:
    """Return the one span asked for, or None to send everything.

    Several ranges and other units are ignored, as the RFC allows. Raises
    ``UnsatisfiableRangeError``.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    first, last = match[1], match[2]
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None  # syntactically invalid: ignored, not refused
    if start >= size or start >= stop:
        raise UnsatisfiableRangeError
    return Span(start, stop)


def quoted_etag(etag: str) -> str:
    """Return *etag* in the quotes that HTTP wants, whatever it came in."""
    if etag.startswith(('"', 'W/"')):
        return etag
    return '"' + re.sub(r"[^\x21\x23-\x7e]", "", etag) + '"'


def is_unchanged(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has this content already (weak comparison, lists and ``*``)."""
    if not if_none_match:
        return False
    if if_none_match.strip() == "*":
        return True
    opaque = etag.removeprefix("W/")
    return any(
        one.strip().removeprefix("W/") == opaque for one in if_none_match.split(",") if one.strip()
    )


def range_still_holds(if_range: str | None, etag: str, modified_at: dt.datetime | None) -> bool:
    """Whether a partial download may continue (strong comparison, or an exact date)."""
    if not if_range:
        return True
    value = if_range.strip()
    if value.startswith('"'):
        return value == etag
    if value.startswith("W/") or modified_at is None:
        return False
    try:
        return parsedate_to_datetime(value) == modified_at.replace(microsecond=0)
    except (OverflowError, TypeError, ValueError):
        return False


def http_date(moment: dt.datetime) -> str:
    """Return *moment* as ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    return format_datetime(moment.astimezone(dt.UTC), usegmt=True)
