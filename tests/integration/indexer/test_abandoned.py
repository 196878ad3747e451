"""Jobs whose event was given up, and runs that discovery has not noticed yet."""

from __future__ import annotations

import asyncio
import datetime as dt
from uuid import uuid4

import pytest
from phones import PASSPHRASE, Vault, open_vault, phone_files

from deploy.demo.container import mint_backup
from services.indexer.jobs.abandoned import ask_again
from shared.bus import RequestContext
from shared.contracts.discovery import LocateBackup, Location
from shared.contracts.identifiers import BackupId, Udid
from shared.contracts.indexer import ListRevisions
from shared.contracts.problems import ProblemError
from tests.stack import Stack

UDID = "00008110-000A1B2C3D4E5F60"
OLD = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
NEW = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


async def test_a_job_whose_event_was_given_up_is_run_after_all(stack: Stack) -> None:
    async with open_vault(stack) as vault, stack.pool("indexer") as pool:
        backup_id = await vault.mint(["the needle is here"])
        job_id = uuid4()
        # What ten killed runs leave: a job that counts as running, and no event.
        await pool.execute(
            "insert into job (id, state, backup_id, device, attempts, started_at)"
            " values ($1, 'running', $2::uuid, $3, 10, now() - interval '1 hour')",
            job_id,
            backup_id,
            UDID,
        )
        assert await ask_again(pool, older_than_seconds=900) == [str(job_id)]
        assert (await vault.finish(str(job_id))).state == "completed"
        assert (await vault.found("needle")).total == 1
        assert await ask_again(pool, older_than_seconds=900) == []


async def test_a_job_from_before_the_clock_was_set_back_is_not_waited_for_that_long(
    stack: Stack,
) -> None:
    async with stack.service("indexer"), stack.pool("indexer") as pool:
        job_id = uuid4()
        await pool.execute(
            "insert into job (id, state, backup_id, device, started_at)"
            " values ($1, 'running', $2, 'A', now() + interval '3 days')",
            job_id,
            uuid4(),
        )
        assert await ask_again(pool, older_than_seconds=900) == [str(job_id)]


async def test_an_abandoned_job_is_asked_for_once_per_time_and_not_while_it_runs(
    stack: Stack,
) -> None:
    async with stack.service("indexer"), stack.pool("indexer") as pool:
        for device, state in (("A", "running"), ("B", "running"), (None, "completed")):
            await pool.execute(
                "insert into job (id, state, backup_id, device, started_at)"
                " values ($1, $2, $3, $4, now() - interval '1 hour')",
                uuid4(),
                state,
                uuid4(),
                device,
            )
        async with pool.acquire() as connection:
            await connection.execute("select pg_advisory_lock(hashtextextended('indexer:A', 1))")
            # A day is one slot: no boundary falls between the two looks.
            await pool.execute("update job set started_at = now() - interval '2 days'")
            assert len(await ask_again(pool, older_than_seconds=86_400)) == 1
            assert await ask_again(pool, older_than_seconds=86_400) == []


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "encrypted"])
async def test_content_of_a_run_that_discovery_has_not_noticed_is_never_the_old_runs(
    stack: Stack, passphrase: str | None
) -> None:
    options = {"udid": UDID, "passphrase": passphrase}
    async with stack.bus("gateway") as bus:
        vault = Vault(stack, bus)
        async with stack.service("discovery"):
            backup_id = await vault.mint(["first words"], taken_at=OLD, **options)
            stale = await bus.request(LocateBackup(backup_id=BackupId(backup_id)))

        async def locate(_: LocateBackup, __: RequestContext) -> Location:
            return stale

        async with (
            stack.bus("discovery") as discovery,
            stack.service("unlock"),
            stack.service("indexer"),
        ):
            await discovery.serve(LocateBackup, locate)
            await asyncio.to_thread(
                mint_backup, vault.root, files=phone_files(["second words"]), iterations=10,
                dpic=10, taken_at=NEW, **options,
            )  # fmt: skip
            if passphrase is None:
                job = await vault.index(backup_id)
                assert job.state == "interrupted"
                assert job.error is not None
                assert job.error.type == "/problems/backup-changed"
            else:
                opened = await vault.unlock(backup_id)
                with pytest.raises(ProblemError) as raised:
                    await vault.start(backup_id, session_id=opened.session_id)
                assert raised.value.problem.type == "/problems/backup-changed"
            assert (await vault.found("words", removed="include")).total == 0
            assert (await bus.request(ListRevisions(device=Udid(UDID)))).items == []
