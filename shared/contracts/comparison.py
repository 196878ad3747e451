"""What the indexer is asked about two revisions of a device, over all kinds."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal

import msgspec

from shared.contracts.identifiers import Udid
from shared.contracts.removals import ReasonCounts
from shared.contracts.requests import Request

#: What a revision says of a kind; ``never``: nobody has looked for it there.
KindState = Literal["indexed", "absent", "failed", "never"]


class KindDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What changed of one kind; nothing is counted unless both revisions were read whole."""

    kind: str
    from_state: KindState
    to_state: KindState
    added: int | None = None
    removed: int | None = None
    changed: int | None = None
    #: Of those changed: how many have a file no more that they had.
    offloaded: int | None = None
    #: Of those removed; null as well when the later revision is compared with the earlier one.
    reasons: ReasonCounts | None = None


class RevisionComparison(msgspec.Struct, frozen=True, kw_only=True):
    """What changed between two revisions, kind by kind."""

    from_revision: str
    to_revision: str
    from_at: dt.datetime
    to_at: dt.datetime
    kinds: list[KindDifference]


class CompareRevisions(Request[RevisionComparison], frozen=True, kw_only=True):
    """Counts of what changed between two indexed revisions of a device, of all kinds."""

    subject: ClassVar[str] = "cmd.indexer.compare_revisions"
    reply: ClassVar[object] = RevisionComparison
    device: Udid
    from_revision: str
    to_revision: str
