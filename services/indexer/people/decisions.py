"""What people decided about who is who, as pure code: merges, splits and names, over handles.

Decisions stand in the order in which they were made, and are carried out anew over whatever cards
and conversations there are. So they outlive cards, devices and the ids of persons, and undoing one
is leaving it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec


class Merge(msgspec.Struct, frozen=True, kw_only=True, tag="merge"):
    """The owners of these handles are one person, called as the first was."""

    kept: list[str]
    joined: list[str]

    @property
    def handles(self) -> frozenset[str]:
        """All that this is about."""
        return frozenset((*self.kept, *self.joined))


class Split(msgspec.Struct, frozen=True, kw_only=True, tag="split"):
    """The handles that left are another person than those that stayed."""

    stayed: list[str]
    left: list[str]

    @property
    def handles(self) -> frozenset[str]:
        """All that this is about."""
        return frozenset((*self.stayed, *self.left))


class Rename(msgspec.Struct, frozen=True, kw_only=True, tag="rename"):
    """The owner of the handles is called so; null takes the given name away."""

    owned: list[str]
    name: str | None

    @property
    def handles(self) -> frozenset[str]:
        """All that this is about."""
        return frozenset(self.owned)


Decision = Merge | Split | Rename


class Given(NamedTuple):
    """A name, and how late it was given."""

    order: int
    name: str


class ByHand(NamedTuple):
    """What all decisions together say."""

    #: Handles with one number are one person, with different numbers different ones.
    groups: dict[str, int]
    names: dict[str, Given]
    #: Of merged persons: the handles whose cards name all of them.
    leading: frozenset[str]


def carry_out(decisions: Iterable[Decision]) -> ByHand:
    """Return what *decisions*, in the order they were made, say together."""
    groups: dict[str, int] = {}
    names: dict[str, Given] = {}
    leading: frozenset[str] = frozenset()
    number = 0
    for order, decision in enumerate(decisions):
        if isinstance(decision, Rename):
            for handle in decision.handles:
                if decision.name is None:
                    names.pop(handle, None)
                else:
                    names[handle] = Given(order, decision.name)
            continue
        # Handles that nobody has now, but that were decided about with these before, go along.
        touched = {groups[handle] for handle in decision.handles if handle in groups}
        members = decision.handles | {h for h, group in groups.items() if group in touched}
        number += 2
        if isinstance(decision, Merge):
            name = _name(names, decision.kept) or _name(names, decision.joined)
            for handle in members:
                groups[handle] = number
                if name is not None:
                    names[handle] = name
            kept = frozenset(decision.kept)
            leading = (leading - frozenset(decision.joined)) | ((kept & leading) or kept)
        else:
            left = frozenset(decision.left)
            for handle in members:
                groups[handle] = number + 1 if handle in left else number
            for handle in left:
                names.pop(handle, None)
            leading -= members
    return ByHand(groups, names, leading)


def _name(names: dict[str, Given], handles: Iterable[str]) -> Given | None:
    return max((names[handle] for handle in handles if handle in names), default=None)


def depends_on(decision: Decision, later: Sequence[Decision]) -> bool:
    """Whether any *later* decision is about something that this one is about."""
    return any(not decision.handles.isdisjoint(other.handles) for other in later)
