"""Rows per second of every kind, by the way that runs take: fetched, parsed apart, merged.

All are on one phone that is not encrypted, and each is asked for by itself. Processor time is read
from the kernel, which adds to a process what those that it started and waited for had used: the
parser's to the indexer, that of connections to Postgres. None of it is missed.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.demo.container import PhoneFile, mint_backup
from tests.bench.figures import Figure, Section, Table
from tests.bench.kinds_peers import Ours, Peer, Programs, run_all, table
from tests.bench.processor_time import seconds_of
from tests.bench.stores import STORES, many_apps, rows_of
from tests.bench.vault import fresh_folder
from tests.running_stack import RunningStack, running_stack

_PAUSE_SECONDS = 0.03


@dataclass
class Cost:
    """What indexing one kind took."""

    kind: str
    #: Records of the store, of which some artifacts may be made of many.
    rows: int
    artifacts: int
    seconds: float
    parser_seconds: float
    postgres_seconds: float
    #: Of the processor, of all other services and the bus.
    other_seconds: float
    #: Resident memory of the parser.
    peak_bytes: int

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds

    @property
    def processor_seconds(self) -> float:
        """Of the whole vault."""
        return self.parser_seconds + self.postgres_seconds + self.other_seconds


class Meter:
    """Processor seconds and peak memory of a stack's parsers and of its Postgres."""

    def __init__(self, stack: RunningStack) -> None:
        named = {pid: _command(pid) for pid in stack.processes()}
        self._indexer = next(p for p, name in named.items() if "-m services.indexer" in name)
        self._postmaster = min(p for p, name in named.items() if "postgres" in name)
        self._others = [pid for pid, name in named.items() if "postgres" not in name]

    def parsers(self) -> float:
        """Processor seconds of all parsers that have ended."""
        return seconds_of(self._indexer, 13, 14)

    def postgres(self) -> float:
        """Processor seconds of Postgres, connections that have ended included."""
        own = seconds_of(self._postmaster, 11, 12, 13, 14)
        return own + sum(seconds_of(pid, 11, 12) for pid in _children(self._postmaster))

    def others(self) -> float:
        """Processor seconds of all other services, and of the bus between them."""
        return sum(seconds_of(pid, 11, 12) for pid in self._others)

    @contextmanager
    def peak_of_parsers(self) -> Iterator[list[int]]:
        """Give a list that holds the largest parser's peak of memory when the body has ended."""
        found, over = [0], threading.Event()

        def watch() -> None:
            while not over.wait(_PAUSE_SECONDS):
                for pid in _children(self._indexer):
                    found[0] = max(found[0], _peak_bytes(pid))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            over.set()
            thread.join()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def _peak_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(x.split()[1]) * 1024 for x in lines if x.startswith("VmHWM")), 0)


def phone_of(root: Path, kinds: list[str], count: int) -> dict[str, list[PhoneFile]]:
    """Mint a phone with *count* rows of each kind, or as many as phones have; return its stores."""
    files = {kind: STORES[kind][0](rows_of(kind, count)) for kind in kinds if kind in STORES}
    mint_backup(
        root,
        files=[file for some in files.values() for file in some],
        apps=many_apps(count) if "installed_app" in kinds else (),
        taken_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    return files


def _index(stack: RunningStack, meter: Meter, backup: str, kind: str) -> Cost:
    parsers, postgres, others = meter.parsers(), meter.postgres(), meter.others()
    started = time.perf_counter()
    with meter.peak_of_parsers() as peak:
        asked = stack.client.post(f"/api/backups/{backup}/index", json={"kinds": [kind]})
        job: Any = stack.wait_for_job(asked.json()["job_id"])
    seconds = time.perf_counter() - started
    assert job["state"] == "completed", job
    (report,) = job["report"]["kinds"]
    assert report["state"] == "indexed", report
    assert report["undecodable"] == 0, report
    return Cost(
        kind=kind,
        rows=report["read"],
        artifacts=report["kept"],
        seconds=seconds,
        parser_seconds=meter.parsers() - parsers,
        postgres_seconds=meter.postgres() - postgres,
        other_seconds=meter.others() - others,
        peak_bytes=peak[0],
    )


def index_each(count: int, kinds: list[str], programs: Programs) -> tuple[list[Cost], list[Peer]]:
    """Index each of *kinds* by itself, from a phone with *count* rows of it; then run peers."""
    with fresh_folder() as folder:
        root = folder / "phones"
        root.mkdir()
        stores = phone_of(root, kinds, count)
        with running_stack(folder / "data", root) as stack:
            (found,) = stack.client.post("/api/backups/refresh").json()["items"]
            meter = Meter(stack)
            costs = [_index(stack, meter, found["id"], kind) for kind in kinds]
        (backup,) = root.iterdir()
        return costs, run_all(programs, backup, stores)


def measure(count: int, programs: Programs, kinds: list[str] | None = None) -> Section:
    """Rows per second of *kinds*, or all, and what each row costs whom."""
    costs, peers = index_each(count, kinds or [*STORES, "installed_app"], programs)
    figures = [
        Figure(
            path=f"{cost.kind}, {cost.rows:,} rows until searchable",
            value=cost.rate,
            unit="rows/s",
        )
        for cost in costs
    ]
    figures += [_against(peer, cost) for peer in peers for cost in costs if cost.kind == peer.kind]
    largest = max(costs, key=lambda cost: cost.peak_bytes)
    figures.append(
        Figure(
            path=f"largest parser ({largest.kind}), peak memory",
            value=largest.peak_bytes / 1e6,
            unit="MB",
            goal="<=400",
        )
    )
    return Section(
        title=f"Kinds, up to {count:,} rows each",
        figures=figures,
        tables=[
            _costs(costs),
            table(
                programs,
                peers,
                {cost.kind: Ours(cost.rows, cost.processor_seconds) for cost in costs},
            ),
        ],
    )


#: How many times their rate ours is to be.
_GOALS = {("iLEAPP", "message"): ">=8", ("apple-juicer", "message"): ">=6"}
#: Of fewer rows it would be a comparison of how long programs take to start.
_COMPARABLE_FROM = 50_000


def _against(peer: Peer, cost: Cost) -> Figure:
    """Compare the whole way until things are searchable with all that a program does."""
    return Figure(
        path=f"{cost.kind} until searchable, all processes, against {peer.name}",
        value=cost.rows / cost.processor_seconds,
        unit="rows/cpu s",
        reference=peer.rate,
        reference_name=f"{peer.name}, rows/cpu s",
        goal=_GOALS.get((peer.name, peer.kind), "") if cost.rows >= _COMPARABLE_FROM else "",
    )


def _costs(costs: list[Cost]) -> Table:
    return Table(
        title=(
            "Processor time by row, the start of a parser (a tenth of a second) and everything"
            " else of a run included:"
        ),
        head=[
            "kind", "rows", "artifacts", "parser, us", "Postgres, us", "others, us",
            "parser's peak, MB",
        ],
        rows=[
            [
                cost.kind, f"{cost.rows:,}", f"{cost.artifacts:,}",
                f"{cost.parser_seconds / cost.rows * 1e6:.0f}",
                f"{cost.postgres_seconds / cost.rows * 1e6:.0f}",
                f"{cost.other_seconds / cost.rows * 1e6:.0f}", f"{cost.peak_bytes / 1e6:.0f}",
            ]
            for cost in costs
        ],
    )  # fmt: skip
