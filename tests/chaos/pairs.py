"""With two of every service: what must be done by one of them, and what either must find."""

from __future__ import annotations

import asyncio
import time
from threading import Event

import asyncpg

from tests.chaos.actors import Person
from tests.chaos.client import Client
from tests.chaos.phones import Phone
from tests.chaos.record import Record
from tests.chaos.vault import Vault

#: Locks of work that one replica does for all.
SINGLETONS = ("discovery:scan", "indexer:abandoned", "archiver:stale")
#: Requests go to either replica by chance: so many sessions are on both but once in a million.
_SESSIONS = 20
_PATIENCE_SECONDS = 30.0


def check_pairs(vault: Vault, phone: Phone, record: Record) -> None:
    """Check sessions over both gateways, and who holds the locks."""
    clients = [Client(url, vault.token, record, Event()) for url in vault.urls]
    people = [Person(clients[0], phone, seed=f"pair {n}") for n in range(_SESSIONS)]
    problems: list[str] = []
    for person in people:
        person.unlock()
    asked = _Asked(vault)
    holders = asked.holders()
    record.notes["sessions by unlock's replicas"] = sorted(holders)
    if len(holders) != 2:
        problems.append(f"{_SESSIONS} sessions are on {len(holders)} replicas")
    for number, person in enumerate(people):
        for client in clients:
            person.client = client
            answer = person.session("domains", "GET", "domains", give=(423,))
            if answer.status_code != 200:
                problems.append(f"session {number} is not found through {client.url}")
        # By the gateway that did not open it; then both must know.
        person.session("lock", "POST", "lock", give=(423,))
        for client in clients:
            person.client = client
            if person.session("domains", "GET", "domains", give=(423,)).status_code != 423:
                problems.append(f"session {number} is open through {client.url} after its lock")
    record.checked("a session is found through either gateway, until it is locked", problems)
    record.checked("what one replica does for all is done by one", asked.wrong_locks())
    for client in clients:
        client.close()


class _Asked:
    """What the database says."""

    def __init__(self, vault: Vault) -> None:
        self._sockets = str(vault.sockets())

    def holders(self) -> list[int]:
        """Return how many open sessions each replica of unlock has."""
        rows = asyncio.run(
            self._fetch(
                "select count(*) from unlock.session where closed_at is null group by replica_id"
            )
        )
        return [row["count"] for row in rows]

    def wrong_locks(self) -> list[str]:
        """Return locks that are not held once, with the other replica waiting."""
        problems = ["not looked yet"]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while problems and time.monotonic() < deadline:
            problems = []
            for name in SINGLETONS:
                [row] = asyncio.run(
                    self._fetch(
                        "select count(*) filter (where granted) as held, count(*) as wanted"
                        " from pg_locks where locktype = 'advisory' and objsubid = 1"
                        " and ((classid::bigint << 32) | objid::bigint)"
                        " = hashtextextended($1, 0)",
                        name,
                    )
                )
                if (row["held"], row["wanted"]) != (1, 2):
                    problems.append(f"{name} is held {row['held']} times of {row['wanted']}")
            time.sleep(0.2)
        return problems

    async def _fetch(self, question: str, *given: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(
            host=self._sockets, user="keepsake_admin", database="keepsake"
        )
        try:
            found: list[asyncpg.Record] = await connection.fetch(question, *given)
            return found
        finally:
            await connection.close()
