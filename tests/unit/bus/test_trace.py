from __future__ import annotations

import pytest

from shared.bus.trace import enter_trace, is_valid, new_traceparent, next_traceparent

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


def test_a_new_trace_is_valid() -> None:
    assert is_valid(new_traceparent())


def test_the_next_span_stays_in_the_trace_and_keeps_its_flags() -> None:
    child = next_traceparent(PARENT)
    assert is_valid(child)
    assert child != PARENT
    assert (child[:36], child[-2:]) == (PARENT[:36], "00")


@pytest.mark.parametrize(
    "malformed",
    ["", "x", PARENT.upper(), PARENT + "-1", "00-" + "0" * 32 + PARENT[35:], "ff" + PARENT[2:]],
)
def test_a_malformed_traceparent_begins_a_trace_of_its_own(malformed: str) -> None:
    assert not is_valid(malformed)
    assert is_valid(next_traceparent(malformed))


async def test_what_is_asked_while_handling_belongs_to_the_same_trace() -> None:
    enter_trace(PARENT)
    assert next_traceparent()[:36] == PARENT[:36]
