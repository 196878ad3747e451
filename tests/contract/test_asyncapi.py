from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from shared.contracts.asyncapi import document, render, requests
from shared.contracts.discovery import LocateBackup
from shared.contracts.events import EVENTS

COMMITTED = Path(__file__).parents[2] / "docs" / "asyncapi.json"


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    return set()


def test_the_committed_document_is_what_the_contracts_say() -> None:
    """On a difference: ``python -m shared.contracts.asyncapi > docs/asyncapi.json``."""
    assert COMMITTED.read_text() == render()


def test_every_reference_leads_somewhere() -> None:
    whole = msgspec.json.decode(render())
    for reference in references(whole):
        found = whole
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_every_event_and_request_is_described() -> None:
    channels = document()["channels"]
    assert {event.__name__ for event in EVENTS} <= set(channels)
    assert {request.__name__ for request in requests()} <= set(channels)
    assert LocateBackup in requests()
