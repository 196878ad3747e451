"""A person who takes things out all the time: asks, waits, downloads, unpacks, has it forgotten.

What an export holds is checked against what it says of itself: its digest, ``SHA256SUMS``, and what
``manifest.json`` counts. When all is quiet, against what the lists show.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from tests.chaos.actors import FINAL_STATES, Person, note_end
from tests.chaos.client import GaveUpError

#: Exports live for so long in these runs: some are left to expire.
TTL_SECONDS = 15
SETTINGS = {
    "KEEPSAKE_EXPORTS__TTL_SECONDS": str(TTL_SECONDS),
    "KEEPSAKE_EXPORTS__MOST": "40",
}
_FORMATS = ("json", "csv", "txt", "html", "mbox", "vcf", "pdf", "pdf")
_PATIENCE_SECONDS = 60.0
_LOST_MESSAGES = "messages were lost"


class Taker(Person):
    """Takes things of one phone out."""

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop."""
        steps: list[tuple[int, Callable[[], None]]] = [
            (6, self.take),
            (2, self.ask_and_leave),
            (2, self.cancel),
            (1, self.lock),
        ]
        self.work(stopping, steps)

    def take(self) -> None:
        """Take something, look into it, and have it removed, or leave it to expire."""
        job = self._ask()
        if job is None:
            return
        done = self._wait(job)
        if done is None or done["state"] != "completed":
            return
        content = self._download(done)
        if content is None:
            return
        self.check(done, content)
        if self.dice.random() < 0.7:
            self.client.ask("export removed", "DELETE", self._address(done), give=(409,))

    def ask_and_leave(self) -> None:
        """Ask and go away: it is made all the same, and expires."""
        self._ask()

    def cancel(self) -> None:
        """Change one's mind."""
        job = self._ask()
        if job is None:
            return
        self._pause(self.dice.uniform(0, 0.5))
        self.client.ask("export cancelled", "POST", f"/api/jobs/{job}/cancel", give=(409,))

    def everything(self) -> dict[str, Any]:
        """With no more faults: take all that is known of the phone as JSON, until it is there."""
        deadline = time.monotonic() + _PATIENCE_SECONDS * 3
        while time.monotonic() < deadline:
            job = self._ask({"format": "json", "query": {"device": self.phone.udid}})
            done = None if job is None else self._wait(job)
            if done is None or done["state"] != "completed":
                continue
            content = self._download(done)
            if content is not None:
                self.check(done, content)
                self.client.ask("export removed", "DELETE", self._address(done), give=(409,))
                return {"job": done, "ids": _ids(content)}
        raise TimeoutError("no export came to its end in peace")

    def _ask(self, wish: dict[str, Any] | None = None) -> str | None:
        """Ask for an export; None while too many are under way."""
        headers = {}
        if wish is None:
            wish = {
                "format": self.dice.choice(_FORMATS),
                "query": {"device": self.phone.udid},
                "include_media": self.dice.random() < 0.5,
            }
            if wish["format"] in ("html", "pdf"):
                wish["query"]["kinds"] = ["message", "contact"]
            if wish["include_media"] and self.phone.passphrase is not None:
                if self._token is None:
                    self.unlock()
                headers = {"X-Backup-Session": str(self._token)}
        answer = self.client.ask(
            "export",
            "POST",
            "/api/exports/content",
            json=wish,
            headers=headers,
            give=(423, 429),
        )
        if answer.status_code == 423:
            self._token = None
            return None
        if answer.status_code == 429:
            self._pause(0.5)
            return None
        job: str = answer.json()["job_id"]
        self.client.record.accepted(job, self.phone.udid)
        return job

    def _wait(self, job: str) -> dict[str, Any] | None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.client.get("export's job", f"/api/jobs/{job}")
            if found["state"] in FINAL_STATES:
                if found["error"] is not None:
                    note_end(self.client, found)
                self.client.record.did(f"export {found['state']}")
                return found
            self._pause(0.1)
        return None

    def _download(self, job: dict[str, Any]) -> bytes | None:
        """Return the whole of it; None when it is gone, with the indexer that made it or by now."""
        facts = job["report"]["export"]
        content = b""
        while len(content) < facts["size_bytes"]:
            headers = {"Range": f"bytes={len(content)}-", "If-Range": f'"{facts["sha256"]}"'}
            answer = self.client.ask(
                "export downloaded",
                "GET",
                self._address(job),
                headers=headers if content else {},
                give=(404, 409, 410),
            )
            if not answer.is_success:
                self._excuse_loss(answer)
                return None
            # The whole again: it was made anew meanwhile.
            content = answer.content if answer.status_code == 200 else content + answer.content
        return content

    def _excuse_loss(self, answer: httpx.Response) -> None:
        """Accept that an export is gone, or is being made again; never that it is not known."""
        if answer.status_code == 404:
            self.client.unexpected("export downloaded", answer)
        self.client.record.did("export gone with its indexer or its time")

    def check(self, job: dict[str, Any], content: bytes) -> None:
        """Hold a zip against all that is said of it."""
        record = self.client.record
        facts = job["report"]["export"]
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            record.violated(f"export {job['id']}: its digest is not the one that was told")
            return
        for problem in problems_of(content, job["report"]):
            record.violated(f"export {job['id']}: {problem}")
        record.did("export verified")

    @staticmethod
    def _address(job: dict[str, Any]) -> str:
        address: str = job["report"]["export"]["download"]
        return address

    def settle(self) -> list[str]:
        """With no more faults: return how an export of everything differs from what lists show."""
        try:
            taken = self.everything()
        except (GaveUpError, TimeoutError) as error:
            return [f"{self.phone.name}: {error}"]
        shown = self.client.pages("artifacts", "/api/artifacts", device=self.phone.udid, limit=1000)
        problems = []
        if taken["ids"] != Counter(one["id"] for one in shown):
            problems.append(
                f"{self.phone.name}: {sum(taken['ids'].values())} things in the export,"
                f" {len(shown)} in the lists"
            )
        return problems


