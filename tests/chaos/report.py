"""The report of a run: tables for people, JSON for keeping."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.figures import percentile
from tests.chaos.record import Record
from tests.chaos.run import Options


def summarise(record: Record, options: Options, facts: dict[str, object]) -> dict[str, Any]:
    """Return everything that is worth keeping."""
    recoveries: dict[str, list[float]] = defaultdict(list)
    for name, seconds in record.recoveries:
        recoveries[name].append(seconds)
    return {
        "seed": options.seed,
        "again": options.again,
        "faults asked for": options.faults,
        "faults": dict(sorted(record.faults.items())),
        "found nothing to strike": dict(sorted(record.skipped.items())),
        "recovery seconds": {
            name: {
                "count": len(times),
                "p50": round(percentile(times, 0.5), 2),
                "p95": round(percentile(times, 0.95), 2),
                "max": round(max(times), 2),
            }
            for name, times in sorted(recoveries.items())
        },
        "what people did": dict(record.done.most_common()),
        "errors that clients saw": dict(record.errors.most_common()),
        "peak memory, MB": {
            label: peak >> 20 for label, peak in sorted(record.peak_memory.items())
        },
        "invariants": record.invariants,
        "violations": record.violations,
        "notes": record.notes,
        "seconds": round(record.seconds, 1),
        "machine": facts,
    }


def save(summary: dict[str, Any], folder: Path) -> Path:
    """Write the report and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = "cluster-" if "--cluster" in summary["again"] else ""
    kind += "pairs-" if "--replicas" in summary["again"] else ""
    if "--scenario" in summary["again"]:
        kind = summary["again"].split("--scenario ")[1].split()[0] + "-"
    path = folder / f"chaos-{kind}{summary['seed']}.json"
    path.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    return path


def show(summary: dict[str, Any]) -> None:
    """Print what people read."""
    console = Console(width=120)
    total = sum(summary["faults"].values())
    console.print(f"\nKeepsake chaos: seed {summary['seed']}, {total} faults", style="bold")
    recovery = Table("fault", "count", "p50 s", "p95 s", "max s", title="Recovery")
    for name, row in summary["recovery seconds"].items():
        recovery.add_row(name, *(str(row[key]) for key in ("count", "p50", "p95", "max")))
    console.print(recovery)
    for title in ("what people did", "errors that clients saw", "peak memory, MB", "notes"):
        table = Table("", "", title=title, show_header=False)
        for name, value in summary[title].items():
            table.add_row(str(name), str(value))
        console.print(table)
    held = Table("invariant", "holds", title="Invariants")
    for name, holds in summary["invariants"].items():
        held.add_row(name, "yes" if holds else "NO")
    console.print(held)
    for violation in summary["violations"]:
        console.print(f"VIOLATION {violation}", markup=False, soft_wrap=True)
    console.print(", ".join(f"{name} {value}" for name, value in summary["machine"].items()))
