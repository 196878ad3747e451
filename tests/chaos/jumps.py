"""The clock jumps while people work: hours and days, forward and back."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx

from tests.chaos.phones import Phone
from tests.chaos.record import Record
from tests.chaos.vault import Vault

#: How far the vault's clock is from the true one, one after the other, in hours.
OFFSETS = (2, -3, 72, 71, -48, 24 * 20, 0)
_HOLD_SECONDS = 8.0
#: The library looks at its file once a second; sessions are looked after every fifteen.
_SEEN_SECONDS = 2.5
_SHORT_TTL_SECONDS = 6


def jump(
    vault: Vault, clock: Path, phone: Phone, record: Record, stopping: threading.Event
) -> None:
    """Set the clock again and again, and see what sessions and tokens make of it."""
    for hours in OFFSETS:
        look = _Look(vault, phone, record, hours)
        before = _offset(clock)
        look.open_session()
        clock.write_text(f"{hours * 3600:+d}")
        record.faults[f"clock {'forward' if hours > before else 'back'}"] += 1
        started = time.monotonic()
        stopping.wait(_SEEN_SECONDS)
        while not vault.answers():
            if time.monotonic() - started > 60:
                record.violated(f"no answers after the clock went to {hours:+} h")
                break
            time.sleep(0.1)
        record.recoveries.append(("clock jump", time.monotonic() - started))
        # Opened in the time before, for a few seconds: that time has passed whatever a clock says.
        stopping.wait(max(0.0, _SHORT_TTL_SECONDS + 0.5 - look.age_seconds()))
        look.expect_over()
        look.check_tokens()
        stopping.wait(_HOLD_SECONDS - _SHORT_TTL_SECONDS)


def _offset(clock: Path) -> float:
    return int(clock.read_text()) / 3600


class _Look:
    """One session and one token over one jump."""

    def __init__(self, vault: Vault, phone: Phone, record: Record, hours: int) -> None:
        self._record = record
        self._hours = hours
        self._phone = phone
        self._opened_at = 0.0
        self._headers: dict[str, str] = {}
        self._backup = ""
        self._http = httpx.Client(
            base_url=vault.url, headers={"Authorization": f"Bearer {vault.token}"}, timeout=60
        )

    def age_seconds(self) -> float:
        """Since the session was opened."""
        return time.monotonic() - self._opened_at

    def open_session(self) -> None:
        """Unlock for a few seconds, between two runs of the phone."""
        for _ in range(100):
            items = self._http.get("/api/backups").json()["items"]
            found = [item["id"] for item in items if item["udid"] == self._phone.udid]
            if found:
                self._backup = found[0]
                body = {"passphrase": self._phone.passphrase, "ttl_seconds": _SHORT_TTL_SECONDS}
                answer = self._http.post(f"/api/backups/{self._backup}/unlock", json=body)
                if answer.is_success:
                    # Its time began before we heard of it.
                    self._opened_at = time.monotonic()
                    self._headers = {"X-Backup-Session": answer.json()["session_token"]}
                    return
            time.sleep(0.1)
        self._record.violated(f"no unlock before the clock went to {self._hours:+} h")

    def expect_over(self) -> None:
        """The session is over, and nobody lists it any more."""
        path = f"/api/backups/{self._backup}/domains"
        answer = self._http.get(path, headers=self._headers)
        self._record.did("session looked at after a jump")
        if answer.status_code != 423:
            self._record.violated(
                f"a session of {_SHORT_TTL_SECONDS} s lives {self.age_seconds():.0f} s after its"
                f" opening, the clock at {self._hours:+} h: {answer.status_code}"
            )

    def check_tokens(self) -> None:
        """A token that was made now works now, and not once it is revoked."""
        body = {"name": f"jump {self._hours}", "scopes": ["read"], "ttl_seconds": 3600}
        made = self._http.post("/api/tokens", json=body)
        if not made.is_success:
            self._record.violated(f"no token, the clock at {self._hours:+} h: {made.status_code}")
            return
        token = {"Authorization": f"Bearer {made.json()['token']}"}
        if (status := self._http.get("/api/kinds", headers=token).status_code) != 200:
            self._record.violated(f"a new token is refused at {self._hours:+} h: {status}")
        self._http.delete(f"/api/tokens/{made.json()['id']}")
        if (status := self._http.get("/api/kinds", headers=token).status_code) != 401:
            self._record.violated(f"a revoked token is taken at {self._hours:+} h: {status}")
        self._record.did("token looked at after a jump")
