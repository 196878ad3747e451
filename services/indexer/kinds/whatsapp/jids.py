"""WhatsApp's identities: whose they are, in the form in which all kinds compare people.

``<number>@s.whatsapp.net`` is a person by number, ``<id>@lid`` one by a private identity,
``<id>@g.us`` a group, ``<id>@broadcast`` a list, ``<id>@newsletter`` a channel. A person's devices
are told apart behind the number (``15550142001:3@s.whatsapp.net``), which is of no interest here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from services.indexer.kinds.values import text_of

#: Longer ones are forged.
_LONGEST = 200
_PEOPLE = frozenset({"s.whatsapp.net", "c.us", "lid"})
_DEVICE = re.compile(r"[.:_].*")
_NUMBER = re.compile(r"[1-9][0-9]{6,14}")
_IN_TEXT = re.compile(r"[0-9][0-9._:-]{4,40}@(?:s\.whatsapp\.net|lid)\b")
_INVISIBLE = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
#: Two digits in a byte; the first byte says whether their count is odd, and that it is a number.
_COMPACT, _COMPACT_ODD = 0x01, 0x81
_LONGEST_COMPACT = 10


class Jid(NamedTuple):
    """An identity, without the device."""

    user: str
    server: str

    def __str__(self) -> str:
        return f"{self.user}@{self.server}" if self.server else self.user

    @property
    def is_person(self) -> bool:
        """Whether this is a person, by number or by private identity."""
        return self.server in _PEOPLE

    @property
    def number(self) -> str | None:
        """The number as E.164; None for everything that is not a number."""
        if self.server in {"s.whatsapp.net", "c.us", "status"} and _NUMBER.fullmatch(self.user):
            return f"+{_dialled(self.user)}"
        return None


def word(value: object) -> str | None:
    """Return what a cell says; some exports keep text as bytes. Marks of direction go."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    said = text_of(value)
    return None if said is None else said.strip(_INVISIBLE) or None


def read_jid(value: object) -> Jid | None:
    """Return the identity in a cell, or None."""
    said = word(value)
    if said is None or len(said) > _LONGEST:
        return None
    user, _, server = said.partition("@")
    server = server.lower()
    if server in _PEOPLE:
        user = _DEVICE.sub("", user)
    return Jid(user, server) if user else None


def read_compact(data: bytes) -> Jid | None:
    """Return the identity in a receipt: text, or digits two in a byte; None for other forms."""
    if b"@" in data:
        return read_jid(data)
    if not 1 < len(data) <= _LONGEST_COMPACT or data[0] not in {_COMPACT, _COMPACT_ODD}:
        return None
    digits = data[1:].hex()
    if data[0] == _COMPACT_ODD:
        digits = digits[:-1]
    return Jid(digits, "s.whatsapp.net") if digits.isdigit() else None


def jids_in(text: str) -> list[Jid]:
    """Return the people that an event's text names, in its order."""
    found = (read_jid(match) for match in _IN_TEXT.findall(text[:100_000]))
    return list(dict.fromkeys(jid for jid in found if jid is not None))


def without_jids(text: str) -> str:
    """Return what an event's text says beside the people that it names."""
    return _IN_TEXT.sub("", text[:100_000])


def _dialled(digits: str) -> str:
    """Return a number as it is dialled today: identities are never renumbered, contacts are.

    Mexico dropped the 1 before mobile numbers in 2019; Brazil put a 9 before them until 2016.
    """
    if len(digits) == 13 and digits.startswith("521"):
        return f"52{digits[3:]}"
    if len(digits) == 12 and digits.startswith("55") and digits[4] in "6789":
        return f"{digits[:4]}9{digits[4:]}"
    return digits
