"""Passphrases guessed over HTTP by many callers at once, with two of every part behind the door."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.demo.container import mint_backup
from tests.integration.gateway.conftest import FILES, PASSPHRASE, House, free_port, open_house
from tests.service_process import service_process
from tests.stack import Stack

CONNECTIONS = 40
GUESSES_EACH = 4
#: Five are free, see ``KEEPSAKE_UNLOCK__FREE_ATTEMPTS``.
FREE = 5


@dataclass
class Doubled:
    """A house with two gateways and two processes of unlock."""

    house: House
    gateways: list[str]
    metrics: list[str]

    async def token(self, name: str) -> dict[str, str]:
        """Make an API token; returns the header that carries it."""
        asked = {"name": name, "scopes": ["read", "unlock"]}
        made = await self.house.client.post("/api/tokens", json=asked)
        return {"X-API-Token": made.raise_for_status().json()["token"]}

    async def outcomes(self) -> list[Counter[str]]:
        """What each process of unlock says of how attempts ended."""
        found = []
        for url in self.metrics:
            text = (await self.house.client.get(url)).raise_for_status().text
            found.append(
                Counter(
                    {
                        sample.labels["outcome"]: int(sample.value)
                        for family in text_string_to_metric_families(text)
                        for sample in family.samples
                        if sample.name == "keepsake_unlock_attempts_total"
                    }
                )
            )
        return found

    async def let_pass(self, seconds: int) -> None:
        """Let every wait be over by so much: attempts become older."""
        async with self.house.stack.pool("unlock") as pool:
            await pool.execute(
                "update attempt set attempted_at = attempted_at - $1 * interval '1 s'", seconds
            )


@asynccontextmanager
async def doubled(stack: Stack) -> AsyncIterator[Doubled]:
    ports = [free_port() for _ in range(2)]
    second = free_port()
    async with AsyncExitStack() as running:
        house = await running.enter_async_context(open_house(stack, "discovery"))
        await running.enter_async_context(
            stack.service("gateway", {"KEEPSAKE_HTTP__PORT": str(second)})
        )
        for port in ports:
            await running.enter_async_context(
                service_process(stack, "unlock", KEEPSAKE_METRICS__PORT=str(port))
            )
        yield Doubled(
            house,
            [house.url, f"http://127.0.0.1:{second}"],
            [f"http://127.0.0.1:{port}/metrics" for port in ports],
        )


async def guess(
    gateway: str, headers: dict[str, str], backup_id: str, passphrases: list[str]
) -> list[httpx.Response]:
    """Try one passphrase after the other over a connection of one's own, as stubborn as can be.

    A gateway lets eight unlocks through at once; the others are told so and come again.
    """
    answers = []
    async with httpx.AsyncClient(
        base_url=gateway, headers=headers, timeout=60, trust_env=False
    ) as own:
        for passphrase in passphrases:
            path, body = f"/api/backups/{backup_id}/unlock", {"passphrase": passphrase}
            while (answer := await own.post(path, json=body)).status_code == 503:
                assert answer.json()["type"] == "/problems/busy"
                assert int(answer.headers["retry-after"]) >= 1
                await asyncio.sleep(0.05)
            answers.append(answer)
    return answers


def waits_within(seconds: float) -> int:
    """How many waits of two seconds, four, eight and so on can have passed."""
    count, wait = 0, 2.0
    while seconds >= wait:
        seconds, wait, count = seconds - wait, 2 * wait, count + 1
    return count


def check_refusal(answer: httpx.Response) -> None:
    """A refusal says what is wrong, how long to wait, and that nothing is lost."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    if answer.status_code == 403:
        assert problem["type"] == "/problems/wrong-passphrase"
        assert "retry-after" not in answer.headers
    else:
        assert problem["type"] == "/problems/throttled"
        assert "Nothing is locked for good" in problem["detail"]
        assert 1 <= int(answer.headers["retry-after"]) <= 300
        assert problem["retry_after_seconds"] == int(answer.headers["retry-after"])
    assert "guess" not in answer.text


@pytest.mark.timeout(90)
async def test_guesses_over_many_connections_tokens_gateways_and_replicas_are_counted_as_one(
    stack: Stack,
) -> None:
    backups = stack.folder / "backups"
    backups.mkdir(exist_ok=True)
    for number, name in enumerate(("Guessed", "Other")):
        mint_backup(
            backups,
            files=FILES,
            device_name=name,
            passphrase=PASSPHRASE,
            udid=f"00008110-000A1B2C3D4E5F{number:02X}",
        )
    async with doubled(stack) as vault:
        house = vault.house
        (await house.client.post("/api/backups/refresh")).raise_for_status()
        guessed, other = await house.backup_id("Guessed"), await house.backup_id("Other")
        owner = await house.unlock(guessed)
        tokens = [await vault.token(f"guesser {number}") for number in range(8)]

        started = time.monotonic()
        told = await asyncio.gather(
            *(
                guess(
                    vault.gateways[number % 2],
                    tokens[number % len(tokens)],
                    guessed,
                    [f"guess {number} {turn}" for turn in range(GUESSES_EACH)],
                )
                for number in range(CONNECTIONS)
            )
        )
        took = time.monotonic() - started
        answers = [answer for one in told for answer in one]
        for answer in answers:
            check_refusal(answer)
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {403, 429}
        assert statuses.total() == CONNECTIONS * GUESSES_EACH
        # Those that are free, and as many more as waits can have passed meanwhile.
        assert FREE <= statuses[403] <= FREE + waits_within(took)
        # Both processes were asked, both refused, and together they tried no more than that.
        outcomes = await vault.outcomes()
        assert all(one.total() for one in outcomes)
        assert all(one["throttled"] for one in outcomes)
        assert sum(one["wrong_passphrase"] for one in outcomes) == statuses[403]
        assert sum(one["throttled"] for one in outcomes) == statuses[429]

        # Who had opened it before is not disturbed, nor is who opens another backup.
        files = await house.client.get(
            f"/api/backups/{guessed}/files", headers={"X-Backup-Session": owner}
        )
        assert files.status_code == 200
        assert await house.unlock(other)

        # More guesses make the wait longer, never longer than five minutes, and the owner waits
        # as well: whoever asks, over whichever gateway.
        async with stack.pool("unlock") as pool:
            await pool.execute(
                "insert into attempt (backup_id, keybag)"
                " select backup_id, keybag from attempt, generate_series(1, 3)"
            )
        for gateway in vault.gateways:
            (refused,) = await guess(gateway, tokens[0], guessed, [PASSPHRASE])
            assert refused.status_code == 429
            check_refusal(refused)
            assert int(refused.headers["retry-after"]) > 200
        # After the wait one try is free again, for whoever comes first: here the owner.
        await vault.let_pass(301)
        (opened,) = await guess(vault.gateways[1], tokens[0], guessed, [PASSPHRASE])
        assert opened.status_code == 200
        listed = await house.client.get("/api/sessions")
        assert len(listed.json()["items"]) == 3
