"""Why something is there no more, as far as the backups before and after its end tell.

Pure code. A case is one thing at the border of two revisions: it was in the one and is not in the
next one of its kind. Phones say little about what they remove, so a cause is told from what stood
about the thing before (was it in *Recently Deleted*?), from what else went, and from what stayed.
Where two causes are possible, the verdict says so and is not certain.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import msgspec

from shared.contracts.removals import Reason, Removal

#: Raised whenever the same backups would give other verdicts.
RULES = 1

#: As long as things stay in *Recently Deleted* before phones remove them.
TRASH_DAYS = 30
#: What the setting for messages knows beside "for ever".
MESSAGE_DAYS = (365, 30)
#: Phones clean up once a day at most.
_SLACK_DAYS = 2
_FIRST = dt.datetime.min.replace(tzinfo=dt.UTC)
#: Calls that a phone keeps; from a few less on, its list is full.
FULL_CALL_LIST = 950
#: So many things at once do not go by chance with all of their app or account.
_FEWEST_TOGETHER = 3
#: Kinds that phones keep for some time, or in some number, only.
AGED_KINDS = frozenset({"call", "interaction", "web_visit"})
#: Kinds whose threads are conversations, which people delete as a whole.
CONVERSATIONS = frozenset({"message", "whatsapp"})


class Cause(NamedTuple):
    """What a cause means."""

    reason: Reason
    is_certain: bool
    note: str


CAUSES: dict[str, Cause] = {
    "trash_over": Cause(
        "expired", True,
        "It stood in Recently Deleted, and its 30 days there were over before the next backup.",
    ),
    "trash_perhaps_over": Cause(
        "expired", False,
        "It stood in Recently Deleted; before the next backup its 30 days there were over, or"
        " somebody removed it from there.",
    ),
    "removed_from_trash": Cause(
        "deleted", True,
        "It stood in Recently Deleted, and somebody removed it from there before its 30 days were"
        " over.",
    ),
    "trash_cut_short": Cause(
        "deleted", False,
        "It stood in Recently Deleted and went before 30 days were over: somebody removed it from"
        " there, or the app is set to keep it for a shorter time.",
    ),
    "carrier_time_over": Cause(
        "expired", True, "The time for which the carrier keeps it was over."
    ),
    "kept_30_days": Cause("expired", True, "The phone was set to keep messages for 30 days."),
    "kept_365_days": Cause("expired", True, "The phone was set to keep messages for a year."),
    "kept_some_days": Cause(
        "expired", True, "The phone was set to keep messages for some days only."
    ),
    "seems_kept_30_days": Cause(
        "expired", False,
        "Everything older than 30 days went with it: the phone seems to keep messages for so long"
        " only.",
    ),
    "seems_kept_365_days": Cause(
        "expired", False,
        "Everything older than a year went with it: the phone seems to keep messages for so long"
        " only.",
    ),
    "sound_over": Cause(
        "expired", False,
        "It was a spoken message that nobody kept: phones remove those two minutes after they were"
        " heard.",
    ),
    "list_full": Cause(
        "expired", True, "Phones keep about the last 1,000 calls; newer ones took its place."
    ),
    "oldest_went": Cause(
        "expired", False,
        "All that was as old went with it: phones keep such things for some time only.",
    ),
    "cleared": Cause("deleted", True, "Somebody cleared this time from the browser's history."),
    "conversation_deleted": Cause(
        "deleted", True, "The whole conversation is gone; others stayed."
    ),
    "deleted": Cause(
        "deleted", True, "It was removed on the phone; older and newer things stayed."
    ),
    "deleted_oldest": Cause(
        "deleted", False,
        "Nothing as old as this stayed: it was removed on the phone, or the phone cleared it.",
    ),
    "deleted_newest": Cause(
        "deleted", False,
        "Nothing as new as this stayed: it was removed on the phone, or the phone was set back to"
        " an older state.",
    ),
    "app_left": Cause(
        "left_with_app", False, "Nothing of its app is in the next backup."
    ),
    "account_left": Cause(
        "left_with_account", False, "Nothing of its account is in the next backup."
    ),
    "icloud_left": Cause(
        "left_with_account", False,
        "Only iCloud held its original, and no photo of the next backup is in iCloud any more.",
    ),
    "nothing_left": Cause(
        "unknown", False,
        "Nothing of its kind is in the next backup: the phone was erased or set up anew, or all of"
        " it was removed.",
    ),
    "offloaded": Cause(
        "offloaded", True,
        "A file of it was in the backup and is no longer: the thing itself is still there.",
    ),
    "not_looked_into": Cause(
        "unknown", False, "Nobody has looked into it yet; the next index run of the phone will."
    ),
}  # fmt: skip
#: Those that depend on since when a thing was in the trash.
TRASH_CAUSES = ["trash_over", "trash_perhaps_over", "removed_from_trash", "trash_cut_short"]
NOT_LOOKED_INTO = "not_looked_into"
OFFLOADED = "offloaded"

DOUBTS: dict[str, str] = {
    "parser": "Another version of Keepsake read the backup after it, and may know it by another"
    " identity.",
    "unread": "Some records of the backup after it could not be read; it may be one of them.",
}


class Verdict(NamedTuple):
    """The cause of an end, and what speaks against being sure."""

    cause: str
    doubt: str | None = None


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What a thing said about itself that bears on its end."""

    in_trash: bool = False
    #: When it was put there; phones do not always say.
    trashed_at: dt.datetime | None = None
    #: When the carrier removes it.
    expires_at: dt.datetime | None = None
    #: A spoken message that nobody chose to keep.
    is_passing_sound: bool = False
    is_only_in_icloud: bool = False
    #: The app or account that holds it.
    holder: str | None = None
    url: str | None = None


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """The times of what stayed: of the kind, or of the same app."""

    oldest_at: dt.datetime | None = None
    newest_at: dt.datetime | None = None


