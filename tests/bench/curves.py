"""What it costs as it grows: messages from ten thousand to a million, files to half a million.

Nothing may grow faster than n log n. The power is that of n log n, fitted to the costs of the
largest sizes, where what every run costs weighs least: 1 is as fast as n log n, less is slower.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.discovery.measuring import measure as measure_folder
from shared.ios_backup import BackupFolder
from shared.settings import IndexerSettings
from tests.bench.figures import Figure, Section, Table, median_seconds
from tests.bench.manifests import mint_many
from tests.bench.phones import PASSPHRASE, Phone
from tests.bench.plots import Chart, Points
from tests.bench.processes import Usage
from tests.bench.scanning import make_tree
from tests.bench.vault import fresh_folder, index, unlock
from tests.running_stack import RunningStack, running_stack

MESSAGES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
FILES = (10_000, 30_000, 100_000, 300_000, 500_000)
#: What a run on a shared machine adds.
_NOISE = 1.1
_FITTED = 3
_SEARCHES = 30


@dataclass(frozen=True, kw_only=True)
class _Indexed:
    seconds: float
    cpu_seconds: float
    search_ms: float
    peaks: dict[str, int]


def measure(messages: Sequence[int] = MESSAGES, files: Sequence[int] = FILES) -> Section:
    """Index, search and open phones of every size, each on a vault of its own."""
    indexed = {size: _index(size) for size in messages}
    opened = {size: _open(size) for size in files}
    scanned = {size: _scan(size) for size in files}

    def line(measured: Callable[[_Indexed], float]) -> Points:
        return [(size, measured(one)) for size, one in indexed.items()]

    costs: dict[str, Points] = {
        "index": line(lambda one: one.seconds),
        "index, processor time": line(lambda one: one.cpu_seconds),
        "search p50": line(lambda one: one.search_ms),
        "opening the list of files": [(size, one[0]) for size, one in opened.items()],
        "reading all sizes in it": [(size, one[1]) for size, one in opened.items()],
        "scan of a folder": list(scanned.items()),
    }
    roles = sorted({role for one in indexed.values() for role in one.peaks})
    return Section(
        title="Growth",
        figures=[_growth(name, points) for name, points in costs.items()],
        charts=[
            Chart(
                name="index",
                title="Indexing a phone until everything is searchable",
                across="messages",
                up="s",
                lines={
                    "wall": costs["index"],
                    "processor": costs["index, processor time"],
                    "n log n": _n_log_n(costs["index"]),
                },
            ),
            Chart(
                name="search",
                title="Search for a common word, p50",
                across="messages",
                up="ms",
                lines={"p50": costs["search p50"]},
            ),
            Chart(
                name="files",
                title="Phones with many files",
                across="files",
                up="s",
                lines={
                    "opening the list": costs["opening the list of files"],
                    "reading all sizes": costs["reading all sizes in it"],
                    "scan of the folder": costs["scan of a folder"],
                    "n log n": _n_log_n(costs["opening the list of files"]),
                },
            ),
            Chart(
                name="memory",
                title="Peak memory while indexing",
                across="messages",
                up="MB",
                lines={role: line(lambda one, r=role: one.peaks.get(r, 0) / 1e6) for role in roles},
            ),
        ],
        tables=[_memory({size: one.peaks for size, one in indexed.items()})],
    )


def _memory(peaks: dict[int, dict[str, int]]) -> Table:
    """Peak memory by service while phones of each size are indexed."""
    roles = sorted({role for one in peaks.values() for role in one})
    limit = f"{IndexerSettings().worker_memory_bytes >> 20} MiB, enforced by the system"
    return Table(
        title="Peak memory in MB while indexing so many messages:",
        head=["service", *(f"{size:,}" for size in peaks), "bound"],
        rows=[
            [
                role,
                *(f"{one.get(role, 0) / 1e6:.0f}" for one in peaks.values()),
                limit if role == "parser" else "400 MB, a goal",
            ]
            for role in roles
        ],
    )


def power(points: Points) -> float:
    """Return the slope of log(cost) over log(n log n) at the end, by least squares."""
    points = points[-_FITTED:]
    across = [math.log(size * math.log(size)) for size, _ in points]
    up = [math.log(cost) for _, cost in points]
    return statistics.linear_regression(across, up).slope


def _growth(name: str, points: Points) -> Figure:
    costs = ", ".join(f"{size:,.0f}: {cost:.3g}" for size, cost in points)
    return Figure(
        path=f"growth of: {name}",
        value=power(points),
        unit="power of n log n",
        note=costs,
        goal=f"<={_NOISE}",
    )


def _n_log_n(points: Points) -> Points:
    """The line of n log n through the largest measured cost."""
    last, cost = points[-1]
    return [(size, cost * size * math.log(size) / (last * math.log(last))) for size, _ in points]


def _index(size: int) -> _Indexed:
    with fresh_folder() as folder:
        root = folder / "phones"
        root.mkdir()
        Phone(folder, root, size).back_up()
        with running_stack(folder / "data", root) as stack:
            usage: Usage
            usage, _ = index(stack, *unlock(stack))
            return _Indexed(
                seconds=usage.wall_seconds,
                cpu_seconds=sum(usage.cpu_seconds.values()),
                search_ms=_search(stack) * 1000,
                peaks=usage.peak_bytes,
            )


def _search(stack: RunningStack) -> float:
    times = []
    for _ in range(_SEARCHES):
        started = time.perf_counter()
        answer = stack.client.get("/api/search", params={"q": "river", "limit": 50})
        times.append(time.perf_counter() - started)
        assert answer.status_code == 200, answer.text
    return median_seconds(times)


def _open(size: int) -> tuple[float, float]:
    """Return the seconds until pages can be read, and until all sizes are known."""
    with fresh_folder() as folder:
        backup = BackupFolder.open(mint_many(folder / "phones", size))
        keys = backup.unlock(PASSPHRASE)
        opening, measuring = [], []
        for number in range(3):
            scratch = folder / f"scratch{number}"
            scratch.mkdir()
            started = time.perf_counter()
            with backup.open_manifest(keys, scratch) as manifest:
                assert manifest.page(limit=100).entries
                opening.append(time.perf_counter() - started)
                started = time.perf_counter()
                manifest.measure()
                measuring.append(time.perf_counter() - started)
        return median_seconds(opening), median_seconds(measuring)


def _scan(size: int) -> float:
    with fresh_folder() as folder:
        make_tree(folder / "tree", size)
        times = []
        for _ in range(3):
            started = time.perf_counter()
            assert measure_folder(bytes(folder / "tree")).file_count == size
            times.append(time.perf_counter() - started)
        return median_seconds(times)
