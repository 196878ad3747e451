"""Whom calls were with: numbers and addresses in the one form, and the threads of calls.

A thread is everybody that one number, or one set of numbers, was called from or called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b

from services.indexer.kinds.call.payload import Participant
from services.indexer.kinds.call.vocabulary import EMAIL, PHONE
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.values import text_of
from services.indexer.staging import StagedThread

#: Longer ones are forged.
_LONGEST = 320
#: Group calls of FaceTime have 32 people.
MOST_PARTICIPANTS = 200
_MOST_RAW_KEYS = 20
_WHATSAPP = re.compile(r"([1-9][0-9]{6,14})(?:[.:_][0-9]+)*@s\.whatsapp\.net")


def word(value: object) -> str | None:
    """Return what a cell says in short; older stores keep text as bytes."""
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    said = text_of(value)
    return None if said is None else said[:_LONGEST].rstrip()


class People:
    """Gives the one form of numbers and addresses."""

    def __init__(self, handles: Handles) -> None:
        """Normalise with *handles*."""
        self._handles = handles

    def handle(self, address: str, country: str | None = None) -> str:
        """Return the one form of what a call's column says."""
        found = _WHATSAPP.fullmatch(address)
        if found is not None:
            address = f"+{found[1]}"
        return self._handles.normalise(address, country)

    def participant(
        self,
        value: object,
        *,
        normalised: object = None,
        kind: int | None = None,
        country: str | None = None,
    ) -> Participant | None:
        """Return somebody by what the phone wrote, and by its own normalised form of that."""
        address, better = word(value), word(normalised)
        if address is None and better is None:
            return None
        handle = self.handle(better or address or "", country)
        if not handle:
            return None
        return Participant(
            handle=handle,
            address=address if address != handle else None,
            type="phone" if kind == PHONE else "email" if kind == EMAIL else None,
        )


def everybody(found: Iterable[Participant | None]) -> tuple[Participant, ...]:
    """Return people once each, in their order."""
    once: dict[str, Participant] = {}
    for person in found:
        if person is not None and len(once) < MOST_PARTICIPANTS:
            once.setdefault(person.handle, person)
    return tuple(once.values())


class Counterparts:
    """The threads of all calls."""

    def __init__(self) -> None:
        """Begin with none."""
        self._threads: dict[str, StagedThread] = {}

    def thread_of(self, people: tuple[Participant, ...], service: str | None) -> str | None:
        """Return the thread of calls with *people*; calls from nobody known have none."""
        if not people:
            return None
        handles = sorted(person.handle for person in people)
        key = f"direct:{handles[0]}" if len(handles) == 1 else f"group:{_digest(handles)}"
        thread = self._threads.get(key)
        if thread is None:
            thread = self._threads[key] = StagedThread(
                key=key,
                title=None,
                is_group=len(handles) > 1,
                participants=handles,
                services=[],
                raw_keys=[],
            )
        services = thread.services
        if service is not None and service not in services and len(services) < _MOST_RAW_KEYS:
            services.append(service)
        for person in people:
            raw = person.address or person.handle
            if len(thread.raw_keys) < _MOST_RAW_KEYS and raw not in thread.raw_keys:
                thread.raw_keys.append(raw)
        return key

    def __iter__(self) -> Iterator[StagedThread]:
        """Yield every thread."""
        return iter(self._threads.values())


def _digest(handles: list[str]) -> str:
    named = "\n".join(handles).encode("utf-8", "replace")
    return blake2b(named, digest_size=16).hexdigest()
