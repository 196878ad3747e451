"""Look at one folder and say what it is now, compared with what was known. Runs in a disk thread.

The decisions are those of ``lifecycle``; here they are fed from disk, in an order that reads as
little as possible: a backup that did not change costs six ``lstat`` calls.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import time

from msgspec import Struct, structs

from services.discovery import lifecycle, marks
from services.discovery.errors import FolderVanished
from services.discovery.folders import Folder
from services.discovery.inspection import Judgement, Plists, judge, read_plists
from services.discovery.lifecycle import Clock
from services.discovery.marks import Marks
from services.discovery.records import Record
from shared.scratch import Scratch

#: Between two looks at a folder that may be in the middle of being copied.
SECOND_LOOK_SECONDS = 0.25
#: A folder whose times (the inode's too) are older is not looked at twice.
_FRESH_SECONDS = 60.0


class Examined(Struct, frozen=True, kw_only=True):
    """What an examination found. Without a judgement the state is that of the phase."""

    marks: Marks
    plists: Plists
    phase: lifecycle.Phase
    changed_at: dt.datetime
    #: Null as well when the known judgement still holds (``is_known``).
    judgement: Judgement | None
    is_known: bool


def examine(
    folder: Folder,
    known: Record | None,
    *,
    clock: Clock,
    is_thorough: bool,
    scratch: Scratch,
    stopping: threading.Event,
) -> Examined | None:
    """Examine *folder*; None when it is as it was and nothing is left to decide.

    Raises ``FolderVanished``, ``FolderUnreadable`` and ``Stopped``.
    """
    is_done = known is not None and known.is_settled and known.is_reachable
    if known is not None and is_done and not is_thorough:
        quick = marks.look_at(folder.path, with_blobs=False)
        if quick.run == known.run_marks:
            return None
    look = marks.look_at(folder.path)
    is_same = known is not None and look.run == known.run_marks and look.blobs == known.blob_marks
    if is_same and is_done:
        return None
    is_moving = False
    if known is None or (clock.is_asked and not is_same):
        look, is_moving = _second_look(folder.path, look, stopping=stopping)
    changed_at = lifecycle.changed_at(
        known=None if known is None else known.changed_at,
        is_same=is_same,
        is_moving=is_moving,
        newest_write=look.newest_write,
        now=clock.now,
    )
    plists = read_plists(folder.path)
    phase = lifecycle.phase_of(
        is_finished=plists.is_finished and not look.has_snapshot,
        is_judged=known is not None and known.judged_run == look.run,
        is_first_sight=known is None,
        is_moving=is_moving,
        changed_at=changed_at,
        clock=clock,
    )
    is_known = (
        known is not None
        and phase == "judge"
        and (known.judged_run, known.judged_blobs) == (look.run, look.blobs)
    )
    examined = Examined(
        marks=look,
        plists=plists,
        phase=phase,
        changed_at=changed_at,
        judgement=None,
        is_known=is_known,
    )
    if phase != "judge" or is_known:
        return examined
    memo = None if known is None else known.manifest
    judgement = judge(folder.path, plists, memo=memo, scratch=scratch, is_stopping=stopping.is_set)
    if marks.look_at(folder.path).run != look.run:
        # A run began while the manifest was read: what was read may be half of each.
        return structs.replace(examined, phase="running", changed_at=clock.now)
    return structs.replace(examined, judgement=judgement)


def _second_look(path: bytes, first: Marks, *, stopping: threading.Event) -> tuple[Marks, bool]:
    """Look again after a moment, unless nothing was written lately; say whether it moved.

    The inode's own times are asked, because a copying program sets the others back.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError as error:
        raise FolderVanished from error
    written = max(first.newest_write, status.st_mtime, status.st_ctime)
    if time.time() - written > _FRESH_SECONDS:
        return first, False
    stopping.wait(SECOND_LOOK_SECONDS)
    second = marks.look_at(path)
    return second, (first.run, first.blobs) != (second.run, second.blobs)
