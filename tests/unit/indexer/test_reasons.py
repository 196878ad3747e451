"""Why something went: every cause, and that a verdict claims no more than is known."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.indexer.history.reasons import (
    APP_HELD,
    CAUSES,
    DOUBTS,
    FULL_CALL_LIST,
    Border,
    Case,
    Left,
    Traits,
    Verdict,
    causes_of,
    judge,
    to_removal,
)

GONE_AT = dt.datetime(2024, 6, 30, tzinfo=dt.UTC)


def before(days: float) -> dt.datetime:
    return GONE_AT - dt.timedelta(days=days)


def verdict(kind: str = "message", *, age: float | None = 50, **fields: Any) -> Verdict:
    """Judge a thing of *age* days among older and newer ones, but for what *fields* say."""
    border: dict[str, Any] = {"kind": kind, "gone_at": GONE_AT, "left_count": 20}
    case: dict[str, Any] = {
        "traits": Traits(),
        "occurred_at": None if age is None else before(age),
        "seen_since": before(40),
        "seen_before": before(45),
        "left": Left(oldest_at=before(500), newest_at=before(1)),
    }
    for name, value in fields.items():
        (border if name in Border.__struct_fields__ else case)[name] = value
    return judge(Case(**case), Border(**border))


@pytest.mark.parametrize(
    ("days_ago", "cause"), [(31, "trash_over"), (30, "trash_over"), (29, "removed_from_trash")]
)
@pytest.mark.parametrize("kind", ["message", "photo", "voicemail"])
def test_what_was_put_into_the_trash_at_a_known_time_expires_after_thirty_days(
    kind: str, days_ago: int, cause: str
) -> None:
    traits = Traits(in_trash=True, trashed_at=before(days_ago))
    assert verdict(kind, traits=traits).cause == cause


@pytest.mark.parametrize(
    ("first_seen", "seen_before", "cause"),
    [
        (35, 60, "trash_over"),  # in it for 35 days at least
        (20, 25, "removed_from_trash"),  # for 25 days at most
        (20, 60, "trash_perhaps_over"),
        (20, None, "trash_perhaps_over"),
    ],
)
@pytest.mark.parametrize("kind", ["note", "reminder"])
def test_where_the_phone_does_not_say_since_when_the_revisions_bound_it(
    kind: str, first_seen: int, seen_before: int | None, cause: str
) -> None:
    found = verdict(
        kind,
        age=None,
        traits=Traits(in_trash=True),
        seen_since=before(first_seen),
        seen_before=None if seen_before is None else before(seen_before),
    )
    assert found.cause == cause


def test_a_voice_memo_may_be_kept_in_the_trash_for_less_than_thirty_days() -> None:
    found = verdict("voice_memo", traits=Traits(in_trash=True, trashed_at=before(3)))
    assert found.cause == "trash_cut_short"
    assert not to_removal(*found).is_certain


def test_a_voicemail_goes_when_the_carrier_says_so() -> None:
    assert verdict("voicemail", traits=Traits(expires_at=before(2))).cause == "carrier_time_over"
    assert verdict("voicemail", traits=Traits(expires_at=before(-2))).cause == "deleted"


@pytest.mark.parametrize(
    ("days", "age", "cause"),
    [
        (30, 31, "kept_30_days"),
        (30, 29, "deleted"),
        (365, 366, "kept_365_days"),
        (7, 8, "kept_some_days"),
        (0, 5000, "deleted_oldest"),
        (None, 5000, "deleted_oldest"),
    ],
)
def test_messages_expire_when_the_phone_is_set_to_keep_them_for_so_long(
    days: int | None, age: int, cause: str
) -> None:
    assert verdict(age=age, keeps_days=days).cause == cause


@pytest.mark.parametrize(
    ("age", "newest_gone", "oldest_left", "cause"),
    [
        (40, 31, 29, "seems_kept_30_days"),
        (400, 366, 364, "seems_kept_365_days"),
        (40, 25, 20, "deleted_oldest"),  # younger ones went as well
        (40, 31, 36, "deleted"),  # older ones stayed
    ],
)
def test_a_setting_for_messages_is_told_from_what_went_and_what_stayed(
    age: int, newest_gone: int, oldest_left: int, cause: str
) -> None:
    left = Left(oldest_at=before(max(oldest_left, 50 if cause == "deleted" else 0)))
    found = verdict(age=age, newest_of_oldest_at=before(newest_gone), left=left)
    assert found.cause == cause


def test_a_spoken_message_that_nobody_kept_went_by_itself_perhaps() -> None:
    assert verdict(traits=Traits(is_passing_sound=True)).cause == "sound_over"


def test_the_oldest_calls_make_room_for_new_ones() -> None:
    left = Left(oldest_at=before(40), newest_at=before(1))
    full = verdict("call", left=left, left_count=FULL_CALL_LIST)
    assert (full.cause, to_removal(*full).is_certain) == ("list_full", True)
    short = verdict("call", left=left, left_count=80)
    assert (short.cause, to_removal(*short).is_certain) == ("oldest_went", False)
    assert verdict("call", age=20, left=left, left_count=FULL_CALL_LIST).cause == "deleted"


def test_visits_expire_or_are_cleared() -> None:
    left = Left(oldest_at=before(30), newest_at=before(1))
    assert verdict("web_visit", left=left).cause == "oldest_went"
    assert verdict("web_visit", left=left, is_cleared=True).cause == "cleared"


@pytest.mark.parametrize(("kind", "cause"), [("whatsapp", "app_left"), ("note", "account_left")])
def test_things_that_leave_with_all_of_their_app_or_account_are_told_from_single_ones(
    kind: str, cause: str
) -> None:
    gone = {"age": None, "is_holder_gone": True}
    assert verdict(kind, went_together=3, **gone).cause == cause
    assert verdict(kind, went_together=2, **gone).cause == "deleted"
    assert (cause == "app_left") == (kind in APP_HELD)


def test_photos_that_only_icloud_held_leave_with_it() -> None:
    traits = Traits(is_only_in_icloud=True)
    assert verdict("photo", traits=traits, has_icloud=False).cause == "icloud_left"
    assert verdict("photo", traits=traits, has_icloud=True).cause == "deleted"


def test_what_was_deleted_by_hand_left_its_neighbours_behind() -> None:
    found = to_removal(*verdict())
    assert (found.reason, found.is_certain) == ("deleted", True)
    whole = to_removal(*verdict(is_conversation_gone=True))
    assert (whole.reason, whole.is_certain) == ("deleted", True)
    for edge in (verdict(age=600), verdict(age=0.5)):
        assert to_removal(*edge).reason == "deleted"
        assert not to_removal(*edge).is_certain


def test_a_phone_without_anything_of_the_kind_tells_nothing() -> None:
    found = to_removal(*verdict(left_count=0, left=Left()))
    assert (found.reason, found.is_certain) == ("unknown", False)


def test_another_parser_or_unreadable_records_leave_doubts_about_what_is_not_certain_anyway() -> (
    None
):
    for field, doubt in (("is_other_parser", "parser"), ("has_unread", "unread")):
        found = verdict(**{field: True})
        assert found == Verdict("deleted", doubt)
        removal = to_removal(*found)
        assert not removal.is_certain
        assert removal.note.endswith(DOUBTS[doubt])
        sure = verdict(**{field: True}, traits=Traits(in_trash=True, trashed_at=before(90)))
        assert sure == Verdict("trash_over")


def test_a_verdict_of_a_version_that_is_gone_itself_counts_as_unknown() -> None:
    assert to_removal("said by a later version", None).reason == "unknown"


def test_every_cause_is_a_sentence_and_every_reason_has_one() -> None:
    for cause in CAUSES.values():
        assert cause.note[0].isupper()
        assert cause.note.endswith(".")
    reasons = {cause.reason for cause in CAUSES.values()}
    assert sorted(name for reason in reasons for name in causes_of(reason)) == sorted(CAUSES)


KINDS = ["message", "photo", "note", "call", "web_visit", "voice_memo", "contact"]
AGES = st.one_of(st.none(), st.floats(0, 4000))
MOMENTS = st.one_of(st.none(), st.floats(-400, 4000).map(before))


@given(
    kind=st.sampled_from(KINDS),
    age=AGES,
    traits=st.builds(
        Traits, in_trash=st.booleans(), trashed_at=MOMENTS, expires_at=MOMENTS,
        is_passing_sound=st.booleans(), is_only_in_icloud=st.booleans(),
    ),
    since=st.floats(0, 4000),
    earlier=st.one_of(st.none(), st.floats(0, 400)),
    left=st.builds(Left, oldest_at=MOMENTS, newest_at=MOMENTS),
    facts=st.fixed_dictionaries({
        "keeps_days": st.one_of(st.none(), st.sampled_from([0, 30, 365])),
        "left_count": st.integers(0, 1200),
        "newest_of_oldest_at": MOMENTS,
        "has_icloud": st.booleans(),
        "is_holder_gone": st.booleans(),
        "went_together": st.integers(1, 5),
        "is_conversation_gone": st.booleans(),
    }),
)  # fmt: skip
@settings(max_examples=600, deadline=None)
def test_a_certain_expiry_has_a_term_that_was_over(
    kind: str,
    age: float | None,
    traits: Traits,
    since: float,
    earlier: float | None,
    left: Left,
    facts: dict[str, Any],
) -> None:
    """Whatever is known: it is certain only where a rule of the phone's leaves no other way."""
    seen_before = None if earlier is None else before(since + earlier)
    removal = to_removal(
        *verdict(
            kind, age=age, traits=traits, seen_since=before(since), seen_before=seen_before,
            left=left, **facts,
        )
    )  # fmt: skip
    if removal.reason == "expired" and removal.is_certain:
        in_trash_since = traits.trashed_at or before(since)
        assert (
            (traits.in_trash and in_trash_since <= before(30))
            or (traits.expires_at is not None and traits.expires_at <= GONE_AT)
            or (kind == "message" and facts["keeps_days"] and age and age >= facts["keeps_days"])
            or (kind == "call" and facts["left_count"] >= FULL_CALL_LIST)
        )
    if removal.reason == "deleted" and removal.is_certain and not traits.in_trash:
        assert facts["left_count"] > 0
    msgspec.json.encode(removal)
