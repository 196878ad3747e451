"""Golden JSON of every event: what was ever written must stay readable.

A field that is added with a default gets a new golden file beside the old one, written by
``KEEPSAKE_WRITE_GOLDEN=1 pytest tests/contract``; existing files are never changed.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from shared.contracts.envelope import decode_data, unwrap, wrap
from shared.contracts.events import EVENTS, Event
from tests.contract.examples import EVENT_ID, EXAMPLES, OCCURRED_AT, TRACEPARENT

GOLDEN = Path(__file__).parent / "golden"


def golden_files(subject: str) -> list[Path]:
    return sorted(GOLDEN.glob(f"{subject}.*.json"), key=lambda path: int(path.suffixes[-2][1:]))


def encode(event: Event) -> bytes:
    return wrap(
        event,
        service=event.producers[0],
        event_id=EVENT_ID,
        occurred_at=OCCURRED_AT,
        traceparent=TRACEPARENT,
    )


def test_every_event_has_an_example() -> None:
    assert [type(example) for example in EXAMPLES] == list(EVENTS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda event: event.subject)
def test_an_event_is_written_as_its_newest_golden_file_says(example: Event) -> None:
    written = msgspec.json.decode(encode(example))
    files = golden_files(example.subject)
    known = [msgspec.json.decode(path.read_bytes()) for path in files]
    if os.environ.get("KEEPSAKE_WRITE_GOLDEN") and (not known or known[-1] != written):
        path = GOLDEN / f"{example.subject}.{len(files) + 1}.json"
        path.write_bytes(msgspec.json.format(encode(example), indent=2) + b"\n")
        known.append(written)
    assert known[-1:] == [written]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda event: event.subject)
def test_every_golden_file_ever_written_still_decodes(example: Event) -> None:
    files = golden_files(example.subject)
    assert files
    for path in files:
        envelope = unwrap(path.read_bytes())
        assert envelope.type == example.subject
        assert type(decode_data(envelope)) is type(example)
    assert decode_data(unwrap(files[-1].read_bytes())) == example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda event: event.subject)
def test_a_field_that_a_later_version_adds_is_ignored(example: Event) -> None:
    message = msgspec.json.decode(encode(example))
    message["data"]["a_later_field"] = [1]
    message["alaterextension"] = "x"
    assert decode_data(unwrap(msgspec.json.encode(message))) == example


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.subject)
def test_a_subject_is_a_noun_and_a_participle_with_a_producer(event: type[Event]) -> None:
    noun, participle = event.subject.split(".")
    assert noun.isalpha()
    assert participle.isalpha()
    assert event.producers
