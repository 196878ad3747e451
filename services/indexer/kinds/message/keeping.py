"""How long the phone is set to keep messages: for ever, for a year, for 30 days."""

from __future__ import annotations

from services.indexer.kinds.plist_values import read_plist
from services.indexer.kinds.protocol import ParserInputs
from services.indexer.kinds.values import int_of

DOMAIN, PATH = "HomeDomain", "Library/Preferences/com.apple.MobileSMS.plist"
#: Since iOS 17, and before; phones that were updated still have the old one, which says nothing.
_KEYS = ("SSKeepMessages", "KeepMessageForDays")
_MOST_BYTES = 1 << 20
_MOST_DAYS = 36_500


def days_kept(inputs: ParserInputs) -> int | None:
    """Return for how many days messages are kept, 0 for ever; None where nothing says so."""
    copy = inputs.find(DOMAIN, PATH)
    settings = None if copy is None else read_plist(copy, most_bytes=_MOST_BYTES)
    for key in _KEYS:
        days = int_of((settings or {}).get(key))
        if days is not None and 0 <= days <= _MOST_DAYS:
            return days
    return None
