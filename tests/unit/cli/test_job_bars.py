"""What stands beside the bar of a job."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli.job_bars import amount_of


def job(progress: dict[str, Any] | None, **other: Any) -> dict[str, Any]:
    return {"progress": progress, "attempts": 1, "error": None} | other


def now(done: int, total: int | None = None, **other: Any) -> dict[str, Any]:
    return {"step": "storing", "unit": "bytes", "done": done, "total": total} | other


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (job(None), ""),
        (job(now(0)), ""),
        (job(now(0, 4_000_000_000)), "0 B of 4.0 GB"),
        (
            job(
                now(
                    1_500_000_000,
                    4_000_000_000,
                    files_done=12,
                    files_total=20_000,
                    per_second=52_400_000.4,
                    eta_seconds=47.7,
                )
            ),
            "1.5 GB of 4.0 GB, 12 of 20,000 files, 52.4 MB/s, 0:48 left",
        ),
        (job(now(1, 2, eta_seconds=7325.0)), "1 B of 2 B, 2:02:05 left"),
        (job({**now(3, 7), "unit": "kinds"}), "3 of 7 kinds"),
        (
            job(now(0), attempts=3, error={"title": "The destination does not answer.\x1b[2J"}),
            "attempt 3, The destination does not answer.\ufffd[2J",
        ),
    ],
)
def test_all_that_is_known_of_a_job_stands_beside_its_bar(
    told: dict[str, Any], expected: str
) -> None:
    assert amount_of(told) == expected
