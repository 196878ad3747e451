from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest

from shared.bus.consumer import retry_delay
from shared.bus.messages import firing_id, read_event
from shared.bus.schedules import clock
from shared.contracts.envelope import wrap
from shared.contracts.events import IndexRequested

AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
EVENT = IndexRequested(job_id="j", backup_id="b")


def test_the_delay_grows_to_a_limit_and_is_never_nothing() -> None:
    delays = [retry_delay(attempt, jitter=0) for attempt in range(1, 11)]
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert retry_delay(1, jitter=1) == 1.5


def test_an_event_is_the_same_event_wherever_it_lies() -> None:
    event_id = uuid4()
    body = wrap(EVENT, service="gateway", event_id=event_id, occurred_at=AT)
    for sequence in (1, 2):
        received = read_event(body, {}, sequence=sequence, stored_at=AT)
        assert (received.event_id, received.encoded) == (event_id, body)


def test_what_a_schedule_generates_is_another_event_at_every_place() -> None:
    body = wrap(EVENT, service="gateway", event_id=uuid4(), occurred_at=AT)
    headers = {"Nats-Scheduler": "schedule.index.x"}
    later = AT + dt.timedelta(hours=1)
    received = read_event(body, headers, sequence=7, stored_at=later)
    assert (received.event_id, received.envelope.time) == (firing_id(7), later)
    again = read_event(received.encoded, {}, sequence=9, stored_at=later)
    assert again.event_id == firing_id(7)
    assert firing_id(7) != firing_id(8)


def test_clocks_are_written_as_the_server_reads_them() -> None:
    def written(**given: object) -> str:
        return clock(**{"cron": None, "every": None, "at": None, **given})

    assert written(cron="0 3 * * *") == "0 0 3 * * *"
    assert written(cron="5 0 3 * * *") == "5 0 3 * * *"
    assert written(cron="@daily") == "@daily"
    assert written(every=dt.timedelta(minutes=1)) == "@every 60s"
    assert written(at=AT) == "@at 2026-01-02T03:04:05Z"
    for wrong in (
        {"cron": "* * *"},
        {"cron": "@sometimes"},
        {"every": dt.timedelta(milliseconds=100)},
        {"at": AT.replace(tzinfo=None)},
        {"at": AT, "cron": "@daily"},
    ):
        with pytest.raises(ValueError, match=r"must|exactly"):
            written(**wrong)
