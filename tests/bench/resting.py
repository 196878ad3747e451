"""Starting, and doing nothing: what a vault costs that nobody uses at the moment."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.figures import Figure, median_seconds
from tests.bench.processes import watched
from tests.running_stack import running_stack

_SETTLE_SECONDS = 5.0
_STARTS = 3


def measure(folder: Path, seconds: float) -> list[Figure]:
    """A first start on nothing, some starts on what it left, *seconds* of rest."""
    root = folder / "no-phones"
    root.mkdir()
    data = folder / "resting"
    with running_stack(data, root) as stack:
        cold = stack.ready_seconds
    warm = []
    for number in range(_STARTS):
        with running_stack(data, root) as stack:
            warm.append(stack.ready_seconds)
            if number + 1 < _STARTS:
                continue
            time.sleep(_SETTLE_SECONDS)
            with watched(stack) as usage:
                time.sleep(seconds)
            memory = stack.memory_bytes()
    spent = sum(usage.cpu_seconds.values())
    return [
        Figure(path="first start on an empty folder until ready", value=cold, unit="s"),
        Figure(path="second start until ready", value=median_seconds(warm), unit="s", goal="<=5"),
        Figure(
            path=f"whole stack at rest, processor, over {seconds:.0f} s",
            value=spent / usage.wall_seconds * 100,
            unit="% of a core",
            note=", ".join(
                f"{role} {used / usage.wall_seconds * 100:.1f}"
                for role, used in sorted(usage.cpu_seconds.items())
            ),
            goal="<=2",
        ),
        Figure(
            path="whole stack at rest, memory",
            value=memory / 1e6,
            unit="MB",
            note="shared pages counted once",
            goal="<=400",
        ),
    ]
