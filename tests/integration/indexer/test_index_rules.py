"""Backups that are indexed by rule: found, changed, unlocked; never twice, never lost."""

from __future__ import annotations

import datetime as dt
import os
import signal
from contextlib import suppress
from typing import Any

import pytest
from phones import PASSPHRASE, Vault, stop_next_parser, until

from shared.contracts.identifiers import Udid
from shared.contracts.index_rules import (
    CheckIndexRules,
    CreateIndexRule,
    DeleteIndexRule,
    ListIndexRules,
    UpdateIndexRule,
)
from shared.contracts.jobs import Job, ListJobs, RetryJob
from shared.contracts.passphrase_references import (
    ListPassphraseReferences,
    SetPassphraseReference,
)
from shared.contracts.problems import ProblemError
from shared.contracts.unlock import (
    BACKUP_HEADER,
    TOKEN_HEADER,
    CloseSession,
    ListSessions,
    session_subject,
)
from tests.service_process import service_process
from tests.stack import Stack

TEXTS = ["Wann kommst du?", "the needle is here"]
PHONE = Udid("00008110-000A1B2C3D4E5F60")
PAD = Udid("00008110-000A1B2C3D4E5F61")


async def jobs_of(vault: Vault, count: int) -> list[Job]:
    """Return all jobs, oldest first, once there are so many and they are over."""

    async def are_over() -> bool:
        jobs = (await vault.bus.request(ListJobs())).items
        return len(jobs) >= count and all(job.finished_at is not None for job in jobs)

    await until(are_over)
    return (await vault.bus.request(ListJobs())).items[::-1]


async def settled(stack: Stack) -> None:
    """Wait until every event was handled and no backup is to be looked at."""
    async with stack.pool("indexer") as pool, stack.bus("indexer") as bus:

        async def is_quiet() -> bool:
            info = await bus.jetstream.consumer_info("EVENTS", "indexer")
            waiting = (info.num_pending or 0) + (info.num_ack_pending or 0)
            return not waiting and not await pool.fetchval(
                "select (select count(*) from rule_check) + (select count(*) from rule_round"
                " where asked_turn is not null) + (select count(*) from outbox"
                " where published_at is null)"
            )

        await until(is_quiet)


def kinds(job: Job) -> set[str]:
    return {report["kind"] for report in job.report["kinds"]}


async def test_without_a_rule_nothing_is_indexed_by_itself(vault: Vault) -> None:
    assert (await vault.bus.request(ListIndexRules())).items == []
    await vault.mint(TEXTS)
    await settled(vault.stack)
    assert (await vault.bus.request(ListJobs())).items == []


