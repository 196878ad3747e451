"""The live events of one client that comes back with its Last-Event-ID after every interruption."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

import httpx

from tests.chaos.record import Record

#: Heartbeats come every 15 seconds.
_SILENCE_SECONDS = 40.0


@dataclass(frozen=True)
class Heard:
    """One stored event."""

    sequence: int
    type: str
    id: str
    data: dict[str, Any]


class Listener:
    """Follows from the beginning. ``heard`` grows in the listening thread only."""

    def __init__(self, url: str, token: str, record: Record) -> None:
        self.heard: list[Heard] = []
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._record = record

    def run(self, stopping: threading.Event) -> None:
        """Listen until told to stop."""
        while not stopping.is_set():
            try:
                self._listen(stopping)
            except (httpx.HTTPError, OSError) as error:
                self._record.saw(f"live events: {type(error).__name__}")
            stopping.wait(0.3)

    def _listen(self, stopping: threading.Event) -> None:
        last = self.heard[-1].sequence if self.heard else 0
        headers = self._headers | {"Last-Event-ID": str(last)}
        timeout = httpx.Timeout(10, read=_SILENCE_SECONDS)
        with httpx.stream(
            "GET", f"{self._url}/api/events", headers=headers, timeout=timeout
        ) as answer:
            if answer.status_code != 200:
                self._record.saw(f"live events: {answer.status_code}")
                return
            sequence: int | None = None
            for line in answer.iter_lines():
                if stopping.is_set():
                    return
                if line.startswith("id: "):
                    sequence = int(line[4:])
                elif line.startswith("data: ") and sequence is not None:
                    self._hear(sequence, json.loads(line[6:]))
                elif not line:
                    sequence = None

    def _hear(self, sequence: int, event: dict[str, Any]) -> None:
        if self.heard and sequence <= self.heard[-1].sequence:
            self._record.violated(f"live events: {sequence} after {self.heard[-1].sequence}")
        self.heard.append(Heard(sequence, event["type"], event["id"], event["data"]))
        self._record.did("live event")
