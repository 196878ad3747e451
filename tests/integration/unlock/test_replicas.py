from __future__ import annotations

from shared.bus import publish
from shared.contracts.events import BackupRemoved
from shared.contracts.unlock import DescribeSession, ListDomains
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
