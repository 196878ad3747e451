"""Numbers and addresses of people in one form, so that a person is the same in every kind."""

from __future__ import annotations

import re

_E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")
_LOOKS_LIKE_NUMBER = re.compile(
    r"[+(]?[0-9][0-9 ()./\u00a0\u2010-\u2014-]{3,}\Z|\+[0-9 ()./-]{4,}\Z"
)
_DECORATION = re.compile(r"[ ()./\u00a0\u2010-\u2014-]+")
_PREFIXES = ("tel:", "sms:", "mailto:", "e:", "p:")
_SHORTEST_NUMBER = 7


def normalise_handle(raw: str, region: str | None = None) -> str:
    """Return a number as E.164, an e-mail address in lower case, anything else trimmed.

    *region* is where numbers without a country code are read (``DE``). Short codes and names of
    senders stay as they are: they mean nothing outside their country.
    """
    handle = raw.strip()
    if _E164.match(handle):
        return handle
    lowered = handle.lower()
    for prefix in _PREFIXES:
        if lowered.startswith(prefix):
            handle = handle[len(prefix) :].strip()
            break
    if "@" in handle or not _LOOKS_LIKE_NUMBER.match(handle):
        return handle.lower() if "@" in handle else handle
    digits = _DECORATION.sub("", handle)
    if digits.startswith("+") or len(digits) < _SHORTEST_NUMBER:
        return digits
    return _with_country(digits, region)


def _with_country(digits: str, region: str | None) -> str:
    if region is None:
        # 00 is the international prefix in most of the world.
        return f"+{digits[2:]}" if digits.startswith("00") and len(digits) > 9 else digits
    import phonenumbers

    try:
        number = phonenumbers.parse(digits, region.upper())
    except phonenumbers.NumberParseException:
        return digits
    if not phonenumbers.is_possible_number(number):
        return digits
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class Handles:
    """A memory of handles that were normalised already: a phone knows few, messages repeat them."""

    def __init__(self, region: str | None) -> None:
        """Read numbers without a country code in *region*."""
        self._region = region
        self._known: dict[tuple[str, str | None], str] = {}

    def normalise(self, raw: str, country: str | None = None) -> str:
        """Return the one form of *raw*; *country* is the phone's own note beside it."""
        key = (raw, country)
        known = self._known.get(key)
        if known is None:
            region = self._region
            if region is None and country and len(country) == 2 and country.isalpha():
                region = country
            known = normalise_handle(raw, region)
            if len(self._known) < 100_000:
                self._known[key] = known
        return known
