"""The numbers of Calendar.sqlitedb and the words that stand for them here.

What is not listed keeps its number under ``raw``. Sources: public readers of the database, and
EventKit's constants for the kinds of alarms.
"""

from __future__ import annotations

from typing import Final

from services.indexer.kinds.records import Record
from services.indexer.kinds.values import int_of

EVENT: Final = 2
TASK: Final = 3
#: Whom a row of Participant is: a guest, or who invites.
GUEST: Final = 7
ORGANISER: Final = 8

STATUSES: Final = {1: "confirmed", 2: "tentative", 3: "cancelled"}
AVAILABILITIES: Final = {0: "busy", 1: "free", 2: "tentative", 3: "out_of_office"}
ANSWERS: Final = {1: "accepted", 2: "declined", 3: "tentative"}
ROLES: Final = {1: "required", 2: "optional", 3: "chair"}
GUEST_TYPES: Final = {1: "person", 2: "room", 3: "resource", 4: "group"}
ALARM_TYPES: Final = {0: "display", 1: "sound", 2: "procedure", 3: "email"}
PROXIMITIES: Final = {1: "arrive", 2: "leave"}
SHARINGS: Final = {1: "shared_by_me", 2: "shared_with_me"}
SUBSCRIBED: Final = 4
BIRTHDAYS: Final = 5
ACCOUNT_TYPES: Final = {
    0: "on_my_phone", 1: "exchange", 2: "caldav", SUBSCRIBED: "subscribed", BIRTHDAYS: "birthdays",
}  # fmt: skip
#: Numbers that say nothing.
NOTHING: Final = frozenset({0})
NO_ANSWER: Final = frozenset({0, 7})
NEVER: Final[frozenset[int]] = frozenset()


def word(
    words: dict[int, str],
    row: Record,
    column: str,
    raw: dict[str, int],
    *,
    quiet: frozenset[int] = NOTHING,
) -> str | None:
    """Return the word for a number; one that has none is put into *raw* under the column's name."""
    number = int_of(row[column])
    if number is None:
        return None
    said = words.get(number)
    if said is None and number not in quiet:
        raw[column.removeprefix("Z").lower()] = number
    return said
