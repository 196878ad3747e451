"""HTTP as a patient person speaks it: what can be retried is retried, all else is a violation."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection
from typing import Any

import httpx

from tests.chaos.record import Record

#: Longer than every time limit inside; a request that takes this long hangs.
TIMEOUT_SECONDS = 100.0
#: Faults come one after the other: one request may meet many of them, but not for ever.
_PATIENCE_SECONDS = 240.0
_RETRYABLE = (502, 503, 504)


class GaveUpError(Exception):
    """The run is over, or a request never went through (then it is noted as a violation)."""


class UnexpectedError(Exception):
    """An answer that is no clear retryable error; noted as a violation already."""


class Client:
    """One person's client. Not shared between threads."""

    def __init__(self, url: str, token: str, record: Record, stopping: threading.Event) -> None:
        self.url = url
        self.record = record
        self.stopping = stopping
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_SECONDS
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(
        self, what: str, method: str, path: str, *, give: Collection[int] = (), **options: Any
    ) -> httpx.Response:
        """Return the first good answer, or one whose status is in *give*, which the caller knows.

        Raises ``UnexpectedError`` for anything that a person could not act on, ``GaveUpError``
        when the run stops.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        pause = 0.05
        while True:
            answer = self._try(what, method, path, **options)
            if answer is not None:
                if answer.is_success:
                    self.record.did(what)
                    return answer
                if answer.status_code in give:
                    return answer
                if answer.status_code not in _RETRYABLE:
                    self.unexpected(what, answer)
            if self.stopping.is_set():
                raise GaveUpError
            if time.monotonic() > deadline:
                self.record.violated(f"{what}: did not go through for {_PATIENCE_SECONDS:.0f} s")
                raise GaveUpError
            self.stopping.wait(pause)
            pause = min(2 * pause, 1.0)

    def unexpected(self, what: str, answer: httpx.Response) -> None:
        """Note an answer that should not be, and raise."""
        self.record.violated(f"{what}: {answer.status_code} {answer.text[:300]}")
        raise UnexpectedError

    def get(self, what: str, path: str, **parameters: Any) -> Any:
        """Return the decoded answer to a question that needs no session."""
        return self.ask(what, "GET", path, params=parameters).json()

    def pages(self, what: str, path: str, **parameters: Any) -> list[Any]:
        """Return every item of a list."""
        items: list[Any] = []
        cursor = None
        while True:
            more = {} if cursor is None else {"cursor": cursor}
            page = self.get(what, path, **parameters, **more)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    def _try(self, what: str, method: str, path: str, **options: Any) -> httpx.Response | None:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TimeoutException as error:
            self.record.violated(f"{what}: no answer in {TIMEOUT_SECONDS:.0f} s")
            self.record.saw(type(error).__name__)
            return None
        except httpx.TransportError as error:
            self.record.saw(_transport(error))
            return None
        if not answer.is_success:
            self.record.saw(self._class(what, answer))
        return answer

    def _class(self, what: str, answer: httpx.Response) -> str:
        try:
            problem = json.loads(answer.content)["type"]
        except (ValueError, KeyError, TypeError):
            self.record.violated(f"{what}: {answer.status_code} without a problem document")
            return f"{answer.status_code} without a problem"
        return f"{answer.status_code} {problem}"


def _transport(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectError):
        return "connection refused"
    if isinstance(error, httpx.RemoteProtocolError) and "incomplete" in str(error):
        return "body broken off"
    return "connection lost"
