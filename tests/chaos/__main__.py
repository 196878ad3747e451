"""`make chaos`: strike a running vault by a seeded plan and check that nothing was lost or doubled.

Exit code 1 when an invariant does not hold, or hardly anything was struck. The same seed strikes in
the same order again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.figures import machine
from tests.chaos import report
from tests.chaos.full_disk import full_disk
from tests.chaos.hung_disk import hung_disk
from tests.chaos.record import Record
from tests.chaos.run import Options, run

SCENARIOS: dict[str, Callable[[Options], Record]] = {
    "clock": run,
    "full-disk": full_disk,
    "hung-disk": hung_disk,
}


def main() -> int:
    """Run, print, save."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--messages", type=int, default=12_000)
    parser.add_argument(
        "--cluster", type=int, default=0, metavar="ROUNDS", help="kill nodes of a NATS cluster"
    )
    parser.add_argument(
        "--replicas", type=int, choices=(1, 2), default=1, help="processes of every service"
    )
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), help="instead of a plan")
    parser.add_argument("--report", type=Path, default=Path("reports"))
    given = parser.parse_args()
    options = Options(
        seed=given.seed,
        faults=given.faults,
        seconds=given.seconds,
        messages=given.messages,
        cluster_rounds=given.cluster,
        replicas=given.replicas,
        scenario=given.scenario,
    )
    facts = machine()
    record = run(options) if given.scenario is None else SCENARIOS[given.scenario](options)
    summary = report.summarise(record, options, facts)
    report.show(summary)
    print(report.save(summary, given.report))  # noqa: T201 -- the command's output
    if record.violations:
        print(f"Violated. Again: {options.again}")  # noqa: T201
        return 1
    is_planned = given.scenario is None and not given.cluster
    if is_planned and sum(record.faults.values()) < given.faults // 2:
        print("Too few of the planned faults were struck to prove anything.")  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
