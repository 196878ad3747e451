"""The report: performance.json with every number, performance.md and pictures made from it.

Sections that a run does not measure stay as they were, each with the date, commit and machine of
its own run. What people wrote about the figures stands in performance-notes.md and is put at the
end.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.figures import COLUMNS, Figure, Section, Table
from tests.bench.plots import Chart, svg

_HEAD = """# Performance

Measured by `python -m tests.bench --full --report docs`, which writes this page; `make bench` takes
a few minutes and measures the same at smaller sizes (`python -m tests.bench --help`). Ratios
against a limit or a peer of the same run carry over to other machines; absolute times only locate.
A goal bounds the ratio where there is one, else the value.
"""


def save(sections: dict[str, Section], facts: dict[str, object], folder: Path) -> Path:
    """Add *sections* to the report in *folder*, by name and in their order; return its page."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = folder / "performance.json"
    report: dict[str, Any] = json.loads(numbers.read_text()) if numbers.exists() else {}
    for name, section in sections.items():
        report[name] = {"machine": facts, **asdict(section)}
        for row, figure in zip(report[name]["figures"], section.figures, strict=True):
            row |= {"ratio": figure.ratio, "holds": figure.holds}
    numbers.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    page = folder / "performance.md"
    page.write_text(_page(report, folder))
    return page


def _page(report: dict[str, Any], folder: Path) -> str:
    parts = [_HEAD]
    machine = None
    for section in report.values():
        parts.append(f"## {section['title']}\n")
        if section["machine"] != machine:
            machine = section["machine"]
            parts.append(_run(machine))
        parts.append(_table(COLUMNS, [_figure(row).cells() for row in section["figures"]]))
        parts += [_picture(Chart(**chart), folder) for chart in section["charts"]]
        for table in (Table(**one) for one in section["tables"]):
            parts.append(f"{table.title}\n")
            parts.append(_table(table.head, table.rows))
    notes = folder / "performance-notes.md"
    if notes.exists():
        parts.append(notes.read_text())
    return "\n".join(parts)


def _figure(row: dict[str, Any]) -> Figure:
    known = {name: value for name, value in row.items() if name not in {"ratio", "holds"}}
    return Figure(**known)


def _run(machine: dict[str, Any]) -> str:
    return (
        f"Run of {machine['date']} at commit {machine['commit']}: {machine['cpu']},"
        f" {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']},"
        f" Python {machine['python']}, load {machine['load_1min']} at the start.\n"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(content: str) -> str:
    # What is missed is to be seen at a glance.
    return "**no**" if content == "no" else content.replace("|", "\\|").replace("\n", " ")


def _picture(chart: Chart, folder: Path) -> str:
    images = folder / "images"
    images.mkdir(exist_ok=True)
    path = images / f"performance-{chart.name}.svg"
    path.write_text(svg(chart))
    return f"![{chart.title}](images/{path.name})\n"
