"""What the indexer is asked about lineages: which device follows which, and who says so."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal

import msgspec

from shared.contracts.identifiers import JobId, Udid
from shared.contracts.requests import DEFAULT_LIMIT, Page, Request

LinkState = Literal["offered", "confirmed", "declined"]


class SharedKind(msgspec.Struct, frozen=True, kw_only=True):
    """Of so many artifacts of one device that were looked at, so many are on the other one."""

    kind: str
    looked_at: int
    found: int


class LineageLink(msgspec.Struct, frozen=True, kw_only=True):
    """Two devices with the same things on them, offered or decided on as one after the other."""

    id: str
    state: LinkState
    earlier: Udid
    later: Udid
    #: Whether it can be told which came first; if not, whoever confirms it says which.
    is_directed: bool
    #: Why it is offered, for people.
    reason: str
    shares: list[SharedKind]
    offered_at: dt.datetime
    decided_at: dt.datetime | None
    #: All devices of the lineage, the oldest first, where it is confirmed.
    devices: list[Udid]
    #: The job that carries out what was decided last, or has done so; null where nobody decided.
    job_id: JobId | None = None


class DeviceLineage(msgspec.Struct, frozen=True, kw_only=True):
    """The lineage of one device, the oldest device first; alone it is its own."""

    devices: list[Udid]
    #: What was offered, confirmed or declined of this device.
    links: list[LineageLink]


class ListLineages(Request[Page[LineageLink]], frozen=True, kw_only=True):
    """Links in any state or one: offers first, then what was decided last."""

    subject: ClassVar[str] = "cmd.indexer.list_lineages"
    reply: ClassVar[object] = Page[LineageLink]
    state: LinkState | None = None
    device: Udid | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class GetDeviceLineage(Request[DeviceLineage], frozen=True, kw_only=True):
    """The lineage of a device, whether or not anything of it is indexed."""

    subject: ClassVar[str] = "cmd.indexer.get_device_lineage"
    reply: ClassVar[object] = DeviceLineage
    device: Udid


class ConfirmLineage(Request[LineageLink], frozen=True, kw_only=True):
    """Make one history of two devices; ``earlier`` where it cannot be told, or is known better.

    What was decided is stored when this is answered; the job that is named carries it out.
    409 when a device would come to be older than itself, or when it was declined.
    """

    subject: ClassVar[str] = "cmd.indexer.confirm_lineage"
    reply: ClassVar[object] = LineageLink
    link_id: str
    earlier: Udid | None = None


class DeclineLineage(Request[LineageLink], frozen=True, kw_only=True):
    """Say that the devices do not follow each other; it is not offered again."""

    subject: ClassVar[str] = "cmd.indexer.decline_lineage"
    reply: ClassVar[object] = LineageLink
    link_id: str


class UndoLineage(Request[LineageLink], frozen=True, kw_only=True):
    """Take what was decided back: it is an offer again, and a job parts the devices. Idempotent."""

    subject: ClassVar[str] = "cmd.indexer.undo_lineage"
    reply: ClassVar[object] = LineageLink
    link_id: str
