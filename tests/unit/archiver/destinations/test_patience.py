"""How often a destination is asked again, and when it is left alone."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from services.archiver.destinations.failures import PassingError
from services.archiver.destinations.patience import Limits, Patience
from services.archiver.errors import DestinationAwayError, DestinationRefusedError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def failing(
    times: int, error: type[Exception] = PassingError
) -> tuple[list[int], Callable[[], str]]:
    calls: list[int] = []

    def call() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise error("as asked")
        return "done"

    return calls, call


def test_what_passes_is_tried_again_and_what_does_not_is_raised_at_once() -> None:
    patience = Patience(Limits(tries=3, first_pause_seconds=0))
    calls, call = failing(2)
    assert patience.run(call) == "done"
    assert len(calls) == 3
    calls, call = failing(5)
    with pytest.raises(PassingError):
        patience.run(call)
    assert len(calls) == 3
    for error in (DestinationRefusedError, DestinationAwayError, KeyError):
        calls, call = failing(1, error)
        with pytest.raises(error):
            patience.run(call)
        assert len(calls) == 1


def test_after_failures_in_a_row_nothing_is_asked_until_one_call_may_try() -> None:
    clock = Clock()
    limits = Limits(tries=2, first_pause_seconds=0, failures=4, cut_seconds=60)
    patience = Patience(limits, clock=clock)
    for _ in range(2):
        with pytest.raises(PassingError):
            patience.run(failing(9)[1])
    calls, call = failing(0)
    with pytest.raises(DestinationAwayError, match="left alone"):
        patience.run(call)
    assert calls == []

    clock.now += 61
    calls, call = failing(9)
    with pytest.raises(PassingError):
        patience.run(call)
    assert len(calls) == 1, "one try, and the line is cut again"
    with pytest.raises(DestinationAwayError, match="left alone"):
        patience.run(failing(0)[1])

    clock.now += 61
    assert patience.run(failing(0)[1]) == "done"
    calls, call = failing(1)
    assert patience.run(call) == "done"
    assert len(calls) == 2, "an answer made it as patient as before"


def test_an_answer_of_any_sort_ends_a_row_of_failures() -> None:
    patience = Patience(Limits(tries=1, failures=2))
    for error in (PassingError, DestinationRefusedError, PassingError, DestinationRefusedError):
        with pytest.raises(error):
            patience.run(failing(1, error)[1])
    assert patience.run(failing(0)[1]) == "done"


def test_whoever_waits_is_let_go_at_the_end() -> None:
    patience = Patience(Limits(tries=5, first_pause_seconds=3600))
    calls, call = failing(9)
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            patience.run(call)
        except PassingError as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    patience.end()
    thread.join(60)
    assert len(raised) == len(calls) == 1
