"""A running Keepsake with one source and one destination, driven over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.archive_peers import Cost
from tests.bench.processes import forget_peaks, watched
from tests.running_stack import RunningStack, running_stack

#: What belongs to archives; the rest of the stack does the same whatever is asked.
_ROLES = ("archiver", "rclone")


class Vault:
    """The source and the destination."""

    def __init__(self, stack: RunningStack, password: Path, source: str, destination: str) -> None:
        """Archive *source* into *destination* (ids); *password* is for encrypted ones."""
        self.stack = stack
        self._password = password
        self._ids = {"source_id": source, "destination_id": destination}

    def to(self, store: Path) -> Vault:
        """Return the same with an encrypted destination of its own."""
        body = {
            "name": store.name, "type": "local", "config": {"path": str(store)},
            "crypt": {"password_ref": f"file:{self._password}"},
        }  # fmt: skip
        destination = post(self.stack, "/api/destinations", body)["id"]
        return Vault(self.stack, self._password, self._ids["source_id"], destination)

    def ask(self) -> str:
        """Ask for an archive; return the job's id."""
        return post(self.stack, "/api/archives", self._ids)["job_id"]

    def archive(self) -> tuple[Cost, dict[str, Any]]:
        """Make an archive; return what it took, and its job."""
        return self._watched("/api/archives", self._ids)

    def restore(self, archive: str, target: Path) -> Cost:
        """Get all of an archive back."""
        body = {
            "what": "all", "confirm": "RESTORE", "target": {"type": "folder", "path": str(target)},
        }  # fmt: skip
        cost, _ = self._watched(f"/api/archives/{archive}/restore", body)
        return cost

    def _watched(self, path: str, body: dict[str, Any]) -> tuple[Cost, dict[str, Any]]:
        forget_peaks(self.stack, _ROLES)
        with watched(self.stack) as usage:
            job: dict[str, Any] = self.stack.wait_for_job(post(self.stack, path, body)["job_id"])
        assert job["state"] == "completed", job
        peaks = {role: peak for role, peak in usage.peak_bytes.items() if role in _ROLES}
        cpu = sum(usage.cpu_seconds.values())
        return Cost(wall=usage.wall_seconds, cpu=cpu, peaks=peaks), job


def post(stack: RunningStack, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for something that has to work."""
    answer = stack.client.post(path, json=body)
    assert answer.status_code < 300, answer.text
    found: dict[str, Any] = answer.json()
    return found


@contextmanager
def vault(
    folder: Path, tree: Path, store: Path, *, is_encrypted: bool = False, is_new: bool = True
) -> Iterator[Vault]:
    """Run Keepsake below *folder*, with *tree* as its source and *store* as its destination.

    One that is not new has them already.
    """
    phones = folder / "phones"
    phones.mkdir(exist_ok=True)
    password = folder / "password"
    password.touch(0o600)
    password.write_text("correct horse battery staple")
    # What is sent lies in memory first, as it does where there is such a folder for a user.
    with running_stack(folder / "data", phones) as stack:
        destination: dict[str, Any] = {
            "name": "store", "type": "local", "config": {"path": str(store)},
        }  # fmt: skip
        if is_encrypted:
            destination["crypt"] = {"password_ref": f"file:{password}"}
        source = {"name": "tree", "type": "directory", "config": {"path": str(tree)}}
        ids = []
        for path, wanted in (("/api/sources", source), ("/api/destinations", destination)):
            if is_new:
                ids.append(post(stack, path, wanted)["id"])
            else:
                known = stack.client.get(path).json()["items"]
                ids += [one["id"] for one in known if one["name"] == wanted["name"]]
        yield Vault(stack, password, *ids)