async def test_a_plain_backup_is_indexed_as_soon_as_it_is_found_and_when_it_changes(
    vault: Vault,
) -> None:
    await vault.bus.request(CreateIndexRule())
    backup_id = await vault.mint(TEXTS, taken_at=dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    [job] = await jobs_of(vault, 1)
    assert (job.state, job.origin, job.subject.id) == ("completed", "rule", backup_id)
    assert (await vault.found("needle")).total == 1

    again = await vault.mint(
        [*TEXTS, "another needle"], taken_at=dt.datetime(2025, 2, 1, tzinfo=dt.UTC)
    )
    assert again == backup_id
    assert [job.origin for job in await jobs_of(vault, 2)] == ["rule", "rule"]
    assert (await vault.found("needle")).total == 2
    await settled(vault.stack)
    assert len((await vault.bus.request(ListJobs())).items) == 2


async def test_a_new_rule_is_held_against_the_backups_that_are_there(vault: Vault) -> None:
    await vault.mint(TEXTS)
    await vault.mint(TEXTS, udid=PAD)
    rule = await vault.bus.request(CreateIndexRule(device=PAD, kinds=["contact"]))
    [job] = await jobs_of(vault, 1)
    assert kinds(job) == {"contact"}
    await vault.bus.request(UpdateIndexRule(rule_id=rule.id, kinds=["contact", "message"]))
    first, second = await jobs_of(vault, 2)
    # What was read already is not read again.
    assert (kinds(first), kinds(second)) == ({"contact"}, {"message"})
    await vault.bus.request(UpdateIndexRule(rule_id=rule.id, enabled=False, device=None))
    await settled(vault.stack)
    assert len((await vault.bus.request(ListJobs())).items) == 2
    await vault.bus.request(UpdateIndexRule(rule_id=rule.id, enabled=True))
    assert len(await jobs_of(vault, 3)) == 3


async def test_an_encrypted_backup_is_indexed_when_a_person_unlocks_it(vault: Vault) -> None:
    await vault.bus.request(CreateIndexRule())
    backup_id = await vault.mint(TEXTS, passphrase=PASSPHRASE)
    await settled(vault.stack)
    assert (await vault.bus.request(ListJobs())).items == []
    await vault.unlock(backup_id)
    [job] = await jobs_of(vault, 1)
    assert (job.state, job.origin) == ("completed", "rule")
    assert (await vault.found("needle")).total == 1
    await vault.unlock(backup_id)
    await settled(vault.stack)
    assert len((await vault.bus.request(ListJobs())).items) == 1


async def test_an_open_session_is_used_when_a_rule_comes_later(vault: Vault) -> None:
    backup_id = await vault.mint(TEXTS, passphrase=PASSPHRASE)
    await vault.unlock(backup_id)
    await vault.bus.request(CreateIndexRule(kinds=["message"]))
    [job] = await jobs_of(vault, 1)
    assert job.state == "completed"


async def test_a_backup_that_cannot_be_indexed_is_not_tried_over_and_over(vault: Vault) -> None:
    await vault.bus.request(CreateIndexRule(kinds=["message"]))
    backup_id = await vault.mint(TEXTS)
    await jobs_of(vault, 1)
    async with vault.stack.pool("indexer") as pool:
        await pool.execute("update kind_index set parser_version = 0")
    for path in (vault.root / "00008110-000A1B2C3D4E5F60").glob("??/*"):
        path.unlink()
    await vault.unlock(backup_id)
    _, second = await jobs_of(vault, 2)
    assert second.state != "completed"
    await settled(vault.stack)
    assert len((await vault.bus.request(ListJobs())).items) == 2


async def test_a_phone_that_backs_up_again_during_its_run_is_indexed_when_that_is_over(
    vault: Vault,
) -> None:
    await vault.bus.request(CreateIndexRule(kinds=["message"]))
    await vault.mint(TEXTS, taken_at=dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    parser = await stop_next_parser()
    await vault.mint([*TEXTS, "another needle"], taken_at=dt.datetime(2025, 2, 1, tzinfo=dt.UTC))
    await event_is_handled(vault, "backup.changed")
    # The run may have noticed already, and the next one have begun; never are there two.
    jobs = (await vault.bus.request(ListJobs())).items
    assert sum(job.state in {"pending", "running"} for job in jobs) <= 1
    go_on(parser)
    first, second = await jobs_of(vault, 2)
    assert first.subject == second.subject
    assert second.state == "completed"
    assert (await vault.found("needle")).total == 2
    await settled(vault.stack)
    assert len((await vault.bus.request(ListJobs())).items) == 2


def go_on(parser: int) -> None:
    # A run that noticed already has ended its process.
    with suppress(ProcessLookupError):
        os.kill(parser, signal.SIGCONT)


async def event_is_handled(vault: Vault, subject: str) -> None:
    async with vault.stack.pool("indexer") as pool:

        async def stands_in_the_inbox() -> bool:
            return bool(
                await pool.fetchval("select exists (select from inbox where subject = $1)", subject)
            )

        await until(stands_in_the_inbox)


async def test_locking_in_the_middle_leaves_the_rest_to_the_next_unlock(vault: Vault) -> None:
    await vault.bus.request(CreateIndexRule(kinds=["message"]))
    backup_id = await vault.mint(TEXTS, passphrase=PASSPHRASE)
    opened = await vault.unlock(backup_id)
    parser = await stop_next_parser()
    headers = {TOKEN_HEADER: opened.session_token, BACKUP_HEADER: backup_id}
    subject = session_subject(opened.session_id, CloseSession.subject)
    await vault.bus.request(CloseSession(), subject=subject, headers=headers)
    go_on(parser)
    [first] = await jobs_of(vault, 1)
    assert first.state in ("interrupted", "completed"), first
    await vault.unlock(backup_id)
    await settled(vault.stack)
    jobs = (await vault.bus.request(ListJobs())).items
    assert jobs[0].state in ("pending", "running", "completed")
    await jobs_of(vault, len(jobs))
    assert (await vault.found("needle")).total == 1


async def test_every_backup_is_looked_at_again_when_the_night_has_come(vault: Vault) -> None:
    await vault.bus.request(CreateIndexRule(kinds=["message"]))
    await vault.mint(TEXTS)
    await jobs_of(vault, 1)
    await settled(vault.stack)
    async with vault.stack.pool("indexer") as pool:
        # As after an update that reads more than the version before.
        await pool.execute("update kind_index set parser_version = 0")
        await pool.execute("update rule_round set nightly_at = now() - interval '5 hours'")
        await jobs_of(vault, 2)
        next_at = await pool.fetchval("select nightly_at from rule_round")
    jobs = (await vault.bus.request(ListJobs())).items
    assert [job.origin for job in jobs] == ["nightly", "rule"]
    assert next_at > dt.datetime.now(dt.UTC)


@pytest.mark.parametrize(
    "request_",
    [
        CreateIndexRule(kinds=[]),
        CreateIndexRule(kinds=["fax"]),
        UpdateIndexRule(rule_id="b7c1f0de-6a0b-4c64-9d39-6d3d2f9f1a77", enabled=True),
        UpdateIndexRule(rule_id="nonsense"),
        DeleteIndexRule(rule_id="b7c1f0de-6a0b-4c64-9d39-6d3d2f9f1a77"),
    ],
)
async def test_rules_that_mean_nothing_are_refused(vault: Vault, request_: Any) -> None:
    with pytest.raises(ProblemError) as raised:
        await vault.bus.request(request_)
    assert raised.value.problem.status in (400, 404)


async def test_an_indexer_that_is_killed_after_a_rule_was_made_carries_it_out_in_its_next_life(
    stack: Stack,
) -> None:
    async with stack.service("unlock"), stack.bus("gateway") as bus:
        vault = Vault(stack, bus)
        async with service_process(
            stack, "indexer", KEEPSAKE_BACKUP_PATHS=str(vault.root)
        ) as process:
            async with stack.service("discovery"):
                for udid in (PAD, "00008110-000A1B2C3D4E5F62", "00008110-000A1B2C3D4E5F63"):
                    await vault.mint(TEXTS, udid=udid)
                await settled(stack)
            # Nobody can say now which backups there are.
            await vault.bus.request(CreateIndexRule(kinds=["message"]))
            process.kill()
            await process.wait()
        async with stack.service("discovery"), stack.service("indexer"):
            jobs = await jobs_of(vault, 3)
            await settled(stack)
            jobs = (await vault.bus.request(ListJobs())).items
            assert len({job.subject.id for job in jobs}) == len(jobs) == 3
            assert {job.state for job in jobs} == {"completed"}


async def refer(vault: Vault, secret: str) -> None:
    """Say that the phone's passphrase lies in a file, and put it there."""
    path = vault.stack.folder / "passphrase"
    path.touch(0o600)
    path.write_text(secret)
    await vault.bus.request(SetPassphraseReference(udid=PHONE, reference=f"file:{path}"))


async def test_an_encrypted_backup_is_indexed_through_the_reference_of_its_device(
    vault: Vault,
) -> None:
    await refer(vault, PASSPHRASE)
    await vault.bus.request(CreateIndexRule())
    backup_id = await vault.mint(TEXTS, passphrase=PASSPHRASE)
    other = await vault.mint(TEXTS, passphrase=PASSPHRASE, udid=PAD)
    [job] = await jobs_of(vault, 1)
    assert (job.state, job.origin, job.subject.id) == ("completed", "rule", backup_id)
    assert other != backup_id
    await settled(vault.stack)
    assert len((await vault.bus.request(ListJobs())).items) == 1
    # The run has locked behind itself.
    assert (await vault.bus.request(ListSessions())).items == []
    # A person has to unlock all the same.
    with pytest.raises(ProblemError) as raised:
        await vault.start(backup_id)
    assert raised.value.problem.status == 423


async def test_a_wrong_referenced_passphrase_fails_once_and_is_tried_again_when_set_anew(
    vault: Vault,
) -> None:
    await refer(vault, "wrong")
    await vault.bus.request(CreateIndexRule(kinds=["message"]))
    await vault.mint(TEXTS, passphrase=PASSPHRASE)
    [job] = await jobs_of(vault, 1)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.type == "/problems/wrong-passphrase"
    for _ in range(3):
        await vault.bus.request(CheckIndexRules())
        await settled(vault.stack)
        await jobs_of(vault, 1)
    async with vault.stack.pool("unlock") as pool:
        # Asked for again and again, tried once.
        assert await pool.fetchval("select count(*) from attempt") == 1
        assert await pool.fetchval("select count(*) from refused_reference") == 1
    await refer(vault, PASSPHRASE)
    await vault.bus.request(RetryJob(job_id=job.id))
    assert (await vault.finish(job.id)).state == "completed"
    assert (await vault.found("needle")).total == 1


async def test_a_reference_that_gives_nothing_is_said_without_repeating_it(vault: Vault) -> None:
    await vault.bus.request(SetPassphraseReference(udid=PHONE, reference="file:/etc/no-such-file"))
    await vault.bus.request(CreateIndexRule(kinds=["message"]))
    await vault.mint(TEXTS, passphrase=PASSPHRASE)
    [job] = await jobs_of(vault, 1)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.type == "/problems/reference-unresolved"
    assert "no-such-file" not in str(job)
    listed = await vault.bus.request(ListPassphraseReferences())
    assert [(one.udid, one.scheme) for one in listed.items] == [(PHONE, "file")]
    for reference in ("cmd:/bin/echo x", "vault:x", "nonsense"):
        with pytest.raises(ProblemError) as raised:
            await vault.bus.request(SetPassphraseReference(udid=PHONE, reference=reference))
        assert raised.value.problem.status == 400
    assert (await vault.bus.request(SetPassphraseReference(udid=PHONE, reference=None))).changed
    assert (await vault.bus.request(ListPassphraseReferences())).items == []
