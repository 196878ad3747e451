"""The disks run full, one after the other, while a person works: nothing lost, all back by itself.

Data folder, event store, database and scratch are each a small disk of their own. While one is
full every kind of request is made; what an answer may be is what a person can act on. At last the
database's write-ahead log is written until Postgres panics, with no room to recover in.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from tests.chaos import invariants, run, snapshot
from tests.chaos.actors import FINAL_STATES, Owner
from tests.chaos.client import Client
from tests.chaos.listener import Listener
from tests.chaos.phones import Phone, make_phones
from tests.chaos.record import Record
from tests.chaos.small_disks import SmallDisk
from tests.chaos.vault import Vault
from tests.chaos.write_ahead import panics, restarts, write_until_panic

#: Answers that say that there is no room, or that somebody who has none is away.
_CLEAR = frozenset(
    {
        "/problems/no-space",
        "/problems/service-unavailable",
        "/problems/timeout",
        "/problems/locked",
        "/problems/backup-changed",
    }
)
_RETURN_SECONDS = 120.0
#: How long a disk stays full: longer than the pauses of whoever tries again.
_FULL_SECONDS = 8.0


def full_disk(options: run.Options) -> Record:
    """Fill each disk, work, make room, and compare the end with an undisturbed vault."""
    record = Record()
    record.passing.add("/problems/no-space")
    folder = Path(tempfile.mkdtemp(prefix="ks-full-"))
    folder.chmod(0o711)
    disks: dict[str, SmallDisk] = {}
    try:
        # The event store lies below the data folder, so it is mounted after it.
        disks["data"] = SmallDisk(folder / "data", megabytes=24)
        disks["events"] = SmallDisk(folder / "data/nats", megabytes=24)
        disks["database"] = SmallDisk(folder / "database", megabytes=400)
        disks["scratch"] = SmallDisk(folder / "scratch", megabytes=48)
        (folder / "data/postgres.location").write_text(f"{folder}/database/postgres\n")
        found, phones, kinds = _disturbed(folder, disks, record, messages=options.messages)
        expected = run.undisturbed(options, folder, folder / "quiet", phones, kinds, record)
        for udid, parts in expected.items():
            record.checked(
                f"history of {udid} equals an undisturbed one's",
                snapshot.differences(parts, found[udid]),
            )
    finally:
        for disk in reversed(disks.values()):
            disk.remove()
        if record.violations:
            record.notes["folder"] = str(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return record


def _disturbed(
    folder: Path, disks: dict[str, SmallDisk], record: Record, *, messages: int
) -> tuple[run.Snapshot, list[Phone], dict[str, dict[int, list[str]]]]:
    root = folder / "phones"
    root.mkdir()
    phones = make_phones(root, folder / "drafts", messages=messages)
    for phone in phones:
        phone.next_run()
    log = folder / "disturbed.log"
    vault = Vault(folder / "data", root, scratch=folder / "scratch/ours", log=log)
    vault.start()
    try:
        vault.wait_ready()
        client = Client(vault.url, vault.token, record, threading.Event())
        owners = [Owner(client, phone, seed="full") for phone in phones]
        invariants.settle(owners, record)
        for name, disk in disks.items():
            _one(name, disk, vault, owners, record)
        _one("log", disks["database"], vault, owners, record)
        record.notes["full log: Postgres panicked, times"] = panics(vault.data_dir)
        record.notes["full log: Postgres was started anew, times"] = restarts(vault)
        record.checked(
            "a Postgres that panicked was started anew",
            [] if restarts(vault) else ["the supervisor never did"],
        )
        listener = Listener(vault.url, vault.token, record)
        found, kinds = run.peace(vault, phones, listener, record)
        client.close()
    finally:
        exit_code = vault.stop()
    invariants.check_end(vault, record, exit_code)
    return found, phones, kinds


def _one(name: str, disk: SmallDisk, vault: Vault, owners: list[Owner], record: Record) -> None:
    work = _Work(name, vault, record)
    for owner in owners:
        # There is something to be written: a new run to be seen, unlocked, indexed.
        owner.phone.next_run()
        owner.refresh()
        owner.unlock()
    jobs = [job for owner in owners if (job := owner.request_index())]
    for owner, job in zip(owners, jobs, strict=True):
        # In the middle of a run, as far as that can be hit.
        while owner.client.get("job", f"/api/jobs/{job}")["state"] == "pending":
            time.sleep(0.01)
    disk.fill()
    record.faults[f"full {name}"] += 1
    if name == "log":
        record.checked(
            "a full log made Postgres panic", [] if write_until_panic(vault) else ["it did not"]
        )
    full_until = time.monotonic() + _FULL_SECONDS
    while time.monotonic() < full_until:
        disk.fill()
        for owner in owners:
            work.everything(owner)
    disk.make_room()
    started = time.monotonic()
    while not vault.answers():
        if not vault.is_running():
            record.violated(f"keepsake up ended by itself while {name} was full")
            vault.start()
        if time.monotonic() - started > _RETURN_SECONDS:
            record.violated(f"no answers {_RETURN_SECONDS:.0f} s after {name} had room again")
            break
        time.sleep(0.1)
    _await_publishing(vault, name, record)
    record.recoveries.append((f"full {name}", time.monotonic() - started))
    invariants.settle(owners, record)


def _await_publishing(vault: Vault, name: str, record: Record) -> None:
    """Events go out again."""
    deadline = time.monotonic() + _RETURN_SECONDS
    while waiting := invariants.unpublished(vault):
        if time.monotonic() > deadline:
            record.violated(f"events wait for ever after {name} was full: {waiting}")
            return
        time.sleep(0.1)


class _Work:
    """Requests while a disk is full; none is repeated."""

    def __init__(self, name: str, vault: Vault, record: Record) -> None:
        self._name = name
        self._record = record
        self._http = httpx.Client(
            base_url=vault.url, headers={"Authorization": f"Bearer {vault.token}"}, timeout=100
        )

    def everything(self, owner: Owner) -> None:
        """One of each, about a run of the phone that nobody has seen yet."""
        owner.phone.next_run()
        backup = f"/api/backups/{owner.backup()}"
        passphrase = owner.phone.passphrase
        self._ask("refresh", "POST", "/api/backups/refresh")
        opened = self._ask("unlock", "POST", f"{backup}/unlock", json={"passphrase": passphrase})
        headers = {"X-Backup-Session": opened["session_token"]} if opened and passphrase else {}
        self._ask("files", "GET", f"{backup}/files", headers=headers, params={"limit": 5})
        accepted = self._ask("index", "POST", f"{backup}/index", headers=headers)
        if accepted:
            self._record.accepted(accepted["job_id"], owner.backup())
            self._wait_a_little(accepted["job_id"])
        self._ask("search", "GET", "/api/search", params={"q": "river"})
        if headers:
            self._ask("lock", "POST", f"{backup}/lock", headers=headers)

    def _wait_a_little(self, job: str) -> None:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            found = self._ask("job", "GET", f"/api/jobs/{job}")
            if found and found["state"] in FINAL_STATES:
                self._record.saw(f"{self._name} full: job {found['state']} {_type(found)}")
                return
            time.sleep(0.2)

    def _ask(self, what: str, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TimeoutException:
            self._record.violated(f"{self._name} full: {what}: no answer")
            return None
        except httpx.TransportError as error:
            self._record.saw(f"{self._name} full: {what}: {type(error).__name__}")
            return None
        if answer.is_success:
            self._record.did(f"{self._name} full: {what}")
            return answer.json()
        try:
            problem = answer.json()["type"]
        except (ValueError, KeyError, TypeError):
            problem = "no problem document"
        self._record.saw(f"{self._name} full: {what}: {answer.status_code} {problem}")
        if problem not in _CLEAR:
            self._record.violated(
                f"{self._name} full: {what}: {answer.status_code} {answer.text[:300]}"
            )
        return None


def _type(job: dict[str, Any]) -> str:
    return "" if job["error"] is None else str(job["error"]["type"])
