"""Decide what state a backup is in and what is announced about it. Pure: the clock is passed in.

A folder is looked at again and again. What it shows decides the state; how long it has shown the
same decides whether that is announced. So a run that writes for hours is announced once, after it
finished and the folder was quiet, and a restart in between changes nothing: the last moment of
change is kept with the backup.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from msgspec import Struct

from shared.contracts.discovery import BackupState

#: An unfinished run that wrote nothing for so many quiet periods has broken off.
BROKEN_OFF_AFTER = 10
#: However short the quiet period is.
_SHORTEST_RUN_SECONDS = 2.0

Phase = Literal["running", "broken_off", "judge"]
Announcement = Literal["discovered", "changed", "incomplete"]

_UNRELIABLE = frozenset({"broken_off", "partial", "damaged"})


class Clock(Struct, frozen=True, kw_only=True):
    """The moment of a scan, and how long a folder must be quiet."""

    now: dt.datetime
    quiet_seconds: float
    #: Somebody asked for the truth now: a finished run is judged without waiting.
    is_asked: bool = False

    def is_quiet_since(self, moment: dt.datetime) -> bool:
        """Whether *moment* is a quiet period ago or more."""
        return (self.now - moment).total_seconds() >= self.quiet_seconds


def changed_at(
    *,
    known: dt.datetime | None,
    is_same: bool,
    is_moving: bool,
    newest_write: float,
    now: dt.datetime,
) -> dt.datetime:
    """When the folder took the form that it has now.

    For a folder that is known this is when the change was seen: times on disk may be copies of
    older ones, or of a clock that is ahead. Only at first sight must the times on disk do. When
    our own clock was set back meanwhile, the folder counts as changed now.
    """
    if known is not None:
        return min(known, now) if is_same else now
    try:
        written = dt.datetime.fromtimestamp(newest_write, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return now
    return now if is_moving else min(written, now)


def phase_of(
    *,
    is_finished: bool,
    is_judged: bool,
    is_first_sight: bool,
    is_moving: bool,
    changed_at: dt.datetime,
    clock: Clock,
) -> Phase:
    """Say whether the folder is being written, was left half-written, or can be judged.

    ``is_finished``: Status.plist says so and there is no Snapshot. ``is_judged``: plists and
    manifest are those of the last judgement, so no run took place and only blobs can differ.
    """
    if is_moving:
        return "running"
    if not is_finished:
        idle_seconds = (clock.now - changed_at).total_seconds()
        longest = max(BROKEN_OFF_AFTER * clock.quiet_seconds, _SHORTEST_RUN_SECONDS)
        return "broken_off" if idle_seconds >= longest else "running"
    if is_judged or is_first_sight or clock.is_asked or clock.is_quiet_since(changed_at):
        return "judge"
    return "running"


class Announced(Struct, frozen=True, kw_only=True):
    """What the world was told last about a backup; both null before the first time."""

    state: str | None = None
    revision: str | None = None


def announcements(
    *,
    announced: Announced,
    state: BackupState,
    revision: str | None,
    is_new: bool,
    changed_at: dt.datetime,
    clock: Clock,
) -> tuple[list[Announcement], Announced]:
    """Return what is to be published now, and what has been announced then.

    A backup that is new is announced at once. Everything else waits until the folder is quiet.
    """
    due: list[Announcement] = []
    if is_new:
        due.append("discovered")
        # An unreliable state is told of separately, when the folder is quiet.
        announced = Announced(
            state="complete" if state == "complete" else "running", revision=revision
        )
    if not clock.is_quiet_since(changed_at):
        return due, announced
    if state == "complete" and announced != Announced(state=state, revision=revision):
        due.append("changed")
        announced = Announced(state=state, revision=revision)
    elif state in _UNRELIABLE and announced.state != state:
        due.append("incomplete")
        # The revision stays the announced one, so that a later repair is told of as a change.
        announced = Announced(state=state, revision=announced.revision)
    return due, announced
