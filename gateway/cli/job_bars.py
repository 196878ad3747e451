"""A bar for each job that is waited for: what it does, how much is done, how fast it goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from gateway.cli.client import Client
from gateway.cli.formats import count, size
from gateway.cli.output import console
from gateway.cli.plain_text import plain

_OVER = frozenset({"completed", "failed", "cancelled", "interrupted"})
_POLL_SECONDS = 0.4


def watch_jobs(
    client: Client,
    names: Mapping[str, str],
    *,
    quiet: bool,
    on_end: Callable[[dict[str, Any]], None],
) -> dict[str, dict[str, Any]]:
    """Follow jobs, whose *names* are told by their ids, until all are over; return them."""
    from rich.progress import BarColumn, Progress, TextColumn

    done: dict[str, dict[str, Any]] = {}
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[amount]}", markup=False),
        console=console(error=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    ) as bars:
        tasks = {
            job_id: bars.add_task(f"{plain(name)}: asked for", total=None, amount="")
            for job_id, name in names.items()
        }
        while True:
            for job_id in [job_id for job_id in names if job_id not in done]:
                job: dict[str, Any] = client.get(f"/api/jobs/{job_id}")
                if job["state"] in _OVER:
                    done[job_id] = job
                    bars.remove_task(tasks[job_id])
                    on_end(job)
                    continue
                now = job["progress"] or {}
                bars.update(
                    tasks[job_id],
                    description=f"{plain(names[job_id])}: {plain(now.get('step', 'asked for'))}",
                    completed=now.get("done", 0),
                    total=now.get("total"),
                    amount=amount_of(job),
                )
            if len(done) == len(names):
                return done
            time.sleep(_POLL_SECONDS)


def amount_of(job: Mapping[str, Any]) -> str:
    """Return what is done of a job, of how much, how fast, and how long it still takes."""
    now = job["progress"]
    words = []
    if now and (now["done"] or now["total"]):
        is_bytes = now["unit"] == "bytes"
        show = size if is_bytes else count
        words.append(
            show(now["done"])
            + (f" of {show(now['total'])}" if now["total"] is not None else "")
            + ("" if is_bytes else f" {now['unit']}")
        )
        if now.get("files_total") is not None:
            words.append(f"{count(now['files_done'])} of {count(now['files_total'])} files")
        if now.get("per_second"):
            words.append(f"{show(round(now['per_second']))}/s")
        if now.get("eta_seconds") is not None:
            words.append(f"{_clock(now['eta_seconds'])} left")
    if job["attempts"] > 1:
        words.append(f"attempt {job['attempts']}")
    if job["error"]:
        words.append(plain(job["error"]["title"]))
    return ", ".join(words)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
