"""Delayed and repeated requests, kept and fired by JetStream.

The rows of the owning service are the truth; it declares them again at start. A firing is an
ordinary ``<noun>.requested`` event whose id follows from its place in the stream, so that handling
it is as effectively-once as any other.
"""

from __future__ import annotations

import datetime as dt
import re
from uuid import NAMESPACE_URL, uuid5

from shared.bus.connection import Bus
from shared.bus.trace import next_traceparent
from shared.contracts.envelope import wrap
from shared.contracts.events import Event
from shared.contracts.topology import EVENT_STREAM, schedule_subject

_SCHEDULES = uuid5(NAMESPACE_URL, "keepsake:schedule-declaration")
_MACROS = frozenset(
    {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)


async def declare_schedule(
    bus: Bus,
    noun: str,
    schedule_id: str,
    *,
    data: Event,
    cron: str | None = None,
    every: dt.timedelta | None = None,
    at: dt.datetime | None = None,
    timezone: str | None = None,
) -> None:
    """Publish *data* as ``<noun>.requested`` by the clock; replaces the schedule of that id.

    Exactly one of *cron* (six fields, five get a leading ``0``, or ``@daily`` and the like),
    *every* (a second or more) and *at* (once; a time that has passed fires at once). Raises
    ``ValueError`` for a clock that cannot be meant.
    """
    if data.subject != f"{noun}.requested":
        raise ValueError(f"{data.subject} is not {noun}.requested")
    subject = _subject(noun, schedule_id)
    headers = {
        "Nats-Schedule": clock(cron=cron, every=every, at=at),
        "Nats-Schedule-Target": data.subject,
    }
    if timezone is not None:
        if cron is None:
            raise ValueError("a time zone is for cron only")
        headers["Nats-Schedule-Time-Zone"] = timezone
    await bus.jetstream.publish(
        subject,
        wrap(
            data,
            service=bus.service,
            event_id=uuid5(_SCHEDULES, subject),
            occurred_at=dt.datetime.now(dt.UTC),
            traceparent=next_traceparent(),
        ),
        stream=EVENT_STREAM,
        headers=headers,
    )


async def cancel_schedule(bus: Bus, noun: str, schedule_id: str) -> None:
    """Stop a schedule; one that does not exist is fine.

    A message without a clock takes the place of the schedule, the rollup removes what was stored,
    and the message itself expires. Purging the subject would do the same, but a permission to
    purge cannot be limited to a subject.
    """
    await bus.jetstream.publish(
        _subject(noun, schedule_id),
        b"",
        stream=EVENT_STREAM,
        headers={"Nats-Rollup": "sub", "Nats-TTL": "1"},
    )


def clock(*, cron: str | None, every: dt.timedelta | None, at: dt.datetime | None) -> str:
    """Return the server's notation; raises ``ValueError`` unless exactly one thing is given."""
    if sum(given is not None for given in (cron, every, at)) != 1:
        raise ValueError("give exactly one of cron, every and at")
    if every is not None:
        seconds = every.total_seconds()
        if seconds < 1 or not seconds.is_integer():
            raise ValueError("every must be whole seconds, at least one")
        return f"@every {int(seconds)}s"
    if at is not None:
        if at.tzinfo is None:
            raise ValueError("at must say its time zone")
        return f"@at {at.astimezone(dt.UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}"
    assert cron is not None
    fields = cron.split()
    if len(fields) == 1 and cron in _MACROS:
        return cron
    if len(fields) == 5:
        # What people write; the server counts seconds too.
        fields = ["0", *fields]
    if len(fields) != 6:
        raise ValueError("cron must have five or six fields")
    return " ".join(fields)


def _subject(noun: str, schedule_id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", schedule_id):
        raise ValueError("a schedule's id is letters, digits, _ and -")
    return schedule_subject(noun, schedule_id)
