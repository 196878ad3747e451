"""Fetching objects before they are wanted, in the order in which they will be."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

#: While one is written down, the next ones come.
_FETCHES = 2
#: What is on its way or waits to be taken. One that is larger comes alone.
_MOST_BYTES = 64 * 1024 * 1024

Fetch = Callable[[str, int], bytes]


class Ahead:
    """Fetches what is expected. Used by one thread."""

    def __init__(self, fetch: Fetch) -> None:
        """*fetch* returns an object, and at most so many bytes of it; called from threads."""
        self._fetch = fetch
        self._threads: ThreadPoolExecutor | None = None
        self._expected: OrderedDict[str, int] = OrderedDict()
        #: Of those, what nobody has begun to fetch.
        self._waiting: deque[str] = deque()
        self._begun: dict[str, Future[bytes]] = {}

    @property
    def is_full(self) -> bool:
        """Whether more is expected than is fetched before something is taken."""
        return bool(self._waiting)

    def expect(self, path: str, most_bytes: int) -> None:
        """Say that an object will be wanted after those that were expected before."""
        if path not in self._expected:
            self._expected[path] = most_bytes
            self._waiting.append(path)
            self._begin()

    def take(self, path: str) -> bytes | None:
        """Return an object, or None if nobody fetches it; what was expected before is forgotten.

        Raises what fetching it raised.
        """
        if path not in self._expected:
            return None
        while True:
            first, _ = self._expected.popitem(last=False)
            future = self._begun.pop(first, None)
            if future is None:
                self._waiting.popleft()
            if first == path:
                break
            if future is not None:
                future.cancel()
        try:
            return None if future is None else future.result()
        finally:
            self._begin()

    def close(self) -> None:
        """Begin nothing more; what is on its way ends by itself, or with the transport."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        self._expected.clear()
        self._waiting.clear()
        self._begun.clear()

    def _begin(self) -> None:
        while self._waiting:
            most_bytes = self._expected[self._waiting[0]]
            held_bytes = sum(self._expected[path] for path in self._begun)
            if self._begun and held_bytes + most_bytes > _MOST_BYTES:
                return
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_FETCHES, thread_name_prefix="archive fetch")
            path = self._waiting.popleft()
            self._begun[path] = self._threads.submit(self._fetch, path, most_bytes)
