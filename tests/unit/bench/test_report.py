"""What the bench makes of its numbers."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.bench import report
from tests.bench.curves import power
from tests.bench.figures import Figure, Section
from tests.bench.plots import Chart, svg

SIZES = (10_000, 100_000, 1_000_000)
FACTS: dict[str, object] = {
    "cpu": "a cpu", "cores": 2, "memory_gib": 8, "system": "Linux", "python": "3.11",
    "load_1min": 0.1, "commit": "abc", "date": "2026-01-01",
}  # fmt: skip


@pytest.mark.parametrize(
    ("cost", "at_least", "at_most"),
    [
        (lambda n: n * math.log(n), 1.0, 1.0),
        (lambda n: 5.0, 0.0, 0.0),
        (lambda n: n**1.5, 1.3, 1.5),
        (lambda n: n * n, 1.8, 2.0),
    ],
)
def test_costs_that_grow_faster_than_n_log_n_have_a_larger_power(
    cost: object, at_least: float, at_most: float
) -> None:
    assert callable(cost)
    found = power([(size, cost(size)) for size in SIZES])
    assert at_least - 1e-9 <= found <= at_most + 1e-9


def test_a_picture_is_xml_with_a_line_for_each_name() -> None:
    lines = {f"<line & {number}>": [(10, 0.001), (10**6, 5e3 * number)] for number in range(1, 9)}
    root = ET.fromstring(svg(Chart(name="x", title="a < b", across="n", up="s", lines=lines)))
    drawn = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(drawn) == 8
    looks = {(line.get("stroke"), line.get("stroke-dasharray")) for line in drawn}
    assert len(looks) == 8
    words = {text.text for text in root.findall("{http://www.w3.org/2000/svg}text")}
    assert lines.keys() <= words


def test_a_run_of_one_part_leaves_the_others_and_the_notes_in_the_report(tmp_path: Path) -> None:
    slow = Figure(path="slow | thing", value=9, unit="s", goal="<=5")
    fast = Figure(path="fast thing", value=1, unit="s", reference=2.0, reference_name="peer")
    chart = Chart(name="c", title="C", across="n", up="s", lines={"a": [(1, 1), (10, 10)]})
    (tmp_path / "performance-notes.md").write_text("## Written by hand\n")
    report.save({"one": Section(title="One", figures=[slow], charts=[chart])}, FACTS, tmp_path)
    page = report.save(
        {"two": Section(title="Two", figures=[fast])}, FACTS | {"commit": "def"}, tmp_path
    ).read_text()
    assert "| slow \\| thing | 9 s |  |  | <=5 | **no** |" in page
    assert "| fast thing | 1 s | peer 2 | 0.5 |  |  |" in page
    assert page.index("## One") < page.index("commit abc") < page.index("## Two")
    assert page.index("commit def") < page.index("## Written by hand")
    assert (tmp_path / "images" / "performance-c.svg").exists()
