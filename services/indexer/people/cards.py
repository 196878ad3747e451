"""Which contact cards are one person, as pure code.

Cards of all devices that share a number or an address are one person, unless the phones themselves
tell them apart: a family's landline stands on the cards of several people, and joins nobody. A
wrong join shows one person's messages as another's, so whatever is in doubt stays apart; people
can merge by hand. Nothing here depends on the order of devices, cards or handles.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Generic, NamedTuple, TypeVar

#: Ways to call one person on one phone; more are forged, and take long to compare in pairs.
_MOST_COMPARED = 50

Node = TypeVar("Node", bound=Hashable)


class Card(NamedTuple):
    """A contact card of one device; the name is empty where the card has none."""

    device: str
    key: str
    name: str
    folded: str
    handles: tuple[str, ...]
    unified_with: tuple[str, ...] = ()
    is_me: bool = False
    is_preferred: bool = True

    @property
    def place(self) -> tuple[str, str]:
        """What tells it from all others."""
        return (self.device, self.key)


class Joined(NamedTuple):
    """Cards by the number of their person, and the handles that are certainly a person's."""

    person_of_card: dict[tuple[str, str], int]
    person_of_handle: dict[str, int]


class Union(Generic[Node]):
    """Disjoint sets."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        """Begin with every node alone."""
        self._above = {node: node for node in nodes}

    def find(self, node: Node) -> Node:
        """Return what stands for the set of *node*."""
        root = node
        while self._above[root] != root:
            root = self._above[root]
        while self._above[node] != root:
            self._above[node], node = root, self._above[node]
        return root

    def join(self, nodes: Iterable[Node]) -> None:
        """Make one set of the sets of *nodes*."""
        roots = [self.find(node) for node in nodes]
        for root in roots[1:]:
            self._above[self.find(root)] = self.find(roots[0])

    def sets(self) -> list[list[Node]]:
        """Return the sets, in the order in which their nodes were given."""
        found: dict[Node, list[Node]] = {}
        for node in self._above:
            found.setdefault(self.find(node), []).append(node)
        return list(found.values())


class _Unit(NamedTuple):
    """The cards that a device itself shows as one."""

    device: str
    cards: tuple[Card, ...]
    names: frozenset[str]
    handles: frozenset[str]


def join_cards(cards: Iterable[Card]) -> Joined:
    """Return which cards are one person, and whose handle is whose."""
    ordered = sorted({card.place: card for card in cards}.values())
    units = _units(ordered)
    shared = _shared(units)
    sets = _components(units, shared)
    person_of_card = {
        card.place: number
        for number, members in enumerate(sets)
        for unit in members
        for card in units[unit].cards
    }
    return Joined(person_of_card, _owners(units, sets))


def _units(cards: Sequence[Card]) -> list[_Unit]:
    """Return cards that their device shows as one, or that have a name and a handle in common."""
    places = {card.place for card in cards}
    union = Union(card.place for card in cards)
    alike: defaultdict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    own: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for card in cards:
        union.join(
            [
                card.place,
                *(place for key in card.unified_with if (place := (card.device, key)) in places),
            ]
        )
        if card.is_me:
            own[card.device].append(card.place)
        for handle in card.handles:
            alike[card.device, card.folded, handle].append(card.place)
    for together in (*alike.values(), *own.values()):
        union.join(together)
    known = {card.place: card for card in cards}
    units = []
    for found in union.sets():
        members = tuple(known[place] for place in found)
        units.append(
            _Unit(
                members[0].device,
                members,
                frozenset(card.folded for card in members if card.folded),
                frozenset(handle for card in members for handle in card.handles),
            )
        )
    return units


def _by_handle(units: Sequence[_Unit]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, unit in enumerate(units):
        for handle in unit.handles:
            found.setdefault(handle, []).append(number)
    return found


def _shared(units: Sequence[_Unit]) -> frozenset[str]:
    """Return the handles that stand on cards of different people of one device."""
    return frozenset(
        handle
        for handle, numbers in _by_handle(units).items()
        if _has_two_people([units[number] for number in numbers])
    )


def _has_two_people(units: Sequence[_Unit]) -> bool:
    by_device: defaultdict[str, list[_Unit]] = defaultdict(list)
    for unit in units:
        if unit.names:
            by_device[unit.device].append(unit)
    return any(_are_different({unit.names for unit in own}) for own in by_device.values())


def _are_different(names: set[frozenset[str]]) -> bool:
    """Whether any two of the sets of names, all of one device, have no name in common."""
    if len(names) > _MOST_COMPARED:
        return True
    return any(one.isdisjoint(other) for one, other in combinations(names, 2))


def _components(units: Sequence[_Unit], shared: frozenset[str]) -> list[list[int]]:
    """Return units by person.

    Where a chain of cards would make one person of two whom a phone tells apart (another phone has
    a card of both), only those with a name in common stay together; else nobody does.
    """
    links = {h: n for h, n in _by_handle(units).items() if h not in shared and len(n) > 1}
    union = Union(range(len(units)))
    for numbers in links.values():
        union.join(numbers)
    done: list[list[int]] = []
    for members in union.sets():
        if not _has_two_people([units[number] for number in members]):
            done.append(members)
            continue
        for named in _with_a_name_in_common(units, members, links):
            if _has_two_people([units[number] for number in named]):
                done += [[number] for number in named]
            else:
                done.append(named)
    return done


def _with_a_name_in_common(
    units: Sequence[_Unit], members: Sequence[int], links: Mapping[str, Sequence[int]]
) -> list[list[int]]:
    union = Union(members)
    within = set(members)
    for numbers in links.values():
        if numbers[0] not in within:
            continue
        by_name: defaultdict[str, list[int]] = defaultdict(list)
        for number in numbers:
            for name in units[number].names:
                by_name[name].append(number)
        for together in by_name.values():
            union.join(together)
    return union.sets()


def _owners(units: Sequence[_Unit], sets: Sequence[Sequence[int]]) -> dict[str, int]:
    """Return whose each handle is; of several, the person who has no other. Else it is nobody's."""
    handles = [frozenset(h for unit in members for h in units[unit].handles) for members in sets]
    claims: defaultdict[str, list[int]] = defaultdict(list)
    for number, own in enumerate(handles):
        for handle in own:
            claims[handle].append(number)
    owners: dict[str, int] = {}
    for handle, numbers in claims.items():
        alone = [number for number in numbers if len(handles[number]) == 1]
        if len(numbers) == 1:
            owners[handle] = numbers[0]
        elif len(alone) == 1:
            owners[handle] = alone[0]
    return owners