class Border(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the two revisions between which something went."""

    kind: str
    #: The first revision without it.
    gone_at: dt.datetime
    #: How many things of the kind the phone still had.
    left_count: int
    #: How long the phone was set to keep messages; None: for ever, or nobody knows.
    keeps_days: int | None = None
    #: The newest of the things that went and were older than all that stayed.
    newest_of_oldest_at: dt.datetime | None = None
    #: Whether any photo is in iCloud after it.
    has_icloud: bool = True
    is_other_parser: bool = False
    has_unread: bool = False

    def before(self, days: int) -> dt.datetime:
        """Return the moment so many days before it was gone; a clock may stand at the year 1."""
        try:
            return self.gone_at - dt.timedelta(days=days)
        except OverflowError:
            return _FIRST


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that went."""

    traits: Traits
    occurred_at: dt.datetime | None
    #: The first revision with the version that went, and the one before that if there is one.
    seen_since: dt.datetime
    seen_before: dt.datetime | None = None
    left: Left = Left()
    #: How many things of its app or account went; and whether none of those stayed.
    went_together: int = 1
    is_holder_gone: bool = False
    is_conversation_gone: bool = False
    is_cleared: bool = False


def judge(case: Case, border: Border) -> Verdict:
    """Return why a thing went."""
    cause = _by_itself(case, border) or _by_company(case, border) or _by_place(case, border)
    if CAUSES[cause].reason == "expired" and CAUSES[cause].is_certain:
        return Verdict(cause)
    doubt = "parser" if border.is_other_parser else "unread" if border.has_unread else None
    return Verdict(cause, doubt)


def _by_itself(case: Case, border: Border) -> str | None:
    """What the thing itself said."""
    traits = case.traits
    if traits.in_trash:
        return _from_trash(case, border)
    if traits.expires_at is not None and traits.expires_at <= border.gone_at:
        return "carrier_time_over"
    days = border.keeps_days if border.kind == "message" else None
    if days and case.occurred_at is not None and case.occurred_at <= border.before(days):
        known = f"kept_{days}_days"
        return known if known in CAUSES else "kept_some_days"
    if case.is_cleared:
        return "cleared"
    return "sound_over" if traits.is_passing_sound else None


def _from_trash(case: Case, border: Border) -> str:
    # Between these it was put there; the days begin then.
    earliest = case.traits.trashed_at or case.seen_before
    latest = case.traits.trashed_at or case.seen_since
    if latest <= border.before(TRASH_DAYS):
        return "trash_over"
    if earliest is not None and earliest > border.before(TRASH_DAYS):
        # The app for voice memos can be set to keep things there for a day.
        return "trash_cut_short" if border.kind == "voice_memo" else "removed_from_trash"
    return "trash_perhaps_over"


def _by_company(case: Case, border: Border) -> str | None:
    """What went with it."""
    if border.left_count == 0:
        return "nothing_left"
    if case.is_holder_gone and case.went_together >= _FEWEST_TOGETHER:
        return "app_left" if border.kind in APP_HELD else "account_left"
    if case.traits.is_only_in_icloud and not border.has_icloud:
        return "icloud_left"
    if _is_oldest(case):
        if border.kind == "message" and (days := _told_days(case, border)):
            return f"seems_kept_{days}_days"
        if border.kind in AGED_KINDS:
            is_full = border.kind == "call" and border.left_count >= FULL_CALL_LIST
            return "list_full" if is_full else "oldest_went"
    return "conversation_deleted" if case.is_conversation_gone else None


def _told_days(case: Case, border: Border) -> int | None:
    """How long the phone seems to keep messages; what went and stayed must agree on it."""
    oldest, newest_gone = case.left.oldest_at, border.newest_of_oldest_at
    if oldest is None or newest_gone is None:
        return None
    for days in MESSAGE_DAYS:
        if newest_gone <= border.before(days) and oldest >= border.before(days + _SLACK_DAYS):
            return days
    return None


def _by_place(case: Case, border: Border) -> str:
    """Where it stood among what stayed."""
    del border
    if _is_oldest(case):
        return "deleted_oldest"
    if _is_newest(case):
        return "deleted_newest"
    return "deleted"


def _is_oldest(case: Case) -> bool:
    at, oldest = case.occurred_at, case.left.oldest_at
    return at is not None and oldest is not None and at < oldest


def _is_newest(case: Case) -> bool:
    at, newest = case.occurred_at, case.left.newest_at
    return at is not None and newest is not None and at > newest


#: Kinds that an app holds; others belong to accounts.
APP_HELD = frozenset({"interaction", "web_visit", "whatsapp"})


def to_removal(cause: str, doubt: str | None) -> Removal:
    """Return a verdict as the API shows it."""
    known = CAUSES.get(cause) or CAUSES[NOT_LOOKED_INTO]
    note = known.note if doubt is None else f"{known.note} {DOUBTS[doubt]}"
    return Removal(reason=known.reason, is_certain=known.is_certain and doubt is None, note=note)


def causes_of(reason: Reason) -> list[str]:
    """Return the causes that a reason stands for."""
    return [name for name, cause in CAUSES.items() if cause.reason == reason]


def reason_of(cause: str) -> Reason:
    """Return the reason for which a cause counts."""
    return (CAUSES.get(cause) or CAUSES[NOT_LOOKED_INTO]).reason
