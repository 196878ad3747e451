"""One chaos run: people at work, faults by plan, then peace, and a quiet vault to compare with."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import invariants, keepers, shifted, snapshot, takers
from tests.chaos.actors import Owner, Visitor
from tests.chaos.client import Client
from tests.chaos.cluster import Cluster, roll
from tests.chaos.faults import Striker
from tests.chaos.jumps import jump
from tests.chaos.listener import Listener
from tests.chaos.pairs import check_pairs
from tests.chaos.phones import Phone, make_phones
from tests.chaos.plan import make_plan, volleys
from tests.chaos.record import Record
from tests.chaos.replicas import Replicas
from tests.chaos.vault import Vault, peak_memory_bytes

Snapshot = dict[str, dict[str, Counter[str]]]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What makes a run what it is."""

    seed: int
    faults: int
    seconds: float
    messages: int = 12_000
    #: Instead of the plan: so many times around a cluster of three nats-servers.
    cluster_rounds: int = 0
    #: Processes of every service, the gateway included: one or two.
    replicas: int = 1
    #: Instead of the plan: a scenario's name.
    scenario: str | None = None

    @property
    def again(self) -> str:
        """The command that does the same."""
        words = f"--seed {self.seed} --faults {self.faults} --seconds {self.seconds:g}"
        if self.cluster_rounds:
            words = f"--seed {self.seed} --cluster {self.cluster_rounds}"
        if self.scenario is not None:
            words = f"--scenario {self.scenario} --seed {self.seed}"
        if self.replicas != 1:
            words += f" --replicas {self.replicas}"
        return f"python -m tests.chaos {words} --messages {self.messages}"


