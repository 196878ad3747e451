"""`make bench`: every figure against a limit or a peer of the same run, as a table and as JSON.

By default 100,000 messages, within a few minutes. ``--messages 1000000`` takes some ten minutes;
``--curve`` adds phones of 10,000, 100,000 and 1,000,000; ``--rows 5000000`` adds searches in
a vault of that size; ``--only`` measures some parts.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import events, figures, reading, searching, serving, unlocking, vault
from tests.bench.figures import Figure

_CURVE = [10_000, 100_000, 1_000_000]


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--stream-mib", type=int, default=512)
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--report", type=Path, default=Path("reports"))
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args()
    facts = figures.machine()
    measured: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="ks-bench-") as name:
        folder = Path(name)
        parts: dict[str, Callable[[], list[Figure]]] = {
            "unlocking": lambda: unlocking.measure(folder),
            "reading": lambda: reading.measure(folder),
            "events": events.measure,
            "stream": lambda: serving.stream(folder, options.stream_mib),
            "vault": lambda: vault.measure(options.messages),
        }
        if options.rows or "search" in options.only:
            parts["search"] = lambda: searching.measure(options.rows or 1_000_000)
        if options.curve:
            parts["curve"] = lambda: vault.curve(_CURVE)
        for part, measure in parts.items():
            if not options.only or part in options.only:
                measured += measure()
    figures.show(measured, facts)
    print(figures.save(measured, facts, options.report))  # noqa: T201 -- the command's output


if __name__ == "__main__":
    main()
