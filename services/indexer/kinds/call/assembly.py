"""From what either store says of a call to its artifact."""

from __future__ import annotations

from typing import Any

import msgspec

from services.indexer.kinds.call.payload import CallPayload, Direction, Participant, Service
from services.indexer.kinds.call.people import Counterparts
from services.indexer.kinds.call.vocabulary import SERVICE_NAMES, outcome_of, title_of
from services.indexer.kinds.phone_time import utc
from services.indexer.staging import StagedArtifact


class Found(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What decides how a call is shown, and where."""

    key: str
    #: Microseconds since 1970.
    at_us: int | None
    people: tuple[Participant, ...]
    direction: Direction | None
    #: The phone's own mark; it tells nothing of outgoing calls.
    is_answered: bool
    seconds: float | None
    cause: int | None
    service: Service | None
    is_video: bool | None
    #: Handle of who began a group call.
    initiator: str | None = None


def assemble(found: Found, threads: Counterparts, **more: Any) -> StagedArtifact:
    """Return the artifact of a call; *more* are the other fields of its payload."""
    people, direction = found.people, found.direction
    seconds = found.seconds if found.seconds is not None and found.seconds >= 0 else None
    outcome = outcome_of(
        direction=direction, is_answered=found.is_answered, seconds=seconds, cause=found.cause
    )
    is_group = len(people) > 1
    payload = CallPayload(
        service=found.service,
        direction=direction,
        outcome=outcome,
        is_video=found.is_video,
        is_answered=outcome in {"connected", "answered_elsewhere"},
        duration_seconds=seconds,
        started_at=utc(found.at_us),
        participants=people,
        is_group=is_group,
        initiator=found.initiator if is_group else None,
        **more,
    )
    sender = None
    if direction == "incoming":
        sender = people[0].handle if len(people) == 1 else found.initiator
    return StagedArtifact(
        key=found.key,
        thread_key=threads.thread_of(
            people, SERVICE_NAMES.get(found.service or "app") or payload.app or payload.provider
        ),
        occurred_at_us=found.at_us,
        title=title_of(
            service=found.service,
            app=payload.app,
            direction=direction,
            outcome=outcome,
            is_video=found.is_video,
            is_group=is_group,
        ),
        text=_searchable(payload),
        sender_handle=sender,
        is_me=direction == "outgoing",
        payload=payload,
    )


def _searchable(call: CallPayload) -> str | None:
    lines: list[str | None] = [call.name]
    for person in call.participants:
        lines += [person.handle, person.address]
    lines += [call.location, call.device_name]
    if call.junk is not None:
        lines += [call.junk.category, call.junk.blocked_by]
    return "\n".join(dict.fromkeys(line for line in lines if line)) or None
