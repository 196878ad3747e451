from __future__ import annotations

import asyncio
import dataclasses
import plistlib
import shutil
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

from deploy.demo.minted_keys import tag_value
from shared.bus import Bus, publish
from shared.contracts.events import BackupRemoved
from shared.contracts.identifiers import BackupId
from shared.contracts.problems import Problem, ProblemError
from shared.contracts.unlock import DescribeSession, ListDomains, OpenSession
from tests.integration.unlock.conftest import Vault, problem_of, until


async def test_every_session_is_found_on_the_replica_that_holds_it(vault: Vault) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock"), vault.stack.service("unlock"):
        opened = [await vault.open(backup) for _ in range(8)]
        async with vault.stack.pool("unlock") as pool:
            replicas = await pool.fetchval("select count(distinct replica_id) from session")
        assert replicas == 2
        for session in opened:
            assert (await vault.ask(session, ListDomains())).items
        listed = await vault.sessions()
        assert [one.session_id for one in listed] == [one.session_id for one in reversed(opened)]
        await vault.close(opened[0])
        assert len(await vault.sessions()) == 7


async def test_a_killed_replica_leaves_locked_sessions_and_its_plaintext_goes_at_the_next_start(
    vault: Vault,
) -> None:
    backup = vault.mint()
    async with vault.replica_process() as process:
        opened = await vault.open(backup)
        assert (await vault.ask(opened, DescribeSession())).backup_id == backup
        process.kill()
        await process.wait()
        await vault.until_locked(opened)
        assert vault.plaintext() != []
        async with vault.stack.service("unlock"):
            assert vault.plaintext() == []

            async def is_none_listed() -> bool:
                return await vault.sessions() == []

            await until(is_none_listed)
            again = await vault.open(backup)
            assert (await vault.ask(again, ListDomains())).items
    async with vault.stack.pool("unlock") as pool:
        rows = await pool.fetch("select close_reason from session order by opened_at")
        assert [row["close_reason"] for row in rows] == ["crashed", "stopped"]
        crashed = await pool.fetchval(
            "select count(*) from outbox where subject = 'session.closed'"
            " and convert_from(payload, 'utf8') like '%crashed%'"
        )
        assert crashed == 1


async def test_a_starting_replica_leaves_a_living_ones_sessions_alone(vault: Vault) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup)
        async with vault.stack.service("unlock"):
            assert len(await vault.sessions()) == 1
            assert (await vault.ask(opened, ListDomains())).items
        assert (await vault.ask(opened, ListDomains())).items


async def test_a_removed_backup_locks_its_sessions_on_every_replica(vault: Vault) -> None:
    backup, other = vault.mint(), vault.mint()
    async with vault.stack.service("unlock"), vault.stack.service("unlock"):
        opened = [await vault.open(backup) for _ in range(6)]
        kept = await vault.open(other)
        async with vault.stack.service("discovery") as discovery:
            async with discovery.pool.acquire() as connection, connection.transaction():
                await publish(
                    connection, BackupRemoved(backup_id=backup, udid=None), service="discovery"
                )
            for session in opened:
                await vault.until_locked(session)
        assert (await vault.ask(kept, DescribeSession())).backup_id == other


async def test_a_lost_database_connection_does_not_lock_anybody(vault: Vault) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock") as runtime:
        opened = await vault.open(backup)
        async with vault.stack.pool("unlock") as pool:
            await pool.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where usename = current_user and pid <> pg_backend_pid()"
            )
        assert (await vault.ask(opened, ListDomains())).items

        async def opens() -> bool:
            return await problem_of(vault.open(backup)) is None

        await until(opens)
        assert (await vault.ask(opened, DescribeSession())).backup_id == backup
        assert len(await vault.sessions()) == 2
        assert not runtime.stopping.is_set()


