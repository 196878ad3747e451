"""Who invites to an event and who is invited."""

from __future__ import annotations

import re

from services.indexer.kinds.calendar_event.calendars import Identities, address_of
from services.indexer.kinds.calendar_event.payload import Guest
from services.indexer.kinds.calendar_event.vocabulary import (
    ANSWERS,
    GUEST_TYPES,
    NO_ANSWER,
    ROLES,
    word,
)
from services.indexer.kinds.calendar_time import moment
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.records import Record
from services.indexer.kinds.values import flag_of, text_of

COLUMNS = (
    "rowid", "entity_type", "type", "status", "role", "identity_id", "email", "phone_number",
    "is_self", "comment", "proposed_start_date",
)  # fmt: skip
_LONGEST = 4000
_NUMBER = re.compile(r"[+(]?[0-9][0-9 ()./-]{2,40}")


class Guests:
    """Reads rows of Participant; names are in the table Identity."""

    def __init__(self, identities: Identities, handles: Handles) -> None:
        """Take names from *identities* and bring handles into one form."""
        self._identities = identities
        self._handles = handles

    def read(self, row: Record, *, is_me: bool = False) -> Guest | None:
        """Return one of them; None for a row that names nobody. *is_me*: known from elsewhere."""
        raw: dict[str, int] = {}
        name, address = self._identities.find(row["identity_id"])
        email = address_of(row["email"]) or (address if address and "@" in address else None)
        # Servers also write addresses of their own: "/12345/principal/", "invalid:nomail".
        phone = address_of(row["phone_number"]) or (
            address if address and _NUMBER.fullmatch(address) else None
        )
        if not (name or email or phone):
            return None
        handle = email or phone
        comment = text_of(row["comment"])
        return Guest(
            name=name,
            email=email,
            phone=phone,
            handle=None if handle is None else self._handles.normalise(handle),
            is_me=is_me or flag_of(row["is_self"]),
            answer=word(ANSWERS, row, "status", raw, quiet=NO_ANSWER),
            role=word(ROLES, row, "role", raw),
            type=word(GUEST_TYPES, row, "type", raw),
            comment=None if comment is None else comment[:_LONGEST],
            proposed_at=moment(row["proposed_start_date"]),
            raw=raw,
        )
