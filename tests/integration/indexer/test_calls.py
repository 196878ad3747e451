"""Calls, voicemails and voice memos from a folder to the history, over two runs of a phone."""

from __future__ import annotations

import datetime as dt

from phones import PASSPHRASE, Vault

from deploy.demo import calls, voice_memos, voicemails
from deploy.demo.container import PhoneFile
from shared.contracts.indexer import ListArtifacts, ListThreads
from shared.contracts.jobs import Job

RUNS = (dt.datetime(2024, 8, 4, tzinfo=dt.UTC), dt.datetime(2024, 9, 1, tzinfo=dt.UTC))


async def index(vault: Vault, *, later: bool) -> dict[str, tuple[str, int, int]]:
    """Return state, artifacts and what was removed by kind."""
    files = [
        *calls.demo_files(later=later),
        *voicemails.demo_files(later=later),
        *voice_memos.demo_files(later=later),
    ]
    backup_id = await vault.mint_files(files, taken_at=RUNS[later], passphrase=PASSPHRASE)
    session = await vault.unlock(backup_id)
    return reports(await vault.index(backup_id, session_id=session.session_id))


def reports(job: Job) -> dict[str, tuple[str, int, int]]:
    assert job.state == "completed", job
    return {
        one["kind"]: (one["state"], one["kept"], one["removed"])
        for one in job.report["kinds"]
        if one["kind"] in {"call", "voicemail", "voice_memo"}
    }


async def test_two_runs_of_a_phone_tell_who_called_and_what_was_recorded(vault: Vault) -> None:
    assert await index(vault, later=False) == {
        "call": ("indexed", 15, 0),
        "voicemail": ("indexed", 8, 0),
        "voice_memo": ("indexed", 8, 0),
    }
    threads = (await vault.bus.request(ListThreads(kind="call"))).items
    (jonas,) = [
        one for one in threads if [person.handle for person in one.participants] == [calls.JONAS]
    ]
    assert jonas.artifact_count == 5
    # The transcript lies in a file of its own, the recording in another.
    found = await vault.found("vaccination Thursday", kind="voicemail")
    (hit,) = found.items
    assert [file.present for file in hit.artifact.attachments] == [True]
    folders = await vault.bus.request(ListThreads(kind="voice_memo"))
    assert {thread.title: thread.artifact_count for thread in folders.items} == {"Lake": 2}
    memos = await vault.bus.request(ListArtifacts(kind="voice_memo"))
    by_title = {memo.title: memo for memo in memos.items}
    # Beside the edited recording lies what tells its name.
    assert by_title["Night train"].key == voice_memos.UNLISTED
    # Its time is that of the file.
    greeting = (await vault.found("greeting", kind="voicemail")).items[0].artifact
    assert greeting.occurred_at is not None

    second = await index(vault, later=True)
    assert {kind: state for kind, (state, _, _) in second.items()} == dict.fromkeys(
        second, "indexed"
    )
    gone = await vault.bus.request(ListArtifacts(kind="voice_memo", removed="only"))
    assert [one.key for one in gone.items if one.title == "Test test"] == [voice_memos.TRASHED]
    moved = await vault.bus.request(ListArtifacts(kind="call", removed="only"))
    assert calls.EARLY not in {one.key for one in moved.items}
    assert "DEMOCALL-0001" in {one.key for one in moved.items}


async def test_a_plain_backup_has_no_calls_and_says_why(vault: Vault) -> None:
    backup_id = await vault.mint_files([PhoneFile("HomeDomain", "Library/Nothing", b"x")])
    job = await vault.index(backup_id)
    report = next(one for one in job.report["kinds"] if one["kind"] == "call")
    assert (report["state"], "encrypted backups only" in report["note"]) == ("absent", True)