def copy_of(vault: Vault, backup: BackupId, *, forged: bool = False) -> BackupId:
    """Show the same backup once more in another folder, under another id."""
    minted = vault.minted[backup]
    other = BackupId(str(uuid4()))
    path = vault.root / f"copy {len(vault.minted)}" / minted.path.name
    shutil.copytree(minted.path, path)
    if forged:
        _add_a_class(path / "Manifest.plist", number=len(vault.minted))
    vault.minted[other] = dataclasses.replace(minted, path=path)
    return other


def moved(vault: Vault, backup: BackupId) -> BackupId:
    """Move the backup to where it is taken for another one."""
    minted, other = vault.minted.pop(backup), BackupId(str(uuid4()))
    path = minted.path.rename(vault.root / "moved")
    vault.minted[other] = dataclasses.replace(minted, path=path)
    return other


def _add_a_class(path: Path, *, number: int) -> None:
    """Make another keybag of it that the same passphrase opens."""
    values = plistlib.loads(path.read_bytes())
    values["BackupKeyBag"] += (
        tag_value("UUID", bytes([number]) * 16) + tag_value("CLAS", 200) + tag_value("WRAP", 1)
    )
    path.write_bytes(plistlib.dumps(values))


async def test_guesses_over_thirty_connections_replicas_copies_and_restarts_are_counted_as_one(
    vault: Vault,
) -> None:
    backup = vault.mint()
    # Copied; copied, with another keybag around the same salts; moved and found anew.
    backups = [copy_of(vault, backup), copy_of(vault, backup, forged=True), moved(vault, backup)]

    async def guess(text: str, backup_id: BackupId, *, bus: Bus = vault.gateway) -> Problem:
        request = OpenSession(backup_id=backup_id, passphrase=text, caller=text)
        try:
            await bus.request(request, timeout_seconds=60)
        except ProblemError as error:
            return error.problem
        raise AssertionError("a guess was right")

    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(vault.replica_process())
        connections = [
            await stack.enter_async_context(vault.stack.bus("gateway")) for _ in range(30)
        ]
        started = time.monotonic()
        told = await asyncio.gather(
            *(
                guess(f"guess {number} {turn}", backups[(number + turn) % 3], bus=bus)
                for number, bus in enumerate(connections)
                for turn in range(4)
            )
        )
        # "Wrong" is said by who has derived a key, and by nobody else.
        answers = Counter(one.status for one in told)
        assert set(answers) == {403, 429}
        assert 5 <= answers[403] <= 5 + waits_within(time.monotonic() - started)
        for one in told:
            if one.status == 429:
                assert one.type == "/problems/throttled"
                assert one.retry_after_seconds
                assert "Nothing is locked for good" in one.detail
    # Both have ended; another one starts, and knows.
    async with vault.replica_process(), vault.stack.pool("unlock") as pool:
        assert await pool.fetchval("select count(*) from attempt") == answers[403]
        # Some more, so that the wait is long enough to look at it.
        await pool.execute(
            "insert into attempt (backup_id, keybag) select backup_id, keybag from attempt,"
            " generate_series(1, 3)"
        )
        for backup_id in backups:
            refused = await guess("after the restart", backup_id)
            assert refused.status == 429
            assert 200 < (refused.retry_after_seconds or 0) <= 300
        await pool.execute("update attempt set attempted_at = attempted_at - interval '301 s'")
        # One more try is free now, and no second one, whichever copy it is.
        again = [(await guess(f"later {n}", one)).status for n, one in enumerate(backups)]
        assert again == [403, 429, 429]
        assert await problem_of(vault.open(backups[0])) == "/problems/throttled"
        await pool.execute("update attempt set attempted_at = attempted_at - interval '301 s'")
        # The owner waits like everybody else, and no longer.
        assert (await vault.open(backups[0])).encrypted


def waits_within(seconds: float) -> int:
    """How many waits of two seconds, four, eight and so on can have passed."""
    count, wait = 0, 2.0
    while seconds >= wait:
        seconds, wait, count = seconds - wait, 2 * wait, count + 1
    return count