class _Crew:
    """Threads that work until told to stop; what ends one of them early is a violation."""

    def __init__(self, record: Record) -> None:
        self.stopping = threading.Event()
        self._record = record
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: object) -> None:
        def body() -> None:
            try:
                work(self.stopping)  # type: ignore[operator]
            except Exception as error:  # noqa: BLE001 -- a thread's traceback would be lost
                self._record.violated(f"{name} broke down: {type(error).__name__}: {error}")

        thread = threading.Thread(target=body, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join(timeout=120)
            if thread.is_alive():
                self._record.violated(f"{thread.name} hangs")


def run(options: Options) -> Record:
    """Carry out the run of *options* and return all that was noted."""
    record = Record()
    folder = Path(tempfile.mkdtemp(prefix="ks-chaos-"))
    folder.chmod(0o711)
    memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else folder
    scratch = Path(tempfile.mkdtemp(prefix="ks-chaos-", dir=memory))
    keep = False
    try:
        found, phones, kinds = _disturbed(options, folder, scratch, record)
        expected = undisturbed(options, folder, scratch, phones, kinds, record)
        for udid, parts in expected.items():
            record.checked(
                f"history of {udid} equals an undisturbed one's",
                snapshot.differences(parts, found[udid]),
            )
            record.notes[f"compared of {udid}"] = {n: bag.total() for n, bag in parts.items()}
        keep = bool(record.violations)
    except Exception:
        keep = True
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if keep:
            record.notes["folder"] = str(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return record


def _disturbed(
    options: Options, folder: Path, scratch: Path, record: Record
) -> tuple[Snapshot, list[Phone], dict[str, dict[int, list[str]]]]:
    root = folder / "phones"
    root.mkdir()
    phones = make_phones(root, folder / "drafts", messages=options.messages)
    for phone in phones:
        phone.next_run()
    cluster = Cluster(folder / "cluster") if options.cluster_rounds else None
    settings = {**takers.SETTINGS, **(cluster.settings if cluster else {})}
    clock = folder / "clock"
    if options.scenario == "clock":
        settings = {**takers.SETTINGS, **shifted.settings(clock)}
    vault = Vault(
        folder / "data",
        root,
        scratch=scratch / "disturbed",
        log=folder / "disturbed.log",
        settings=settings,
        replicas=options.replicas,
        module="tests.chaos.shifted" if options.scenario == "clock" else "deploy.local",
    )
    if cluster:
        cluster.start()
    vault.start()
    try:
        record.notes["first start, s"] = round(vault.wait_ready(), 2)
        listener = Listener(vault.url, vault.token, record)
        crew = _Crew(record)
        replicas = None
        if cluster:
            replicas = Replicas(vault, cluster.settings, folder / "replicas.log")
            replicas.start()
        others = replicas.url if replicas else vault.urls[-1]
        _people(options, {"owner": vault.url, "visitor": others}, vault.token, phones, crew, record)
        crew.start("listener", listener.run)
        crew.start("scales", lambda stopping: _weigh(vault, record, stopping))
        if cluster and replicas:
            roll(cluster, replicas, vault, record, crew.stopping, rounds=options.cluster_rounds)
        elif options.scenario == "clock":
            jump(vault, clock, phones[0], record, crew.stopping)
        else:
            _strike(options, vault, record, crew.stopping)
        record.notes["faults over after, s"] = round(record.seconds, 1)
        crew.stop()
        found, kinds = peace(vault, phones, listener, record)
        if options.replicas == 2:
            check_pairs(vault, phones[0], record)
        if replicas:
            replicas.stop()
    finally:
        exit_code = vault.stop()
        if cluster:
            cluster.stop()
    invariants.check_end(vault, record, exit_code)
    invariants.check_memory(record)
    record.notes["backups that changed while they were indexed"] = {
        what: count for what, count in record.done.items() if "indexed" in what or "changed" in what
    }
    record.notes["runs of the phones"] = {phone.name: phone.run + 1 for phone in phones}
    return found, phones, kinds


def _strike(options: Options, vault: Vault, record: Record, stopping: threading.Event) -> None:
    striker = Striker(vault, record, stopping)
    plan = make_plan(options.seed, faults=options.faults, seconds=options.seconds)
    for volley in volleys(plan):
        striker.strike(volley)


def _people(
    options: Options,
    urls: dict[str, str],
    token: str,
    phones: list[Phone],
    crew: _Crew,
    record: Record,
) -> None:
    for phone in phones:
        for role, person in (
            ("owner", Owner),
            ("visitor", Visitor),
            ("taker", takers.Taker),
            ("keeper", keepers.Keeper),
        ):
            client = Client(urls.get(role, urls["visitor"]), token, record, crew.stopping)
            one = person(client, phone, seed=f"{options.seed} {role} {phone.udid}")
            crew.start(f"{role} of {phone.name}", one.run)


def peace(
    vault: Vault, phones: list[Phone], listener: Listener, record: Record
) -> tuple[Snapshot, dict[str, dict[int, list[str]]]]:
    """Let everything come to its end and look at it."""
    started = time.monotonic()
    client = Client(vault.url, vault.token, record, threading.Event())
    invariants.check_jobs(client, record)
    owners = [Owner(client, phone, seed="peace") for phone in phones]
    invariants.settle(owners, record)
    record.checked(
        "an export of everything holds what the lists show",
        [
            problem
            for phone in phones
            for problem in takers.Taker(client, phone, seed="peace").settle()
        ],
    )
    record.checked(
        "restores hold what lies there",
        [
            problem
            for phone in phones
            for problem in keepers.Keeper(client, phone, seed="peace").settle()
        ],
    )
    record.checked("stores are whole, by a reader of their own", keepers.check_stores(phones))
    jobs = invariants.check_jobs(client, record)
    for owner in owners:
        owner.lock()
    invariants.check_exports(vault, record, seconds=takers.TTL_SECONDS)
    invariants.check_letters(client, record)
    outbox = invariants.read_tables(vault, record)
    events = invariants.replay(
        vault, record, until={identity for rows in outbox.values() for identity in rows}
    )
    invariants.check_events(events, outbox, jobs, record)
    invariants.check_listener(listener.heard, events, record)
    record.notes["jobs"] = Counter(job["state"] for job in jobs)
    record.notes["attempts of a job, at most"] = max((job["attempts"] for job in jobs), default=0)
    found = {phone.udid: snapshot.take(client, phone.udid) for phone in phones}
    kinds = {
        phone.udid: {
            one["run"]: [kind["kind"] for kind in one["indexed"]]
            for one in snapshot.revisions(client, phone.udid)
        }
        for phone in phones
    }
    client.close()
    record.notes["peace, s"] = round(time.monotonic() - started, 1)
    return found, kinds


def undisturbed(
    options: Options,
    folder: Path,
    scratch: Path,
    phones: list[Phone],
    kinds: dict[str, dict[int, list[str]]],
    record: Record,
) -> Snapshot:
    """Show a fresh vault the runs that the disturbed one read, kind by kind, and nothing else."""
    root = folder / "phones again"
    root.mkdir()
    quiet = Record()
    vault = Vault(
        folder / "data again", root, scratch=scratch / "quiet", log=folder / "undisturbed.log"
    )
    vault.start()
    try:
        vault.wait_ready()
        client = Client(vault.url, vault.token, quiet, threading.Event())
        for phone in make_phones(root, folder / "drafts again", messages=options.messages):
            owner = Owner(client, phone, seed="quiet")
            for run_number, indexed in sorted(kinds[phone.udid].items()):
                phone.write_run(run_number)
                owner.refresh()
                owner.unlock()
                job = owner.session("index", "POST", "index", json={"kinds": indexed}).json()
                done = owner.wait_for(job["job_id"], seconds=300)
                if done is None or done["state"] != "completed":
                    raise RuntimeError(f"the undisturbed vault could not index: {done}")
                owner.lock()
        found = {phone.udid: snapshot.take(client, phone.udid) for phone in phones}
        client.close()
    finally:
        vault.stop()
    record.checked("the undisturbed vault had no violation of its own", quiet.violations)
    return found


def _weigh(vault: Vault, record: Record, stopping: threading.Event) -> None:
    while not stopping.wait(0.5):
        for process in vault.processes():
            record.weighed(process.label, peak_memory_bytes(process.pid))
