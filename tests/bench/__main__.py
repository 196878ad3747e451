"""`make bench`: every figure against a limit or a peer of the same run, as a table and as JSON."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.bench import figures, reading, unlocking, vault


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--report", type=Path, default=Path("reports"))
    options = parser.parse_args()
    facts = figures.machine()
    with tempfile.TemporaryDirectory(prefix="ks-bench-") as name:
        folder = Path(name)
        measured = [*unlocking.measure(folder), *reading.measure(folder)]
    measured += vault.measure(options.messages)
    figures.show(measured, facts)
    print(figures.save(measured, facts, options.report))  # noqa: T201 -- the command's output


if __name__ == "__main__":
    main()
