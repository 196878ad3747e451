"""All work on disks, by root: a network mount may hang, the event loop and other roots may not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Literal, ParamSpec, TypeVar

from services.discovery.errors import FolderSilent, Stopped
from shared.disks import Disks, DiskSilentError

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")

#: What a root has one thread for each, so that a long measurement does not hold up a scan.
Purpose = Literal["scan", "measure", "watch"]


class Disk:
    """Runs blocking work in threads of the root it is for, and tells the work when to give up."""

    def __init__(self) -> None:
        #: Long work looks at it and raises ``Stopped``.
        self.stopping = threading.Event()
        #: Called when a root that did not answer does so again.
        self.on_return: Callable[[], None] = lambda: None
        self._disks = Disks(
            name="discovery-disk",
            threads=1,
            on_return=self._tell_return,
        )

    async def run(
        self,
        root: bytes,
        work: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Scan below *root*: run *work* in its thread.

        Raises ``Stopped`` after ``stop``, ``FolderSilent`` when the root does not answer; then, and
        when cancelled, the thread finishes by itself, unheeded.
        """
        return await self.run_at(root, lambda: root, partial(work, *args, **kwargs))

    async def run_at(
        self,
        root: bytes,
        place: Callable[[], bytes] | None,
        work: Callable[[], Result],
        *,
        purpose: Purpose = "scan",
    ) -> Result:
        """The same for work that goes from *place* to place; no look is taken without one."""
        if self.stopping.is_set():
            raise Stopped
        try:
            return await self._disks.run((root, purpose), work, place=place)
        except DiskSilentError as error:
            raise FolderSilent(error.place) from None

    async def stop(self) -> None:
        """Let running work give up; a thread that hangs on a dead mount is not waited for."""
        self.stopping.set()
        self._disks.stop()

    def _tell_return(self) -> None:
        self.on_return()