def problems_of(content: bytes, report: dict[str, Any]) -> list[str]:
    """Return what is wrong with a zip: members, sums, and what its manifest counts."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = {
            name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()
        }
        sums = dict(
            reversed(line.split("  ", 1))
            for line in archive.read("SHA256SUMS").decode().splitlines()
        )
        manifest = json.loads(archive.read("manifest.json"))
    found.pop("SHA256SUMS")
    problems = [
        f"{name} is not what SHA256SUMS says" for name in found if sums.get(name) != found[name]
    ]
    problems += [f"{name} is not in the zip" for name in sums if name not in found]
    told = {one["path"]: one["sha256"] for one in manifest["members"]}
    found.pop("manifest.json")
    if told != found:
        problems.append("manifest.json tells of other members")
    if manifest["kinds"] != report["kinds"]:
        problems.append("manifest.json and the job's report differ")
    for kind in manifest["kinds"]:
        left_out = sum(one["count"] for one in kind["left_out"])
        if kind["read"] != kind["written"] + left_out:
            problems.append(f"{kind['kind']}: {_LOST_MESSAGES}: {kind}")
    if manifest["format"] == "json":
        written = sum(one["written"] for one in manifest["kinds"])
        ids = _ids(content)
        if sum(ids.values()) != written or max(ids.values(), default=1) > 1:
            problems.append(f"{written} things are told of, {sum(ids.values())} lines are there")
    return problems


def _ids(content: bytes) -> Counter[str]:
    """Return the ids of all that an export as JSON holds."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return Counter(
            json.loads(line)["id"]
            for name in archive.namelist()
            if name.endswith(".jsonl") and name != "threads.jsonl"
            for line in archive.read(name).splitlines()
        )
