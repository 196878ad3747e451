"""Who is who, as pure code: from cards, seen handles and decisions to persons with lasting ids.

A person is a set of handles. Cards join handles (see cards), what was decided by hand comes
over that (see decisions), and handles that no card has are persons of their own. Whatever
order the same devices, cards and handles come in, the same persons come of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from services.indexer.people.cards import Card, Joined, join_cards
from services.indexer.people.decisions import ByHand, Given

Origin = Literal["card", "manual", "seen"]

#: What comes of cards and handles without decisions: a number of join_cards, or a handle by itself.
_Block = int | str

_SHOWN_NAMES = 3


class Person(NamedTuple):
    """One person: handles in order with where each came from, and the cards."""

    handles: dict[str, Origin]
    cards: tuple[Card, ...]
    #: Cards to be named by: the own ones; of a handle that nobody owns, all that it stands on.
    named_by: tuple[Card, ...]
    #: Whether those are cards of several people.
    is_shared: bool
    given_name: str | None

    @property
    def is_me(self) -> bool:
        """Whether a phone says that this is its owner."""
        return any(card.is_me for card in self.cards)


def find_persons(cards: Iterable[Card], seen: Iterable[str], by_hand: ByHand) -> list[Person]:
    """Return everybody, in the order of their first handles."""
    cards = sorted({card.place: card for card in cards}.values())
    joined = join_cards(cards)
    on_card = {handle for card in cards for handle in card.handles}
    # Most people are a number that wrote once: nothing has to be found out about them.
    seen = set(seen) - on_card
    strangers = seen - by_hand.groups.keys() - by_hand.names.keys()
    blocks: dict[str, _Block] = {
        handle: joined.person_of_handle.get(handle, handle)
        for handle in on_card | (seen - strangers)
    }
    groups = _groups(blocks, by_hand)
    owner = {handle: number for number, handles in enumerate(groups) for handle in handles}
    own_cards: defaultdict[int, list[Card]] = defaultdict(list)
    standing: defaultdict[str, list[Card]] = defaultdict(list)
    for card in cards:
        number = _owner_of_card(card, joined, owner, by_hand)
        if number is not None:
            own_cards[number].append(card)
        for handle in card.handles:
            standing[handle].append(card)
    found = [Person({handle: "seen"}, (), (), False, None) for handle in strangers]
    for number, handles in enumerate(groups):
        is_shared = len(handles) == 1 and handles[0] not in joined.person_of_handle
        carried = [card for handle in handles for card in standing[handle]]
        found.append(
            Person(
                handles=_origins(handles, blocks, on_card, by_hand),
                cards=tuple(own_cards[number]),
                named_by=tuple(carried if is_shared else own_cards[number] or carried),
                is_shared=is_shared and bool(carried),
                given_name=_given_name(handles, by_hand.names),
            )
        )
    return sorted(found, key=lambda person: next(iter(person.handles)))


def _groups(blocks: Mapping[str, _Block], by_hand: ByHand) -> list[list[str]]:
    """Return handles by person. What was not decided about follows most of its own."""
    members: defaultdict[_Block, list[str]] = defaultdict(list)
    for handle in sorted(blocks):
        members[blocks[handle]].append(handle)
    groups: defaultdict[tuple[str, _Block], list[str]] = defaultdict(list)
    for block, handles in members.items():
        decided = Counter(by_hand.groups[h] for h in handles if h in by_hand.groups)
        followed = min(decided, key=lambda group: (-decided[group], group)) if decided else None
        for handle in handles:
            group = by_hand.groups.get(handle, followed)
            groups[("block", block) if group is None else ("group", group)].append(handle)
    return sorted(sorted(handles) for handles in groups.values())


def _owner_of_card(
    card: Card, joined: Joined, owner: Mapping[str, int], by_hand: ByHand
) -> int | None:
    """Return who has most of the card's handles; those that are certainly its person's count."""
    person = joined.person_of_card[card.place]
    certain = [h for h in card.handles if joined.person_of_handle.get(h) == person]
    votes = Counter(owner[handle] for handle in certain or card.handles)
    if not votes:
        return None
    firsts = {
        number: min(
            (by_hand.groups.get(h, 0), h) for h in certain or card.handles if owner[h] == number
        )
        for number in votes
    }
    return min(votes, key=lambda number: (-votes[number], firsts[number]))


def _origins(
    handles: Sequence[str], blocks: Mapping[str, _Block], on_card: set[str], by_hand: ByHand
) -> dict[str, Origin]:
    """Return where handles came from; by hand came those that did not come with the most."""
    counts = Counter(blocks[handle] for handle in handles)
    main = blocks[min(handles, key=lambda h: (h not in by_hand.leading, -counts[blocks[h]], h))]
    return {
        handle: "manual" if blocks[handle] != main else "card" if handle in on_card else "seen"
        for handle in handles
    }


def _given_name(handles: Sequence[str], names: Mapping[str, Given]) -> str | None:
    votes = Counter(names[handle] for handle in handles if handle in names)
    if not votes:
        return None
    return max(votes, key=lambda given: (votes[given], given.order)).name


def known_name(
    person: Person,
    *,
    newest_first: Mapping[str, int],
    leading: frozenset[str],
    said: Mapping[str, str],
) -> str | None:
    """Return what cards call a person, else what is *said* elsewhere; None when nobody does.

    Of several cards, the preferred one of the device that was backed up last counts.
    """
    if not person.named_by:
        return next((said[handle] for handle in person.handles if handle in said), None)
    last = len(newest_first)
    named = sorted(
        (card for card in person.named_by if card.name),
        key=lambda card: (
            leading.isdisjoint(card.handles) if not person.is_shared else False,
            newest_first.get(card.device, last),
            not card.is_preferred,
            -len(card.handles),
            card.place,
        ),
    )
    if not named:
        return next((said[handle] for handle in person.handles if handle in said), None)
    if not person.is_shared:
        return named[0].name
    names = sorted({card.name for card in named if card.device == named[0].device})
    more = ", …" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more


def keep_ids(
    persons: Sequence[Person], before: Mapping[str, UUID], ages: Mapping[UUID, int]
) -> list[UUID | None]:
    """Return for each person the id that most of its handles had before; None for a new one.

    Of two ids with as many handles the older counts, and an id goes to who has most of its handles.
    """
    claims: list[tuple[int, int, str, int, UUID]] = []
    for number, person in enumerate(persons):
        first = next(iter(person.handles))
        if len(person.handles) == 1:
            if first in before:
                claims.append((-1, ages[before[first]], first, number, before[first]))
            continue
        votes = Counter(before[handle] for handle in person.handles if handle in before)
        claims += [(-count, ages[known], first, number, known) for known, count in votes.items()]
    ids: list[UUID | None] = [None] * len(persons)
    taken: set[UUID] = set()
    for _, _, _, number, known in sorted(claims):
        if ids[number] is None and known not in taken:
            ids[number] = known
            taken.add(known)
    return ids
