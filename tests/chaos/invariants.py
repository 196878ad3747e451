"""What must be true when the faults have stopped: of jobs, events, tables, processes and files."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg

from shared.contracts.topology import SERVICES
from tests.chaos.actors import FINAL_STATES, Owner, note_end
from tests.chaos.client import Client
from tests.chaos.listener import Heard, Listener
from tests.chaos.record import Record
from tests.chaos.vault import Vault

#: No process may ever have been larger; Postgres' share of its buffers counts for each.
MOST_MEMORY_BYTES = 512 << 20
_QUIET_SECONDS = 420.0
_REPLAY_SECONDS = 60.0
#: Every kind of job says by an event of its own how it ended.
_JOB_KINDS = ("index", "export", "lineage", "archive", "restore")

#: What every zip of an export has in it.
_PLAIN = (b"manifest.json", b"SHA256SUMS")

Outbox = dict[str, dict[str, str]]


def check_jobs(client: Client, record: Record) -> list[dict[str, Any]]:
    """Every accepted job is known and over, and so is every other."""
    deadline = time.monotonic() + _QUIET_SECONDS
    while True:
        jobs = client.pages("jobs", "/api/jobs", limit=1000)
        waiting = [job for job in jobs if job["state"] not in FINAL_STATES]
        if not waiting or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    known = {job["id"] for job in jobs}
    problems = [f"{job['id']} is still {job['state']}" for job in waiting]
    problems += [f"{job} was accepted and is not known" for job in record.jobs if job not in known]
    record.checked("every accepted job is over", problems)
    for job in jobs:
        if job["error"] is not None:
            note_end(client, job)
    return jobs


def settle(owners: list[Owner], record: Record) -> None:
    """The newest run of each phone can be indexed, whatever happened before."""
    problems = [found for owner in owners if (found := owner.settle(seconds=_QUIET_SECONDS))]
    record.checked("every newest run is indexed", problems)


def check_letters(client: Client, record: Record) -> None:
    """No event was given up."""
    letters = client.pages("dead letters", "/api/dead-letters", limit=1000)
    record.checked("no dead letters", [str(letter)[:300] for letter in letters])


def unpublished(vault: Vault) -> dict[str, int]:
    """Return how many events wait in which outbox; empty when none does."""
    return asyncio.run(_unpublished(vault))


async def _unpublished(vault: Vault) -> dict[str, int]:
    connection = await asyncpg.connect(
        host=str(vault.sockets()), user="keepsake_admin", database="keepsake"
    )
    try:
        return await _waiting(connection)
    finally:
        await connection.close()


async def _waiting(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, int]:
    counts = {
        service: await connection.fetchval(
            f"select count(*) from {service}.outbox where published_at is null"
        )
        for service in SERVICES
    }
    return {service: count for service, count in counts.items() if count}


def read_tables(vault: Vault, record: Record) -> Outbox:
    """Outboxes are empty, nothing is left of stages; returns what was ever published."""
    return asyncio.run(_read_tables(vault, record))


async def _read_tables(vault: Vault, record: Record) -> Outbox:
    connection = await asyncpg.connect(
        host=str(vault.sockets()), user="keepsake_admin", database="keepsake"
    )
    try:
        deadline = time.monotonic() + 60
        while (waiting := await _waiting(connection)) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        record.checked("outboxes are empty", [f"{name} has {n}" for name, n in waiting.items()])
        stages = await connection.fetch(
            "select n.nspname || '.' || c.relname as name from pg_class c"
            " join pg_namespace n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'p', 'u') and (n.nspname like 'pg\\_temp%'"
            " or c.relpersistence <> 'p' or c.relname like 'stage%')"
        )
        record.checked("no staging tables are left", [row["name"] for row in stages])
        stuck = await connection.fetch(
            "select usename, state from pg_stat_activity where state like 'idle in transaction%'"
            " and state_change < now() - interval '5 seconds'"
        )
        record.checked("no transaction is left open", [str(dict(row)) for row in stuck])
        return {
            service: {
                str(row["event_id"]): row["subject"]
                for row in await connection.fetch(f"select event_id, subject from {service}.outbox")
            }
            for service in SERVICES
        }
    finally:
        await connection.close()


def replay(vault: Vault, record: Record, *, until: set[str]) -> list[Heard]:
    """Return the whole stream as a new client hears it, waiting for the events of those ids."""
    listener = Listener(vault.url, vault.token, record)
    stopping = threading.Event()
    thread = threading.Thread(target=listener.run, args=(stopping,), daemon=True)
    thread.start()
    deadline = time.monotonic() + _REPLAY_SECONDS
    missing = set(until)
    while missing and time.monotonic() < deadline:
        time.sleep(0.3)
        missing -= {event.id for event in listener.heard[:]}
    # Anything that comes twice comes soon.
    time.sleep(1.0)
    stopping.set()
    return listener.heard[:]


def check_events(
    events: list[Heard], outbox: Outbox, jobs: list[dict[str, Any]], record: Record
) -> None:
    """What was written once was published once, and every completed job said so once."""
    counts = Counter(event.id for event in events)
    published = {
        identity: subject for rows in outbox.values() for identity, subject in rows.items()
    }
    problems = [
        f"{subject} {identity} is in the stream {counts[identity]} times"
        for identity, subject in published.items()
        if counts[identity] != 1
    ]
    problems += [f"{e.type} {e.id} is in no outbox" for e in events if e.id not in published]
    record.checked("every event is in the stream exactly once", problems)
    over = {f"{kind}.completed" for kind in _JOB_KINDS}
    said = Counter(e.data["job_id"] for e in events if e.type in over)
    completed = {job["id"] for job in jobs if job["state"] == "completed"}
    problems = [f"{job} said so {said[job]} times" for job in completed if said[job] != 1]
    problems += [f"{job} said so and is not" for job in said if job not in completed]
    record.checked("every completed job said so exactly once", problems)
    given_up = {f"{kind}.failed" for kind in _JOB_KINDS} | {"archive.interrupted"}
    failed = Counter(e.data["job_id"] for e in events if e.type in given_up)
    problems = [
        f"{job['id']} {job['state']}, {job['kind']}.failed {failed[job['id']]} times"
        for job in jobs
        if job["state"] in ("failed", "interrupted") and failed[job["id"]] != 1
    ]
    record.checked("every failed job said so exactly once", problems)
    record.notes["events"] = len(events)


def check_listener(heard: list[Heard], events: list[Heard], record: Record) -> None:
    """Who came back with Last-Event-ID heard everything, once, in order."""
    last = heard[-1].sequence if heard else 0
    expected = [event.sequence for event in events if event.sequence <= last]
    missed = sorted(set(expected) - {event.sequence for event in heard})
    record.checked("live events: nothing missed", [f"sequence {number}" for number in missed])


def check_end(vault: Vault, record: Record, exit_code: int) -> None:
    """After the stop: no process, no plaintext."""
    problems = [] if exit_code == 0 else [f"exit code {exit_code}"]
    record.checked("it stopped as asked", problems)
    deadline = time.monotonic() + 5
    while (left := vault.leftovers()) and time.monotonic() < deadline:
        time.sleep(0.1)
    record.checked("no process is left", left)
    record.checked("no plaintext is left", _plaintext(vault))
    record.checked("no export is left", [str(path) for path in _sealed(vault)])


def check_exports(vault: Vault, record: Record, *, seconds: float) -> None:
    """What was exported is sealed, and gone when its time is over."""
    open_ones = [str(path) for path in _sealed(vault) if any(one in _read(path) for one in _PLAIN)]
    record.checked("exports are sealed", open_ones)
    deadline = time.monotonic() + seconds + 30
    while (left := _sealed(vault)) and time.monotonic() < deadline:
        time.sleep(0.5)
    record.checked("no export outlives its time", [str(path) for path in left])


def _sealed(vault: Vault) -> list[Path]:
    return [path for path in _files(vault.data_dir / "exports") if path.suffix != ".lock"]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def check_memory(record: Record) -> None:
    """Every process stayed within its bound."""
    record.checked(
        "memory is bounded",
        [
            f"{label} had {peak >> 20} MB"
            for label, peak in record.peak_memory.items()
            if peak > MOST_MEMORY_BYTES
        ],
    )


def _plaintext(vault: Vault) -> list[str]:
    found = [str(path) for path in _files(vault.scratch) if path.stat().st_size > 0]
    for path in _files(vault.data_dir):
        # Indexed content lives in Postgres and nowhere else.
        if "postgres" not in path.relative_to(vault.data_dir).parts[:1]:
            with path.open("rb") as file:
                if file.read(16).startswith(b"SQLite format 3"):
                    found.append(str(path))
    return found


def _files(folder: Path) -> list[Path]:
    return [
        Path(parent) / name
        for parent, _, names in os.walk(folder)
        for name in names
        if (Path(parent) / name).is_file()
    ]
