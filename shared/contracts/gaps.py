"""What the indexer is asked about times of which backups tell nothing."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal

import msgspec

from shared.contracts.identifiers import Udid
from shared.contracts.requests import Request


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A time between two moments."""

    from_at: dt.datetime
    to_at: dt.datetime
    #: ``nothing``: what was made then, no backup holds. ``survivors``: a later backup holds what
    #: was made then, but for what was removed again before it.
    holds: Literal["nothing", "survivors"]


class KindGaps(msgspec.Struct, frozen=True, kw_only=True):
    """What backups tell of one kind: all between two moments, but for the gaps."""

    kind: str
    #: Null: phones keep such things for ever.
    covered_from: dt.datetime | None
    covered_to: dt.datetime
    gaps: list[Gap]


class DeviceGaps(msgspec.Struct, frozen=True, kw_only=True):
    """The gaps of every kind of a device, or of devices that follow each other."""

    devices: list[Udid]
    kinds: list[KindGaps]


class ListGaps(Request[DeviceGaps], frozen=True, kw_only=True):
    """Times of which no backup of a device tells, per kind."""

    subject: ClassVar[str] = "cmd.indexer.list_gaps"
    reply: ClassVar[object] = DeviceGaps
    device: Udid
    kind: str | None = None
    #: With times of which only what survived is known.
    survivors: bool = False
    #: Over the whole lineage of the device.
    lineage: bool = False
