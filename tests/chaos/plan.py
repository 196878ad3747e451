"""The plan of a run: which fault comes when, all of it decided by the seed before anything starts.

Faults come in volleys: one to three of them close together, then the vault has to recover. They
are dealt from shuffled decks of every kind on every target, so that short runs see most of them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

SERVICES = ("discovery", "unlock", "indexer", "archiver", "gateway")
#: ``worker`` is a parser process of the indexer, ``rclone`` what the archiver stores through,
#: ``backend`` one connection's Postgres process.
TARGETS = (*SERVICES, "nats", "postgres", "backend", "worker", "rclone", "supervisor")
KINDS = ("kill", "term", "stop")

#: One volley in four has more than one fault.
_TOGETHER = 0.25
_STOP_SECONDS = (1.0, 3.0)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One blow. ``after_seconds`` counts from the recovery of the volley before."""

    number: int
    volley: int
    kind: str
    target: str
    after_seconds: float
    #: How long a stopped process stands still; before the new start, when the supervisor is ended.
    pause_seconds: float


def make_plan(seed: int, *, faults: int, seconds: float) -> list[Fault]:
    """Return *faults* faults whose pauses fill about half of *seconds*; same seed, same plan."""
    dice = random.Random(f"plan {seed}")
    # Recovery takes the other half, and pauses are even between nothing and twice the mean.
    longest_pause = seconds / max(faults, 1)
    plan: list[Fault] = []
    deck: list[tuple[str, str]] = []
    volley = 0
    while len(plan) < faults:
        size = dice.randint(2, 3) if dice.random() < _TOGETHER else 1
        for place in range(min(size, faults - len(plan))):
            if not deck:
                deck = [(kind, target) for kind in KINDS for target in TARGETS]
                dice.shuffle(deck)
            kind, target = deck.pop()
            plan.append(
                Fault(
                    number=len(plan),
                    volley=volley,
                    kind=kind,
                    target=target,
                    after_seconds=dice.uniform(0, longest_pause if place == 0 else 0.5),
                    pause_seconds=dice.uniform(*_STOP_SECONDS)
                    if kind == "stop"
                    else dice.choice((0.0, 0.0, 1.0, 3.0)),
                )
            )
        volley += 1
    return plan


def volleys(plan: list[Fault]) -> list[list[Fault]]:
    """Return the plan by volleys, in order."""
    found: dict[int, list[Fault]] = {}
    for fault in plan:
        found.setdefault(fault.volley, []).append(fault)
    return list(found.values())
