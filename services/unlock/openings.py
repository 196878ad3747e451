"""Openings that are under way in this process, so that they can be given up.

Opening the largest manifests takes most of a minute. Whoever locks everything means what is being
opened, too, and a session whose caller went away would hold keys that nobody has a token for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from services.unlock import errors

Result = TypeVar("Result")

#: Stands for all openings where one could be named.
EVERYTHING = "*"


class _Opening:
    """One opening with the name that its caller gave it."""

    def __init__(self, name: str | None, task: asyncio.Task[object]) -> None:
        self.name = name
        self.task = task
        self.is_abandoned = False


class Openings:
    """All openings of this process."""

    def __init__(self) -> None:
        self._under_way: set[_Opening] = set()

    async def run(self, work: Coroutine[object, object, Result], *, name: str | None) -> Result:
        """Return what *work* returns; raise the ``opening-abandoned`` problem when it is given up.

        *work* is cancelled then, and has ended when this raises.
        """
        task = asyncio.create_task(work, name="open a session")
        opening = _Opening(name, task)
        self._under_way.add(opening)
        try:
            return await task
        except asyncio.CancelledError:
            if opening.is_abandoned and task.cancelled():
                raise errors.opening_abandoned() from None
            raise
        finally:
            self._under_way.discard(opening)

    def abandon(self, name: str) -> None:
        """Give up the opening of that name, or all; those that are not here are passed over."""
        for opening in self._under_way:
            if name in {EVERYTHING, opening.name}:
                opening.is_abandoned = True
                opening.task.cancel()
