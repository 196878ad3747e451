import datetime as dt

import pytest

from services.discovery.lifecycle import (
    Announced,
    Clock,
    announcements,
    changed_at,
    phase_of,
)

START = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
QUIET = 60.0


def after(seconds: float, *, is_asked: bool = False) -> Clock:
    return Clock(now=START + dt.timedelta(seconds=seconds), quiet_seconds=QUIET, is_asked=is_asked)


def phase(seconds: float, **given: bool) -> str:
    """Phase of a folder that took its form at START, *seconds* later."""
    facts = {
        "is_finished": True,
        "is_judged": False,
        "is_first_sight": False,
        "is_moving": False,
        **given,
    }
    clock = after(seconds, is_asked=facts.pop("is_asked", False))
    return phase_of(**facts, changed_at=START, clock=clock)


def test_a_finished_run_is_judged_only_when_the_folder_is_quiet() -> None:
    assert phase(59) == "running"
    assert phase(60) == "judge"


def test_at_first_sight_or_when_asked_a_finished_run_is_judged_at_once() -> None:
    assert phase(0, is_first_sight=True) == "judge"
    assert phase(0, is_asked=True) == "judge"


def test_blobs_that_change_without_a_run_are_judged_at_once() -> None:
    assert phase(0, is_judged=True) == "judge"


def test_a_folder_that_moves_under_our_eyes_is_running_whatever_else() -> None:
    assert phase(0, is_moving=True, is_first_sight=True, is_asked=True) == "running"


def test_an_unfinished_run_breaks_off_after_ten_quiet_periods() -> None:
    assert phase(599, is_finished=False) == "running"
    assert phase(600, is_finished=False) == "broken_off"
    assert phase(10, is_finished=False, is_asked=True) == "running"


def test_the_moment_of_change_is_the_one_seen_and_at_first_sight_the_one_on_disk() -> None:
    now = START
    known = START - dt.timedelta(hours=1)
    written = START.timestamp() - 500
    same = {"newest_write": written, "now": now}
    assert changed_at(known=known, is_same=True, is_moving=False, **same) == known
    assert changed_at(known=known, is_same=False, is_moving=False, **same) == now
    assert changed_at(known=None, is_same=False, is_moving=False, **same) == now - dt.timedelta(
        seconds=500
    )
    assert changed_at(known=None, is_same=False, is_moving=True, **same) == now


@pytest.mark.parametrize("newest", [9e18, START.timestamp() + 1e6])
def test_a_clock_that_is_ahead_or_absurd_counts_as_now(newest: float) -> None:
    assert (
        changed_at(known=None, is_same=False, is_moving=False, newest_write=newest, now=START)
        == START
    )


def tell(
    announced: Announced, state: str, revision: str | None, seconds: float, *, is_new: bool = False
) -> tuple[list[str], Announced]:
    due, now = announcements(
        announced=announced,
        state=state,  # type: ignore[arg-type]
        revision=revision,
        is_new=is_new,
        changed_at=START,
        clock=after(seconds),
    )
    return list(due), now


def test_a_new_backup_is_announced_at_once_and_only_once() -> None:
    due, announced = tell(Announced(), "complete", "r1", 0, is_new=True)
    assert due == ["discovered"]
    assert tell(announced, "complete", "r1", 60) == ([], announced)


def test_a_new_revision_is_announced_once_when_quiet() -> None:
    announced = Announced(state="complete", revision="r1")
    assert tell(announced, "running", "r1", 1000) == ([], announced)
    assert tell(announced, "complete", "r2", 59) == ([], announced)
    due, announced = tell(announced, "complete", "r2", 60)
    assert due == ["changed"]
    assert tell(announced, "complete", "r2", 1000) == ([], announced)


@pytest.mark.parametrize("state", ["broken_off", "partial", "damaged"])
def test_an_unreliable_backup_is_announced_once_and_its_repair_as_a_change(state: str) -> None:
    announced = Announced(state="complete", revision="r1")
    due, announced = tell(announced, state, "r1", 60)
    assert due == ["incomplete"]
    assert tell(announced, state, "r1", 90)[0] == []
    assert tell(announced, "complete", "r1", 90)[0] == ["changed"]


def test_a_new_backup_that_is_partial_is_told_of_twice_the_second_time_when_quiet() -> None:
    due, announced = tell(Announced(), "partial", "r1", 0, is_new=True)
    assert due == ["discovered"]
    assert tell(announced, "partial", "r1", 60)[0] == ["incomplete"]
    assert tell(Announced(), "partial", "r1", 60, is_new=True)[0] == ["discovered", "incomplete"]


def test_a_clock_that_was_set_back_makes_no_folder_wait_until_it_is_later_again() -> None:
    facts = {"is_same": True, "is_moving": False, "newest_write": 0.0}
    back = START - dt.timedelta(days=2)
    seen = changed_at(known=START, now=back, **facts)
    assert seen == back
    later = Clock(now=back + dt.timedelta(seconds=QUIET), quiet_seconds=QUIET)
    assert later.is_quiet_since(changed_at(known=seen, now=later.now, **facts))
