"""``python -m tests.hostile``: every reader over many damaged inputs; a table and JSON."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec

from tests.hostile import seeds
from tests.hostile.readers import all_readers
from tests.hostile.trial import LIMIT_BYTES, LIMIT_SECONDS, Outcome, run_reader

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run, print, write; 1 when any input did what none may."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000, help="inputs per reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", help="name of a reader; may be repeated")
    parser.add_argument("--case", type=int, help="run this case of --only alone")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--report", type=Path, default=ROOT / "reports" / "hostile.json")
    parser.add_argument("--table", nargs="+", type=Path, help="write reports as a table instead")
    chosen = parser.parse_args()
    if chosen.table:
        for line in _table(chosen.table):
            _tell(line)
        return 0
    unknown = set(chosen.only or ()) - all_readers().keys()
    if unknown:
        parser.error(
            f"no reader {', '.join(sorted(unknown))}; there are {', '.join(all_readers())}"
        )
    first, count = (0, chosen.mutations) if chosen.case is None else (chosen.case, 1)
    _tell(_HEADING)
    outcomes = []
    with ProcessPoolExecutor(chosen.processes) as pool:
        running = [
            pool.submit(run_reader, name, seed=chosen.seed, first=first, count=count)
            for name in chosen.only or all_readers()
        ]
        for one in running:
            outcomes.append(one.result())
            _tell(_row(outcomes[-1]))
    violations = [(outcome, one) for outcome in outcomes for one in outcome.violations]
    for outcome, violation in violations[:40]:
        _tell(f"  {outcome.reader}, case {violation.case}: {violation.what}")
    chosen.report.parent.mkdir(parents=True, exist_ok=True)
    chosen.report.write_text(
        json.dumps(
            {
                "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                "commit": _commit(),
                "seed": chosen.seed,
                "with_samples": seeds.samples_folder() is not None,
                "machine": {
                    "cpus": os.cpu_count(),
                    "kernel": platform.release(),
                    "python": platform.python_version(),
                },
                "limits": {"seconds": LIMIT_SECONDS, "bytes": LIMIT_BYTES},
                "readers": msgspec.to_builtins(outcomes),
            },
            indent=2,
        )
    )
    _tell(f"{len(violations)} violations; {chosen.report}")
    return 1 if violations else 0


_HEADING = (
    f"{'reader':<24}{'cases':>8}{'clear errors':>14}{'results':>9}{'violations':>12}"
    f"{'worst s':>9}{'peak MiB':>10}{'took s':>8}"
)


def _row(outcome: Outcome) -> str:
    return (
        f"{outcome.reader:<24}{outcome.cases:>8}{outcome.clear_errors:>14}{outcome.results:>9}"
        f"{len(outcome.violations):>12}{outcome.worst_seconds:>9.3f}"
        f"{outcome.peak_bytes / 2**20:>10.0f}{outcome.seconds:>8.0f}"
    )


def _table(reports: list[Path]) -> list[str]:
    """Return the rows of docs/hostile-input.md that several reports make."""
    lines = [
        "| reader | seed | cases | clear errors | results | broke a rule | worst s | peak MiB |",
        "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for path in reports:
        report = json.loads(path.read_text())
        for one in msgspec.convert(report["readers"], list[Outcome]):
            cells = (
                one.reader, report["seed"], f"{one.cases:,}", f"{one.clear_errors:,}",
                f"{one.results:,}", len(one.violations), f"{one.worst_seconds:.2f}",
                f"{one.peak_bytes / 2**20:.0f}",
            )  # fmt: skip
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 -- the command's output


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, check=False
    )
    return done.stdout.decode().strip()


if __name__ == "__main__":
    sys.exit(main())
