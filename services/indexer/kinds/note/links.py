"""Which addresses may become links: a note may come from anybody, and HTML is shown in browsers."""

from __future__ import annotations

import re

_LONGEST = 8 * 1024
# No scheme that a browser would run or open by itself; x-… are those of apps.
_SAFE = re.compile(
    r"(?:https?|mailto|tel|applenotes|x-[a-z0-9][a-z0-9+.-]{0,40}):\S", re.IGNORECASE
)
#: Browsers drop some of these in the middle of a scheme, and others change what is read.
_CONTROLS = re.compile('[\0-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\\\\<>"`]')
_BARE = re.compile(r"(?:www\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:[/?#]\S*)?\Z", re.IGNORECASE)


def safe_link(address: str | None) -> str | None:
    """Return an address that may stand behind a link, or None."""
    if address is None or len(address) > _LONGEST:
        return None
    address = address.strip()
    if _CONTROLS.search(address):
        return None
    if _SAFE.match(address):
        return address
    # What people write as a link themselves has no scheme.
    return f"https://{address}" if _BARE.match(address) else None
