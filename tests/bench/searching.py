"""Searches and thread pages at a size that no phone is generated in."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from tests.bench import filling, reading_history
from tests.bench.figures import Figure
from tests.running_stack import running_stack

_HOLDS = {"messages": "messages", "mixed": "artifacts of ten kinds"}


def measure(rows: int, mix: filling.Mix) -> list[Figure]:
    """Fill a vault with *rows* artifacts and ask it everything."""
    folder = Path(tempfile.mkdtemp(prefix="ks-bench-"))
    folder.chmod(0o711)
    try:
        root = folder / "phones"
        root.mkdir()
        started = time.perf_counter()
        filling.fill(folder / "data", rows, mix)
        filled = time.perf_counter() - started
        with running_stack(folder / "data", root) as stack:
            figures = reading_history.measure(stack, is_filled=True, is_mixed=mix == "mixed")
        return [
            Figure(
                path=f"a vault of {rows:,} {_HOLDS[mix]}, filled",
                value=filled,
                unit="s",
            ),
            *figures,
        ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
