"""``python -m tests.chaos.document REPORT…``: put the figures of runs into docs/reliability.md.

Only what stands between the two marks is written; the rest of the page is written by people.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN = "<!-- figures: written by `python -m tests.chaos.document`; do not edit by hand -->"
END = "<!-- end of figures -->"


def main() -> int:
    """Rewrite the page from the reports that are named."""
    reports = [json.loads(Path(name).read_text()) for name in sys.argv[1:]]
    if not reports:
        sys.stderr.write("usage: python -m tests.chaos.document REPORT…\n")
        return 2
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{figures(reports)}\n{END}{after}")
    return 0


def figures(reports: list[dict[str, Any]]) -> str:
    """Return the part that is generated."""
    facts = reports[0]["machine"]
    machine = (
        f"The machine: {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, "
        f"{facts['system']}, Python {facts['python']}; other work ran on it all the time, so read "
        "times as upper bounds."
    )
    parts = [machine, _runs(reports)]
    plans = [one for one in reports if "--scenario" not in one["again"]]
    if plans:
        parts += [_invariants(plans), _recovery(plans), _noticed(plans), _memory(plans)]
    parts += [_scenario(one) for one in reports if "--scenario" in one["again"]]
    return "\n\n".join(parts)


def _runs(reports: list[dict[str, Any]]) -> str:
    rows = [
        (
            f"`{one['again']}`",
            one["machine"]["date"],
            one["machine"]["commit"],
            sum(one["faults"].values()),
            f"{sum(one['what people did'].values()):,}",
            len(one["violations"]),
        )
        for one in reports
    ]
    heads = ("run", "date", "commit", "faults", "requests and events", "violations")
    return "## Runs\n" + _table(heads, rows)


def _invariants(plans: list[dict[str, Any]]) -> str:
    names = dict.fromkeys(name for one in plans for name in one["invariants"])
    rows = [
        (
            name,
            " ".join(
                {True: "yes", False: "NO", None: "-"}[one["invariants"].get(name)] for one in plans
            ),
        )
        for name in names
    ]
    return "## What was checked at the end\nOne word per run with a plan, in the order above.\n" + (
        _table(("invariant", "held"), rows)
    )


def _recovery(plans: list[dict[str, Any]]) -> str:
    rows = [
        (name, row["count"], row["p50"], row["p95"], row["max"])
        for name, row in plans[0]["recovery seconds"].items()
    ]
    return (
        f"## Seconds until everything answered again\nOf `{plans[0]['again']}`. From the end of the"
        " volley (halted processes go on, and of an ended supervisor nothing is left but the new"
        " start) until `/health/ready` and a question to each service were good.\n"
    ) + _table(("fault", "count", "p50", "p95", "max"), rows)


def _noticed(plans: list[dict[str, Any]]) -> str:
    return f"## What people noticed\nIn `{plans[0]['again']}`.\n" + _table(
        ("answer or error", "times"), plans[0]["errors that clients saw"].items()
    )


def _memory(plans: list[dict[str, Any]]) -> str:
    names = dict.fromkeys(name for one in plans for name in one["peak memory, MB"])
    rows = [(name, max(one["peak memory, MB"].get(name, 0) for one in plans)) for name in names]
    return "## Largest size of one process in any of these runs, MB\n" + _table(
        ("process", "peak"), rows
    )


def _scenario(one: dict[str, Any]) -> str:
    name = one["again"].split("--scenario ")[1].split()[0]
    rows: list[tuple[object, object]] = [
        (f"{what}: seconds until all was back, at most", row["max"])
        for what, row in one["recovery seconds"].items()
    ]
    rows += [(f"{what.strip()}, times", n) for what, n in one["errors that clients saw"].items()]
    rows += [(what, _plain(value)) for what, value in one["notes"].items()]
    held = sum(one["invariants"].values())
    return (
        f"## Scenario {name}\n`{one['again']}`: {held} of {len(one['invariants'])} invariants held,"
        f" {len(one['violations'])} violations.\n" + _table(("", ""), rows)
    )


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    return str(value)


def _table(heads: tuple[str, ...], rows: Any) -> str:
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
