"""Who is who: what cards join, what decisions add, and that neither depends on any order."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from services.indexer.folding import fold
from services.indexer.people.algebra import Person, find_persons, keep_ids, known_name
from services.indexer.people.cards import Card
from services.indexer.people.decisions import (
    ByHand,
    Decision,
    Merge,
    Rename,
    Split,
    carry_out,
    depends_on,
)

NOTHING = carry_out([])
SPACE = UUID("0f6e4f6a-6f0d-4c53-9d0e-7f3a5a1d2c01")


def card(device: str, name: str, *handles: str, **fields: object) -> Card:
    key = f"{name}:{','.join(handles)}"
    return Card(device, key, name, fold(name), handles, **fields)  # type: ignore[arg-type]


def together(
    cards: Iterable[Card], seen: Iterable[str] = (), by_hand: ByHand = NOTHING
) -> set[frozenset[str]]:
    return {frozenset(person.handles) for person in find_persons(cards, seen, by_hand)}


def sets(*handles: str) -> set[frozenset[str]]:
    return {frozenset(one.split()) for one in handles}


def test_cards_of_several_devices_with_a_number_in_common_are_one_person() -> None:
    cards = [card("d1", "Mama", "+491", "m@x"), card("d2", "Yuki", "+491", "y@x")]
    assert together(cards, ["+499"]) == sets("+491 m@x y@x", "+499")


def test_a_landline_on_cards_of_two_people_joins_nobody() -> None:
    cards = [card("d1", "Anna", "+491", "+490"), card("d1", "Ben", "+492", "+490")]
    assert together(cards) == sets("+491", "+492", "+490")
    shared = next(one for one in find_persons(cards, [], NOTHING) if "+490" in one.handles)
    assert not shared.cards
    assert named(shared) == "Anna, Ben"


def test_a_shared_number_stays_with_the_one_whose_only_number_it_is() -> None:
    cards = [card("d1", "Grandma", "+490"), card("d1", "Ben", "+492", "+490")]
    assert together(cards) == sets("+490", "+492")
    grandma = next(one for one in find_persons(cards, [], NOTHING) if "+490" in one.handles)
    assert named(grandma) == "Grandma"
    assert [one.name for one in grandma.cards] == ["Grandma"]


def test_another_phones_card_of_two_people_does_not_make_them_one() -> None:
    cards = [
        card("d1", "Anna", "+491", "a@x"),
        card("d1", "Ben", "+492", "b@x"),
        card("d2", "Parents", "+491", "+492"),
    ]
    persons = together(cards)
    assert not any({"a@x", "b@x"} <= person for person in persons)


def test_cards_that_the_phone_shows_as_one_are_one() -> None:
    left = Card("d1", "k1", "Anna", "anna", ("+491",), unified_with=("k2",))
    right = Card("d1", "k2", "Annie", "annie", ("a@x",), unified_with=("k1",), is_preferred=False)
    assert together([left, right]) == sets("+491 a@x")
    (person,) = find_persons([left, right], [], NOTHING)
    assert named(person) == "Anna"


def test_two_cards_of_one_name_need_a_handle_in_common_too() -> None:
    assert together([card("d1", "Anna", "1"), card("d1", "Anna", "2")]) == sets("1", "2")
    assert together([card("d1", "Anna", "1", "3"), card("d1", "Anna", "2", "3")]) == sets("1 2 3")


def test_the_owners_of_two_phones_stay_two_people() -> None:
    cards = [card("d1", "Mira", "+491", is_me=True), card("d2", "Jonas", "+492", is_me=True)]
    assert [person.is_me for person in find_persons(cards, ["+493"], NOTHING)] == [
        True,
        True,
        False,
    ]


def named(person: Person, *newest_first: str, **said: str) -> str | None:
    order = {device: place for place, device in enumerate(newest_first)}
    return known_name(person, newest_first=order, leading=frozenset(), said=said)


def test_a_name_is_that_of_the_newest_devices_preferred_card() -> None:
    cards = [
        card("d1", "Mama", "+491"),
        card("d2", "Yuki T.", "+491", "y@x", is_preferred=False, unified_with=("Yuki:+491",)),
        card("d2", "Yuki", "+491"),
    ]
    (person,) = find_persons(cards, [], NOTHING)
    assert named(person, "d2", "d1") == "Yuki"
    assert named(person, "d1", "d2") == "Mama"


def test_who_has_no_card_is_called_as_an_app_says() -> None:
    (person,) = find_persons([], ["+491"], NOTHING)
    assert named(person) is None
    assert named(person, **{"+491": "Zoe"}) == "Zoe"


def test_a_merge_joins_and_a_split_parts_what_cards_say_otherwise() -> None:
    cards = [card("d1", "Anna", "1", "2"), card("d1", "Ben", "3")]
    merged = carry_out([Merge(kept=["3"], joined=["1", "2"])])
    assert together(cards, [], merged) == sets("1 2 3")
    (person,) = find_persons(cards, [], merged)
    assert person.handles == {"1": "manual", "2": "manual", "3": "card"}
    parted = carry_out([Split(stayed=["1"], left=["2"])])
    assert together(cards, [], parted) == sets("1", "2", "3")


def test_a_merged_person_is_called_like_the_one_merged_into() -> None:
    cards = [card("d1", "Anna", "1", "2"), card("d1", "Ben", "3")]
    by_hand = carry_out([Merge(kept=["3"], joined=["1", "2"])])
    (person,) = find_persons(cards, [], by_hand)
    assert known_name(person, newest_first={}, leading=by_hand.leading, said={}) == "Ben"


def test_a_handle_that_comes_later_goes_with_the_card_it_stands_on() -> None:
    by_hand = carry_out([Merge(kept=["1"], joined=["2"]), Split(stayed=["3"], left=["4"])])
    cards = [
        card("d", "A", "1", "new1"),
        card("d", "B", "2", "new2"),
        card("d", "C", "3", "4", "5"),
    ]
    assert together(cards, [], by_hand) == sets("1 2 new1 new2", "3 5", "4")


def test_what_was_merged_comes_back_with_a_device_that_was_away() -> None:
    first = Merge(kept=["1"], joined=["2"])
    by_hand = carry_out([first, Merge(kept=["1"], joined=["3"])])
    assert together([], ["1", "3"], by_hand) == sets("1 3")
    assert together([], ["1", "2", "3"], by_hand) == sets("1 2 3")


def test_a_given_name_goes_along_and_can_be_taken_away() -> None:
    decisions: list[Decision] = [Rename(owned=["1"], name="Dad"), Merge(kept=["2"], joined=["1"])]
    (person,) = find_persons([], ["1", "2"], carry_out(decisions))
    assert person.given_name == "Dad"
    decisions.append(Rename(owned=["1", "2"], name=None))
    (person,) = find_persons([], ["1", "2"], carry_out(decisions))
    assert person.given_name is None


def test_what_is_built_upon_cannot_be_undone_first() -> None:
    first, second = Merge(kept=["1"], joined=["2"]), Split(stayed=["1"], left=["2"])
    assert depends_on(first, [second])
    assert not depends_on(first, [Rename(owned=["3"], name="x")])


HANDLES = ("1", "2", "3", "4", "5", "6")
NAMES = ("", "Anna", "Ben", "Cleo")
CARDS = st.lists(
    st.builds(
        lambda device, name, handles, is_me: card(device, name, *sorted(handles), is_me=is_me),
        st.sampled_from(["d1", "d2", "d3"]),
        st.sampled_from(NAMES),
        st.sets(st.sampled_from(HANDLES), max_size=3),
        st.just(value=False),
    ),
    max_size=9,
)
SEEN = st.sets(st.sampled_from(HANDLES))


class House:
    """Persons as the tables hold them: rebuilt again and again, changed by hand in between."""

    def __init__(self, cards: Sequence[Card], seen: Iterable[str]) -> None:
        self.cards = list(cards)
        self.seen = set(seen)
        self.decisions: list[Decision] = []
        self.ids: dict[str, UUID] = {}
        self.ages: dict[UUID, int] = {}
        self.rebuild()

    def new(self) -> UUID:
        made = uuid5(SPACE, str(len(self.ages)))
        self.ages[made] = len(self.ages)
        return made

    def rebuild(self) -> None:
        self.persons = find_persons(self.cards, self.seen, carry_out(self.decisions))
        kept = keep_ids(self.persons, self.ids, self.ages)
        self.ids = {
            handle: person_id
            for person, known in zip(self.persons, kept, strict=True)
            for person_id in (known or self.new(),)
            for handle in person.handles
        }

    def whole(self, handle: str) -> list[str]:
        return [one for one, known in self.ids.items() if known == self.ids[handle]]

    def merge(self, one: str, other: str) -> None:
        kept, joined = self.whole(one), self.whole(other)
        self.decisions.append(Merge(kept=kept, joined=joined))
        self.ids |= dict.fromkeys(joined, self.ids[one])
        self.rebuild()

    def split(self, handle: str) -> None:
        stayed = [one for one in self.whole(handle) if one != handle]
        self.decisions.append(Split(stayed=stayed, left=[handle]))
        self.ids[handle] = self.new()
        self.rebuild()

    def state(self) -> tuple[dict[str, UUID], dict[str, str | None]]:
        names = {h: one.given_name for one in self.persons for h in one.handles}
        return (dict(self.ids), names)


@given(CARDS, SEEN, st.randoms())
@settings(max_examples=300, deadline=None)
def test_persons_do_not_depend_on_the_order_of_anything(
    cards: list[Card], seen: set[str], dice: random.Random
) -> None:
    mixed = [
        one._replace(handles=tuple(dice.sample(one.handles, len(one.handles)))) for one in cards
    ]
    mixed = list({one.place: one for one in mixed}.values())
    cards = list({one.place: one for one in cards}.values())
    dice.shuffle(mixed)
    assert together(mixed, seen) == together(cards, seen)


@given(CARDS, SEEN)
@settings(max_examples=300, deadline=None)
def test_every_handle_is_exactly_one_persons_and_every_card_with_handles_too(
    cards: list[Card], seen: set[str]
) -> None:
    persons = find_persons(cards, seen, NOTHING)
    owned = [handle for person in persons for handle in person.handles]
    assert sorted(owned) == sorted({h for one in cards for h in one.handles} | seen)
    carried = [one.place for person in persons for one in person.cards]
    assert sorted(carried) == sorted({one.place for one in cards if one.handles})


@given(CARDS)
@settings(max_examples=300, deadline=None)
def test_people_whom_one_phone_tells_apart_never_have_a_person_in_common_by_themselves(
    cards: list[Card],
) -> None:
    """Each has a handle that nobody else on that phone has, so each is somebody."""
    for person in find_persons(cards, [], NOTHING):
        if len(person.handles) < 2:
            continue
        for device in ("d1", "d2", "d3"):
            names = {one.folded for one in person.cards if one.device == device and one.folded}
            assert len(names) < 2


@given(CARDS, SEEN, CARDS, st.randoms())
@settings(max_examples=300, deadline=None)
def test_decisions_outlive_any_re_index_and_ids_are_stable(
    cards: list[Card], seen: set[str], others: list[Card], dice: random.Random
) -> None:
    house = House(cards, seen | {"1", "2"})
    before = house.state()
    house.rebuild()
    assert house.state() == before
    if house.ids["1"] == house.ids["2"]:
        known = house.ids["1"]
        house.split("2")
        assert house.ids["1"] == known
        apart = True
    else:
        known = house.ids["1"]
        house.merge("1", "2")
        assert house.ids["1"] == house.ids["2"] == known
        apart = False
    # Other cards, then none, then those of before.
    for now in (others, [], dice.sample(cards, len(cards))):
        house.cards = list(now)
        house.rebuild()
        assert (house.ids["1"] != house.ids["2"]) == apart


@given(
    CARDS, SEEN, st.lists(st.tuples(st.sampled_from(HANDLES), st.sampled_from(HANDLES)), max_size=6)
)
@settings(max_examples=300, deadline=None)
def test_undoing_restores_exactly_what_was_before(
    cards: list[Card], seen: set[str], pairs: list[tuple[str, str]]
) -> None:
    house = House(cards, seen | set(HANDLES))
    before = []
    for one, other in pairs:
        before.append(house.state())
        if house.ids[one] != house.ids[other]:
            house.merge(one, other)
        elif len(house.whole(one)) > 1:
            house.split(one)
        else:
            house.decisions.append(Rename(owned=house.whole(one), name=other))
            house.rebuild()
    while before:
        stood = before.pop()
        gone = house.decisions.pop()
        house.ids |= {handle: stood[0][handle] for handle in gone.handles}
        house.rebuild()
        assert house.state() == stood
