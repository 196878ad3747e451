"""Manifests of half a million files: opened, paged, counted and searched over HTTP."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, median_seconds, percentile
from tests.bench.manifests import mint_many
from tests.bench.phones import PASSPHRASE
from tests.bench.processes import private_bytes
from tests.running_stack import RunningStack, running_stack

_WALK = 1000
_PAGE = 100


class _Opened:
    """One session on the phone with many files."""

    def __init__(self, stack: RunningStack, backup: str) -> None:
        self._stack = stack
        self._path = f"/api/backups/{backup}"
        opened = stack.client.post(f"{self._path}/unlock", json={"passphrase": PASSPHRASE})
        assert opened.status_code == 200, opened.text
        self.file_count = opened.json()["file_count"]
        self._headers = {"X-Backup-Session": opened.json()["session_token"]}

    def ask(self, what: str, **parameters: Any) -> dict[str, Any]:
        answer = self._stack.client.get(
            f"{self._path}/{what}", headers=self._headers, params=parameters
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def lock(self) -> None:
        answer = self._stack.client.post(f"{self._path}/lock", headers=self._headers)
        assert answer.status_code < 300, answer.text


def measure(folder: Path, rows: int) -> list[Figure]:
    """Everything that is asked of a manifest, on a vault of its own."""
    root = folder / "many"
    root.mkdir()
    mint_many(root, rows)
    try:
        with running_stack(folder / "many-vault", root) as stack:
            backup = stack.client.post("/api/backups/refresh").json()["items"][0]["id"]
            before = private_bytes(stack, "unlock")
            opened, usable = _open_three_times(stack, backup, rows)
            figures = [
                Figure(
                    path=f"{rows:,} files: from unlocking to the first page",
                    value=usable,
                    unit="s",
                    goal="<=1.5",
                    note="key derivation left out: 1,000 rounds",
                ),
                *_questions(opened),
            ]
            grown = private_bytes(stack, "unlock") - before
            opened.lock()
    finally:
        shutil.rmtree(root)
    return [
        *figures,
        Figure(
            path="what unlock holds more than before",
            value=grown / 1e6,
            unit="MB",
            note="the copy of the list is mapped while it is read through; not counted",
        ),
    ]


def _open_three_times(stack: RunningStack, backup: str, rows: int) -> tuple[_Opened, float]:
    times = []
    opened = None
    for _ in range(3):
        if opened is not None:
            opened.lock()
        started = time.perf_counter()
        opened = _Opened(stack, backup)
        opened.ask("files", limit=_PAGE)
        times.append(time.perf_counter() - started)
        assert opened.file_count == rows
    assert opened is not None
    return opened, median_seconds(times)


def _timed(opened: _Opened, what: str, questions: list[dict[str, Any]]) -> list[float]:
    times = []
    for parameters in questions:
        started = time.perf_counter()
        opened.ask(what, **parameters)
        times.append(time.perf_counter() - started)
    return times


def _questions(opened: _Opened) -> list[Figure]:
    # Sizes are read in the background from unlocking on: counts do not wait for them, sums do.
    (first_count,) = _timed(opened, "domains", [{}])
    (sums,) = _timed(opened, "domains", [{"sizes": "wait"}])
    counts = _timed(opened, "domains", [{}] * 50)
    cursors: list[str] = []
    cursor = None
    while True:
        page = opened.ask("files", limit=_WALK, **({"cursor": cursor} if cursor else {}))
        cursor = page["next_cursor"]
        if cursor is None:
            break
        cursors.append(cursor)
    dice = random.Random(5)
    pages = _timed(
        opened, "files", [{"limit": _PAGE, "cursor": dice.choice(cursors)} for _ in range(300)]
    )
    searches = _timed(
        opened,
        "files",
        [{"limit": _PAGE, "path_like": f"%{dice.randrange(10**6):06d}%"} for _ in range(20)],
    )
    (first_sorted,) = _timed(opened, "files", [{"limit": _PAGE, "sort": "size"}])
    again = _timed(opened, "files", [{"limit": _PAGE, "sort": "size"}] * 50)
    return [
        _milliseconds("any page of 100, p95", percentile(pages, 0.95), "<=5"),
        _milliseconds("count by domain, asked at once after unlocking", first_count, "<=50"),
        _milliseconds("sums of bytes by domain, waited for right after that", sums),
        _milliseconds("count by domain, p95 afterwards", percentile(counts, 0.95), "<=50"),
        _milliseconds("search in the middle of all paths, p95", percentile(searches, 0.95)),
        _milliseconds("largest files first, first time", first_sorted),
        _milliseconds("largest files first, p95 afterwards", percentile(again, 0.95)),
    ]


def _milliseconds(path: str, seconds: float, goal: str = "") -> Figure:
    return Figure(path=path, value=seconds * 1000, unit="ms", goal=goal)
