"""Index runs over minted phones, with the real discovery and unlock beside the indexer."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
from collections.abc import Sequence

import msgspec
import pytest
from phones import ANNA, PASSPHRASE, Vault, parser_processes, phone_files, stop_next_parser, until

from shared.contracts.discovery import ForgetBackup
from shared.contracts.events import IndexCompleted, IndexFailed
from shared.contracts.identifiers import SessionId
from shared.contracts.indexer import GetIndexStates, ListKinds, ListRevisions, ListThreads
from shared.contracts.jobs import CancelJob, Job, ListJobs, RetryJob
from shared.contracts.problems import ProblemError
from shared.contracts.unlock import CloseSession, session_subject

TEXTS = ["Wann kommst du?", "the needle is here", "bis später"]
OLD = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
NEW = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
LATER = dt.datetime(2025, 2, 1, tzinfo=dt.UTC)


def states(job: Job) -> dict[str, str]:
    """Return how the kinds went that these phones have; the others must all be absent."""
    found = {report["kind"]: report["state"] for report in job.report["kinds"]}
    own = {kind: found.pop(kind) for kind in ("contact", "message")}
    # Every backup has Info.plist, which lists its apps: none, here.
    assert found.pop("installed_app") == "indexed"
    assert set(found.values()) <= {"absent"}, found
    return own


async def ending(vault: Vault, event: type[IndexCompleted | IndexFailed]) -> dict[str, object]:
    """Return the data of the first such event on the stream."""
    async with asyncio.timeout(10):
        async for stored in vault.bus.follow_events(after_sequence=0):
            if stored.subject == event.subject:
                found: dict[str, object] = msgspec.json.decode(stored.data)["data"]
                return found
    raise AssertionError


async def test_a_phone_is_indexed_from_folder_to_search(vault: Vault) -> None:
    backup_id = await vault.mint(TEXTS)
    job = await vault.index(backup_id)
    assert job.state == "completed", job
    assert states(job) == {"contact": "indexed", "message": "indexed"}
    page = await vault.found("needle")
    assert [hit.artifact.text for hit in page.items] == ["the needle is here"]
    assert page.items[0].artifact.sender is not None
    assert page.items[0].artifact.sender.name == "Anna"
    assert page.items[0].thread_position == 1
    threads = await vault.bus.request(ListThreads(q="anna"))
    assert [one.title for one in threads.items] == ["Anna"]
    assert threads.items[0].participants[0].handle == ANNA
    kinds = await vault.bus.request(ListKinds())
    assert {kind.kind: kind.count for kind in kinds.items if kind.count} == {
        "contact": 1,
        "message": 3,
    }
    index = await vault.bus.request(GetIndexStates(backup_ids=[backup_id]))
    assert index[backup_id].state == "indexed"
    completed = await ending(vault, IndexCompleted)
    assert completed["kept"] == {"contact": 1, "message": 3, "installed_app": 0}
    assert vault.plaintext() == []

    again = await vault.index(backup_id, kinds=["message"])
    assert again.state == "completed"
    assert (await vault.found("needle")).total == 1
    jobs = await vault.bus.request(ListJobs(limit=1))
    assert jobs.items[0].id == again.id
    assert jobs.next_cursor


async def test_a_backup_without_a_store_says_that_the_kind_is_absent(vault: Vault) -> None:
    job = await vault.index(await vault.mint(TEXTS, name=None))
    assert job.state == "completed"
    assert states(job) == {"contact": "absent", "message": "indexed"}


async def test_an_older_backup_found_later_slides_into_the_history(vault: Vault) -> None:
    newer = await vault.mint(TEXTS[:2], taken_at=NEW)
    older = await vault.mint(["an early secret", *TEXTS[:1]], taken_at=OLD, folder_name="old")
    await vault.index(newer)
    await vault.index(older)
    assert (await vault.found("secret")).total == 0
    gone = await vault.found("secret", removed="only")
    assert [hit.artifact.removed_at for hit in gone.items] == [NEW]
    revisions = await vault.bus.request(ListRevisions(device="00008110-000A1B2C3D4E5F60"))
    assert [one.taken_at for one in revisions.items] == [NEW, OLD]

    await vault.bus.request(ForgetBackup(backup_id=older))

    async def is_forgotten() -> bool:
        return (await vault.found("secret", removed="include")).total == 0

    await until(is_forgotten)
    assert (await vault.found("needle")).total == 1


async def test_a_backup_with_nothing_new_is_on_the_timeline_without_a_parser(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = phone_files(TEXTS)
    first = await vault.index(await vault.mint_files(files, taken_at=OLD))
    assert first.state == "completed", first

    async def refuse(_command: Sequence[str]) -> asyncio.subprocess.Process:
        raise AssertionError("nothing is to be parsed")

    with monkeypatch.context() as patched:
        patched.setattr("services.indexer.parsing.isolation._start", refuse)
        backup_id = await vault.mint_files(files, taken_at=NEW)
        job = await vault.index(backup_id, kinds=["contact", "message"])
    assert job.state == "completed", job
    found = {report["kind"]: report for report in job.report["kinds"]}
    assert found == {
        report["kind"]: {**report, "added": 0}
        for report in first.report["kinds"]
        if report["kind"] in found
    }
    assert (await vault.found("needle")).total == 1
    backup_id = await vault.mint_files(phone_files([*TEXTS, "one more"]), taken_at=LATER)
    job = await vault.index(backup_id)
    found = {report["kind"]: report for report in job.report["kinds"]}
    assert (found["message"]["kept"], found["message"]["added"]) == (4, 1)


async def test_an_encrypted_backup_needs_its_own_open_session(vault: Vault) -> None:
    backup_id = await vault.mint(TEXTS, passphrase=PASSPHRASE)
    other = await vault.mint(TEXTS, passphrase=PASSPHRASE, udid="00008110-000A1B2C3D4E5F61")
    for session_id in (None, SessionId("6f9619ff-8b86-4d01-b42d-00cf4fc964ff")):
        with pytest.raises(ProblemError) as raised:
            await vault.start(backup_id, session_id=session_id)
        assert raised.value.problem.status == 423
    with pytest.raises(ProblemError) as raised:
        await vault.start(backup_id, session_id=(await vault.unlock(other)).session_id)
    assert raised.value.problem.type == "/problems/wrong-session"
    opened = await vault.unlock(backup_id)
    job = await vault.index(backup_id, session_id=opened.session_id)
    assert job.state == "completed"


async def test_locking_interrupts_a_run_and_a_fresh_session_finishes_it(vault: Vault) -> None:
    backup_id = await vault.mint(TEXTS, passphrase=PASSPHRASE)
    opened = await vault.unlock(backup_id)
    job_id = await vault.start(backup_id, session_id=opened.session_id)
    parser = await stop_next_parser()
    pool = vault.stack.pool("indexer")
    async with pool as connection:
        assert await connection.fetchval("select count(*) from artifact") == 0
    headers = {"Keepsake-Session-Token": opened.session_token, "Keepsake-Backup": backup_id}
    subject = session_subject(opened.session_id, CloseSession.subject)
    await vault.bus.request(CloseSession(), subject=subject, headers=headers)
    os.kill(parser, signal.SIGCONT)
    job = await vault.finish(job_id)
    assert job.state == "interrupted"
    assert job.error is not None
    assert job.error.type == "/problems/locked"
    failed = await ending(vault, IndexFailed)
    assert failed["problem_type"] == "/problems/locked"
    fresh = await vault.unlock(backup_id)
    await vault.bus.request(RetryJob(job_id=job_id, session_id=fresh.session_id))
    job = await vault.finish(job_id)
    assert job.state == "completed"
    assert job.attempts == 2
    assert (await vault.found("needle")).total == 1


async def test_a_parser_that_is_killed_costs_its_kind_only(vault: Vault) -> None:
    backup_id = await vault.mint(TEXTS)
    job_id = await vault.start(backup_id)
    os.kill(await stop_next_parser(), signal.SIGKILL)
    job = await vault.finish(job_id)
    assert job.state == "completed"
    assert states(job) == {"contact": "failed", "message": "indexed"}
    completed = await ending(vault, IndexCompleted)
    assert completed["incomplete_kinds"] == ["contact"]
    assert (await vault.found("needle")).total == 1
    # Asking again reads only what is not there yet.
    job = await vault.index(backup_id)
    assert states(job) == {"contact": "indexed", "message": "indexed"}


async def test_cancelling_stops_a_hanging_parser_and_leaves_no_plaintext(vault: Vault) -> None:
    backup_id = await vault.mint(TEXTS)
    job_id = await vault.start(backup_id)
    await stop_next_parser()
    assert vault.plaintext()
    assert await vault.start(backup_id) == job_id, "one job per backup while it is under way"
    await vault.bus.request(CancelJob(job_id=job_id))
    job = await vault.finish(job_id)
    assert job.state == "cancelled"
    assert parser_processes() == []
    assert vault.plaintext() == []
    assert (await vault.found("needle")).total == 0
    await vault.bus.request(RetryJob(job_id=job_id))
    assert (await vault.finish(job_id)).state == "completed"
    with pytest.raises(ProblemError) as raised:
        await vault.bus.request(RetryJob(job_id=job_id))
    assert raised.value.problem.status == 409


async def test_a_backup_that_changes_under_a_run_interrupts_it(vault: Vault) -> None:
    backup_id = await vault.mint(TEXTS, taken_at=OLD)
    job_id = await vault.start(backup_id)
    parser = await stop_next_parser()
    assert await vault.mint(["something else"], taken_at=NEW) == backup_id
    os.kill(parser, signal.SIGCONT)
    job = await vault.finish(job_id)
    assert job.state == "interrupted"
    assert job.error is not None
    assert job.error.type == "/problems/backup-changed"
    assert (await vault.found("needle", removed="include")).total == 0


async def test_two_runs_of_one_device_take_turns_and_another_device_does_not_wait(
    vault: Vault,
) -> None:
    first = await vault.mint(TEXTS[:2], taken_at=OLD)
    second = await vault.mint(TEXTS[1:], taken_at=NEW, folder_name="second")
    other = await vault.mint(TEXTS, udid="00008110-000A1B2C3D4E5F61")
    job_id = await vault.start(first)
    parser = await stop_next_parser()
    waiting = await vault.start(second)
    assert (await vault.index(other)).state == "completed"
    assert (await vault.job(waiting)).state == "pending"
    os.kill(parser, signal.SIGCONT)
    assert (await vault.finish(job_id)).state == "completed"
    assert (await vault.finish(waiting)).state == "completed"
    assert (await vault.found("wann", device="00008110-000A1B2C3D4E5F60")).total == 0
    gone = await vault.found("wann", device="00008110-000A1B2C3D4E5F60", removed="only")
    assert gone.total == 1
