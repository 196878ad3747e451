"""Which event asks for a job of which kind."""

from __future__ import annotations

from shared.contracts.events import ArchiveRequested, Event, RestoreRequested, UpkeepRequested
from shared.contracts.identifiers import JobId

_REQUESTED: dict[str, type[ArchiveRequested | RestoreRequested | UpkeepRequested]] = {
    "archive": ArchiveRequested,
    "restore": RestoreRequested,
}


def requested(kind: str, job_id: JobId) -> Event:
    """Return the event that has a job run."""
    return _REQUESTED.get(kind, UpkeepRequested)(job_id=job_id)
