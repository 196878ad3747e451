"""The one executor for all work on disks: a network mount may hang, the event loop may not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from services.discovery.errors import Stopped

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")

#: One scan, one measurement, one watch, and one for whoever asks for a refresh.
_THREADS = 4


class Disk:
    """Runs blocking work in its threads, and tells the work when to give up."""

    def __init__(self) -> None:
        #: Long work looks at it and raises ``Stopped``.
        self.stopping = threading.Event()
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="discovery-disk")

    async def run(
        self,
        work: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run *work* in a thread. When cancelled, the thread finishes by itself, unheeded.

        Raises ``Stopped`` after ``stop``.
        """
        if self.stopping.is_set():
            raise Stopped
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(work, *args, **kwargs))

    async def stop(self) -> None:
        """Let running work give up; a thread that hangs on a dead mount is not waited for."""
        self.stopping.set()
        self._executor.shutdown(wait=False, cancel_futures=True)
