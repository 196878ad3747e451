"""People at work: an owner per phone who backs up and indexes, a visitor per phone who looks.

What they do next comes from the seed; what the vault answers decides only what they must repeat.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.chaos.client import Client, GaveUpError, UnexpectedError
from tests.chaos.phones import Phone

FINAL_STATES = frozenset({"completed", "interrupted", "failed", "cancelled"})
#: What ends a job that can be asked for again: locked meanwhile, changed meanwhile, engines away.
_PASSING_ENDS = frozenset(
    {
        "/problems/locked",
        "/problems/backup-changed",
        "/problems/incomplete-backup",
        "/problems/service-unavailable",
        "/problems/timeout",
        # The process that wrote the export was killed; nothing of it is left.
        "/problems/export-failed",
        # Its parser was killed under it.
        "/problems/nothing-indexed",
        # The phone's next run came while its backup was read, or rclone was killed again and again.
        "/problems/source-changed",
        "/problems/destination-away",
    }
)
_QUESTIONS = ("river", "lemon gard", '"quiet later"', "icycl", "東京駅", "dinner", "changed in run")
_PATIENCE_WITH_JOB_SECONDS = 25.0


class Person:
    """Somebody with a client, interested in one phone."""

    def __init__(self, client: Client, phone: Phone, *, seed: str) -> None:
        self.client = client
        self.phone = phone
        self.dice = random.Random(seed)
        self._backup: str | None = None
        self._token: str | None = None
        #: The phone's epoch when it was unlocked: what changed since may be refused.
        self._epoch = -1

    def backup(self) -> str:
        """Return the id of the phone's backup, rescanning until it is there."""
        while self._backup is None:
            items = self.client.ask("refresh", "POST", "/api/backups/refresh").json()["items"]
            self._backup = next((i["id"] for i in items if i["udid"] == self.phone.udid), None)
        return self._backup

    def unlock(self) -> None:
        """Open the phone's backup; again and again while the phone writes into it."""
        if self.phone.passphrase is None:
            self._epoch = self.phone.epoch
            return
        while True:
            epoch = self.phone.epoch
            answer = self.client.ask(
                "unlock",
                "POST",
                f"/api/backups/{self.backup()}/unlock",
                json={"passphrase": self.phone.passphrase},
                give=(409, 422, 404),
            )
            if answer.is_success:
                self._token, self._epoch = answer.json()["session_token"], epoch
                return
            self._excuse("unlock", answer, epoch)
            self._pause(0.2)

    def lock(self) -> None:
        """Close the session, if there is one."""
        if self._token is not None:
            self.session("lock", "POST", "lock", give=(423,))
            self._token = None

    def inside(self, what: str, path: str, **options: Any) -> httpx.Response | None:
        """Ask about what is in the backup, unlocking as needed; None when the backup changed."""
        while True:
            if self._epoch < 0 or (self.phone.passphrase and self._token is None):
                self.unlock()
            answer = self.session(what, "GET", path, give=(404, 409, 416, 422, 423), **options)
            if answer.is_success or answer.status_code == 416:
                return answer
            if answer.status_code == 423:
                self._token = None
                continue
            self._excuse(what, answer, self._epoch)
            self._token, self._epoch = None, -1
            return None

    def session(self, what: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask below the phone's backup, with the session's token if there is one."""
        headers = {} if self._token is None else {"X-Backup-Session": self._token}
        headers |= options.pop("headers", {})
        return self.client.ask(
            what, method, f"/api/backups/{self.backup()}/{path}", headers=headers, **options
        )

    def work(self, stopping: threading.Event, steps: list[tuple[int, Callable[[], None]]]) -> None:
        """Take steps by chance until told to stop. What is wrong has been noted by the client."""
        weights = [weight for weight, _ in steps]
        while not stopping.is_set():
            [(_, step)] = self.dice.choices(steps, weights)
            try:
                step()
            except GaveUpError:
                continue
            except UnexpectedError:
                self._token, self._epoch = None, -1

    def _excuse(self, what: str, answer: httpx.Response, epoch: int) -> None:
        """Accept that the backup is in the way of itself, if it is."""
        if self.phone.epoch == epoch and epoch % 2 == 0 and answer.status_code != 409:
            self.client.unexpected(what, answer)

    def _pause(self, seconds: float) -> None:
        if self.client.stopping.wait(seconds):
            raise GaveUpError


class Owner(Person):
    """Backs the phone up and has it indexed."""

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop."""
        steps = [
            (2, self.back_up),
            (4, self.index),
            (1, self.index_and_back_up),
            (2, self.refresh),
            (1, self.lock),
        ]
        self.work(stopping, steps)

    def back_up(self) -> None:
        """The phone's next run, into the same folder, whoever reads there."""
        self.phone.next_run()
        self.client.record.did("phone backed up")
        self._pause(self.dice.uniform(0, 1.5))

    def refresh(self) -> None:
        """Rescan the folders."""
        self.client.ask("refresh", "POST", "/api/backups/refresh")

    def index(self) -> None:
        """Have the backup indexed and wait, mostly."""
        job = self.request_index()
        if job is not None and self.dice.random() < 0.8:
            self.wait_for(job, seconds=_PATIENCE_WITH_JOB_SECONDS)

    def index_and_back_up(self) -> None:
        """The phone's next run begins in the middle of an index run: that must not be mixed."""
        # Made beforehand: an index run may be shorter than the making.
        files = self.phone.prepared()
        job = self.request_index()
        if job is None:
            return
        while (state := self.client.get("job", f"/api/jobs/{job}")["state"]) == "pending":
            self._pause(0.02)
        if state != "running":
            return
        self.phone.write_run(self.phone.run + 1, files)
        self.client.record.did("phone backed up while it was indexed")
        ended = self.wait_for(job, seconds=_PATIENCE_WITH_JOB_SECONDS)
        if ended is not None:
            self.client.record.did(f"job {ended['state']} whose backup had changed")

    def request_index(self) -> str | None:
        """Ask for an index run; None while there is nothing whole to index."""
        if self.phone.passphrase and self._token is None:
            self.unlock()
        answer = self.session("index", "POST", "index", give=(404, 409, 423))
        if answer.is_success:
            job: str = answer.json()["job_id"]
            self.client.record.accepted(job, self.backup())
            return job
        if answer.status_code == 423:
            self._token = None
        elif answer.status_code == 404 and self.phone.epoch == self._epoch:
            self.client.unexpected("index", answer)
        elif answer.status_code == 409:
            # The session is of an earlier run, maybe: what a person is told to do then.
            self._token, self._epoch = None, -1
        self._pause(0.1)
        return None

    def wait_for(self, job: str, *, seconds: float) -> dict[str, Any] | None:
        """Return the job when it is over, None when that takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.client.get("job", f"/api/jobs/{job}")
            if found["state"] in FINAL_STATES:
                if found["error"] is not None:
                    note_end(self.client, found)
                return found
            self._pause(0.1)
        return None

    def settle(self, *, seconds: float) -> str | None:
        """With no more faults: index until the newest run is read whole. Returns what is wrong."""
        deadline = time.monotonic() + seconds
        last: object = "no job was accepted"
        while time.monotonic() < deadline:
            self.refresh()
            job = self.request_index()
            found = None if job is None else self.wait_for(job, seconds=seconds)
            if found is None:
                last = f"job {job} is not over" if job else last
                continue
            last = (found["state"], found["error"])
            report = found["report"].get("kinds", [])
            if found["state"] == "completed" and all(k["state"] != "failed" for k in report):
                revisions = self.client.get(
                    "revisions", f"/api/devices/{self.phone.udid}/revisions", limit=1
                )["items"]
                newest = self.client.get("backup", f"/api/backups/{self.backup()}")["revision"]
                if revisions and revisions[0]["revision"] == newest:
                    return None
                last = "the newest revision is not the indexed one"
        return f"{self.phone.name}: {last}"


class Visitor(Person):
    """Looks at what is in the backup, and at what was indexed."""

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop."""
        steps = [
            (1, self.browse),
            (4, self.download),
            (3, self.search),
            (2, self.read_thread),
            (1, self.lock),
        ]
        self.work(stopping, steps)

    def browse(self) -> None:
        """Domains, then files."""
        self.inside("domains", "domains")
        self.inside("files", "files", params={"domain": "HomeDomain", "limit": 20})

    def download(self) -> None:
        """Part of a file, compared byte for byte."""
        identity = self.dice.choice(self.phone.file_ids())
        before = self.phone.contents(identity)
        length = len(self.dice.choice(before)) if before else 0
        start = self.dice.randrange(max(length, 1))
        stop = min(length, start + self.dice.choice((100, 70_000, 1_500_000))) - 1
        headers = {"Range": f"bytes={start}-{max(stop, start)}"}
        answer = self.inside("download", f"files/{identity}/content", headers=headers)
        if answer is None:
            return
        candidates = [*before, *self.phone.contents(identity)]
        total = int(answer.headers.get("content-range", "/-1").rpartition("/")[2])
        if answer.status_code == 416 and total <= start and total in map(len, candidates):
            # Another run's file is shorter.
            return
        if answer.status_code != 206:
            self.client.unexpected("download", answer)
        if not any(self._is_part(answer, content, start, stop) for content in candidates):
            self.client.record.violated(
                f"download: bytes {start}-{stop} of {identity} are in no run of {self.phone.name}"
            )

    def search(self) -> None:
        """Ask for something that people ask for."""
        self.client.get("search", "/api/search", q=self.dice.choice(_QUESTIONS), limit=20)

    def read_thread(self) -> None:
        """Open a conversation."""
        threads = self.client.get("threads", "/api/threads", device=self.phone.udid, limit=20)
        if threads["items"]:
            thread = self.dice.choice(threads["items"])["id"]
            # It may go away with the last of its artifacts.
            path = f"/api/threads/{thread}/artifacts"
            self.client.ask("thread", "GET", path, params={"limit": 50}, give=(404,))

    @staticmethod
    def _is_part(answer: httpx.Response, content: bytes, start: int, stop: int) -> bool:
        total = answer.headers["content-range"].rpartition("/")[2]
        return int(total) == len(content) and answer.content == content[start : stop + 1]


def note_end(client: Client, job: dict[str, Any]) -> None:
    """Note how a job ended; only ends after which asking again helps are in order."""
    if job["id"] in client.record.ended:
        return
    client.record.ended.add(job["id"])
    problem = job["error"]["type"]
    client.record.saw(f"job {job['state']} {problem}")
    if problem not in _PASSING_ENDS | client.record.passing:
        client.record.violated(f"job {job['id']} {job['state']}: {problem}")
