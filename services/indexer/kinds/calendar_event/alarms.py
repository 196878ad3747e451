"""Alarms and rules of repetition of an item, events and old tasks alike."""

from __future__ import annotations

from services.indexer.kinds.calendar_event.payload import Alarm
from services.indexer.kinds.calendar_event.store import Item
from services.indexer.kinds.calendar_event.vocabulary import ALARM_TYPES, NEVER, PROXIMITIES, word
from services.indexer.kinds.calendar_time import moment
from services.indexer.kinds.records import Record
from services.indexer.kinds.recurrence import Recurrence, calendar_rule
from services.indexer.kinds.values import flag_of, int_of, text_of

#: Beyond ten years an offset is a stand-in for none.
_LONGEST_OFFSET_SECONDS = 10 * 366 * 86_400
_MOST_ALARMS = 100
_MOST_RULES = 20
_LONGEST = 4000


def alarms_of(item: Item) -> tuple[Alarm, ...]:
    """Return the alarms of an item in the order in which they were made."""
    return tuple(_alarm(row, item) for row in item.alarms[:_MOST_ALARMS])


def recurrences_of(item: Item) -> tuple[Recurrence, ...]:
    """Return the rules of an item; there is seldom more than one."""
    return tuple(
        calendar_rule(row, until=moment(row["end_date"])) for row in item.rules[:_MOST_RULES]
    )


def _alarm(row: Record, item: Item) -> Alarm:
    raw: dict[str, int] = {}
    at = moment(row["trigger_date"])
    proximity = word(PROXIMITIES, row, "proximity", raw)
    offset = int_of(row["trigger_interval"])
    # An alarm at a moment or at a place keeps a meaningless 0 beside it.
    if at is not None or (proximity is not None and not offset):
        offset = None
    elif offset is not None and abs(offset) > _LONGEST_OFFSET_SECONDS:
        raw["trigger_interval"] = offset
        offset = None
    email = text_of(row["email_address"])
    return Alarm(
        offset_seconds=offset,
        at=at,
        proximity=proximity,
        place=item.places.get(row["location_id"]) or item.alarm_places.get(row["rowid"]),
        type=word(ALARM_TYPES, row, "type", raw, quiet=NEVER),
        email=None if email is None else email[:_LONGEST],
        is_default=flag_of(row["default_alarm"]),
        is_off=flag_of(row["disabled"]),
        acknowledged_at=moment(row["acknowledgedDate"]),
        raw=raw,
    )
