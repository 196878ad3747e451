"""What is offered as one device after another, in which order, and in which words."""

from __future__ import annotations

import datetime as dt

from services.indexer.lineage.evidence import Share, Side, better, in_words, judge


def side(device: str, first: int, last: int, product_type: str | None = None) -> Side:
    def day(number: int) -> dt.datetime:
        return dt.datetime(2023, 5, number, tzinfo=dt.UTC)

    return Side(device=device, first_at=day(first), last_at=day(last), product_type=product_type)


def share(kind: str, found: int, looked_at: int = 100) -> Share:
    return Share(kind=kind, looked_at=looked_at, found=found)


def test_the_device_whose_backups_end_before_the_others_begin_is_the_earlier_one() -> None:
    old, new = side("b", 1, 9, "iPhone10,4"), side("a", 10, 20, "iPhone14,5")
    for pair in ((old, new), (new, old)):
        offer = judge(*pair, [share("message", 90)])
        assert offer is not None
        assert (offer.earlier, offer.later, offer.is_directed) == ("b", "a", True)
        assert in_words(offer.evidence) == (
            "The same things are on both: of samples, 90 of 100 of kind message. The last backup"
            " of the earlier one (9 May 2023) was made before the first of the later one"
            " (10 May 2023), as of a phone that was restored onto the next one."
        )


def test_backups_of_the_same_time_give_no_order() -> None:
    offer = judge(side("a", 1, 9), side("b", 9, 20), [share("photo", 90)])
    assert offer is not None
    assert not offer.is_directed
    assert "Both were backed up between 9 May 2023 and 9 May 2023" in offer.evidence.why


def test_a_phone_and_a_tablet_are_companions_whenever_they_were_backed_up() -> None:
    offer = judge(
        side("a", 1, 2, "iPad8,1"), side("b", 10, 20, "iPhone14,5"), [share("message", 90)]
    )
    assert offer is not None
    assert not offer.is_directed
    assert "One is an iPad and the other an iPhone" in offer.evidence.why


def test_too_little_and_what_can_be_shared_with_others_is_not_enough() -> None:
    one, other = side("a", 1, 2), side("b", 3, 4)
    assert judge(one, other, []) is None
    assert judge(one, other, [share("message", 2, 2)]) is None
    assert judge(one, other, [share("message", 19)]) is None
    assert judge(one, other, [share("note", 100), share("contact", 100)]) is None
    offer = judge(one, other, [share("note", 100), share("call", 3, 10), share("photo", 0)])
    assert offer is not None
    assert [one.kind for one in offer.evidence.shares] == ["note", "call"]


def test_of_two_looks_the_one_that_found_more_of_what_it_looked_at_counts() -> None:
    few, many = share("call", 5, 100), share("call", 4, 4)
    assert better(few, many) is better(many, few) is many
    assert share("call", 0, 0).part == 0
