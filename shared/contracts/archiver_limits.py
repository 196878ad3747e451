"""What the archiver is asked about limits of destinations, and about logs of jobs."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from shared.contracts.archiver import Destination, DestinationId, DestinationLimits
from shared.contracts.identifiers import JobId
from shared.contracts.requests import Request


class UpdateDestination(Request[Destination], frozen=True, kw_only=True):
    """Change what is set; where it lies stays."""

    subject: ClassVar[str] = "cmd.archiver.update_destination"
    reply: ClassVar[object] = Destination
    destination_id: DestinationId
    name: str | msgspec.UnsetType = msgspec.UNSET
    limits: DestinationLimits | msgspec.UnsetType = msgspec.UNSET


class JobLog(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a job's log: lines that begin with a moment in UTC."""

    text: str


class GetJobLog(Request[JobLog], frozen=True, kw_only=True):
    """The log of an archive, a restore, or whatever else the archiver does."""

    subject: ClassVar[str] = "cmd.archiver.get_job_log"
    reply: ClassVar[object] = JobLog
    job_id: JobId
