"""Lines of vCard 4 (RFC 6350), written by the library that writes calendars: the grammar is one.

Names, parameters and values are kept apart up to here, so that nothing of a stranger can begin a
line or a property of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from icalendar.parser import Contentline, Parameters

from services.indexer.exports.formats.cleaning import clean

_ESCAPED = {"\\": "\\\\", "\n": "\\n", ",": "\\,", ";": "\\;"}
_TO_ESCAPE = re.compile(r"[\\\n,;]")
_NEVER_IN_URI = re.compile("[\x00-\x20\x7f]+")


class _Written(str):
    """A value that is escaped already."""

    __slots__ = ()

    def to_ical(self) -> bytes:
        return self.encode()


def text(value: str) -> str:
    """Return *value* as text that may stand alone or in a list."""
    return _TO_ESCAPE.sub(lambda found: _ESCAPED[found[0]], clean(value))


def structured(parts: Iterable[str | None]) -> str:
    """Return parts of a name or an address, ``;`` between them."""
    return ";".join(text(part or "") for part in parts)


def listed(values: Iterable[str]) -> str:
    """Return texts with commas between them."""
    return ",".join(text(value) for value in values)


def uri(value: str) -> str:
    """Return an address as a value that is not escaped: it cannot end the line."""
    return _NEVER_IN_URI.sub("", clean(value))


def line(
    name: str, value: str, parameters: Mapping[str, str] | None = None, *, group: str = ""
) -> bytes:
    """Return a folded line with its end. *value* comes from one of the functions above."""
    said = {key: clean(one).replace("\n", " ") for key, one in (parameters or {}).items() if one}
    written = Contentline.from_parts(
        f"{group}.{name}" if group else name, Parameters(said), _Written(value)
    )
    folded: bytes = written.to_ical()
    return folded + b"\r\n"
