"""What speaks for two devices being one after another, as pure code.

A restored phone has the same things under the same keys. Tablets and phones of one person share
much of them too, by iCloud, and members of a family some: so what only its owner's devices can
share has to be there, and the order is told from the times of backups alone or not at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

#: Kinds that only devices of one owner share. Of conversations those parts count that the owner
#: wrote: the other side has the same messages, as somebody else's.
OWN_KINDS = (
    "message", "whatsapp", "call", "voicemail", "voice_memo", "photo", "health", "interaction",
)  # fmt: skip
#: What can be shared with others is named, and decides nothing.
SHARED_KINDS = ("note", "reminder", "contact")
#: Of these, only what the owner wrote or did.
WRITTEN_KINDS = ("message", "whatsapp")
#: What keys look like that a phone made up itself, as regular expressions. Others say what things
#: are (the steps of a day), and are the same on any two phones.
ANY_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
OWN_KEYS = {
    "message": "^(?!digest:)",
    "call": "^(?!digest:)",
    "whatsapp": "^whatsapp[a-z_]*:out:",
}

_FEWEST = 3
_LEAST_PART = 0.2


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Of so many artifacts of a kind that were looked at, so many are on the other device."""

    kind: str
    looked_at: int
    found: int

    @property
    def part(self) -> float:
        """How much of what was looked at."""
        return self.found / self.looked_at if self.looked_at else 0.0


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one of the devices."""

    device: str
    #: Its oldest and its newest indexed backup.
    first_at: dt.datetime
    last_at: dt.datetime
    #: As Apple calls it: ``iPhone12,1``.
    product_type: str | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Why two devices are offered; kept with the offer. ``why`` says what is known of the order."""

    shares: list[Share]
    why: str


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Two devices to be shown as one history."""

    earlier: str
    later: str
    is_directed: bool
    evidence: Evidence


def better(one: Share, other: Share) -> Share:
    """Return which of two looks, from either side, found more of what it looked at."""
    return max(one, other, key=lambda share: (share.part, share.found))


def judge(one: Side, other: Side, shares: Sequence[Share]) -> Offer | None:
    """Return the offer to be made of two devices; None when too little speaks for it."""
    found = [share for share in shares if share.found]
    if not any(
        share.kind in OWN_KINDS and share.found >= _FEWEST and share.part >= _LEAST_PART
        for share in found
    ):
        return None
    earlier, later = sorted((one, other), key=lambda side: (side.first_at, side.device))
    why, is_directed = _order(earlier, later)
    return Offer(
        earlier=earlier.device,
        later=later.device,
        is_directed=is_directed,
        evidence=Evidence(
            shares=sorted(found, key=lambda share: (-share.found, share.kind)), why=why
        ),
    )


def _order(earlier: Side, later: Side) -> tuple[str, bool]:
    families = [_family(side.product_type) for side in (earlier, later)]
    if None not in families and families[0] != families[1]:
        why = (
            f"One is an {families[0]} and the other an {families[1]}, so they may have been in use"
            " side by side, with the same things from iCloud."
        )
        return why, False
    if earlier.last_at < later.first_at:
        why = (
            f"The last backup of the earlier one ({_day(earlier.last_at)}) was made before the"
            f" first of the later one ({_day(later.first_at)}), as of a phone that was restored"
            " onto the next one."
        )
        return why, True
    why = (
        f"Both were backed up between {_day(later.first_at)} and"
        f" {_day(min(earlier.last_at, later.last_at))}, so they may have been in use side by side,"
        " and it cannot be told which came first."
    )
    return why, False


def in_words(evidence: Evidence) -> str:
    """Return why the two are offered, for people."""
    shares = [
        f"{share.found} of {share.looked_at} of kind {share.kind.replace('_', ' ')}"
        for share in evidence.shares
    ]
    return f"The same things are on both: of samples, {', '.join(shares)}. {evidence.why}"


def _family(product_type: str | None) -> str | None:
    letters = (product_type or "").rstrip("0123456789,")
    return letters or None


def _day(moment: dt.datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
