"""One measured figure, and how a run's figures become a table and a JSON report."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table as Printed

from tests.bench.plots import Chart


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A value, the limit or peer it was measured against in the same run, and the goal.

    ``ratio`` is value / reference. ``goal`` bounds the ratio (or the value, without a reference):
    "<=1.3" or ">=4"; empty when there is none yet.
    """

    path: str
    value: float
    unit: str
    reference: float | None = None
    reference_name: str = ""
    goal: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """value / reference, or None without a reference."""
        return self.value / self.reference if self.reference else None

    @property
    def holds(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if not self.goal:
            return None
        measured = self.ratio if self.reference else self.value
        assert measured is not None
        bound = float(self.goal[2:])
        return measured <= bound if self.goal.startswith("<=") else measured >= bound

    def cells(self) -> tuple[str, ...]:
        """Return what stands in a table, one text for each of ``COLUMNS``."""
        against = f"{self.reference_name} {_short(self.reference)}" if self.reference else ""
        return (
            self.path,
            f"{_short(self.value)} {self.unit}".strip(),
            "; ".join(part for part in (against, self.note) if part),
            f"{self.ratio:.3g}" if self.ratio is not None else "",
            self.goal,
            {True: "yes", False: "no", None: ""}[self.holds],
        )


#: The columns of ``Figure.cells``.
COLUMNS = ("path", "value", "against", "ratio", "goal", "holds")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Numbers in columns, where one row for each figure would hide what matters."""

    title: str
    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one part of the bench found."""

    title: str
    figures: list[Figure]
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def machine() -> dict[str, object]:
    """Facts without which a figure means nothing."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
        "commit": commit,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def show(title: str, figures: list[Figure], facts: dict[str, object]) -> None:
    """Print the table people read."""
    table = Printed(title=title, caption=", ".join(f"{k} {v}" for k, v in facts.items()))
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in {"path", "against"} else "right")
    for figure in figures:
        table.add_row(*figure.cells())
    Console(width=120).print(table)


def median_seconds(times: list[float]) -> float:
    """The middle of some timings: the machine is shared, so the mean would lie."""
    ordered = sorted(times)
    return ordered[len(ordered) // 2]


def percentile(times: list[float], share: float) -> float:
    """The value below which *share* of the timings lie."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
