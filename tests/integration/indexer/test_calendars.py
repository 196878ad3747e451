"""Calendars and reminders from a folder to the history: two runs of a phone, and an old phone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from phones import PASSPHRASE, Vault

from deploy.demo import calendar_events, reminders
from deploy.demo.container import PhoneFile
from shared.contracts.indexer import ListArtifacts, ListThreads
from shared.contracts.jobs import Job

FIRST = dt.datetime(2024, 8, 4, tzinfo=dt.UTC)
LATER = dt.datetime(2024, 9, 1, tzinfo=dt.UTC)


async def indexed(vault: Vault, files: Sequence[PhoneFile], *, at: dt.datetime = FIRST) -> Job:
    backup_id = await vault.mint_files(files, taken_at=at, passphrase=PASSPHRASE)
    session = await vault.unlock(backup_id)
    return await vault.index(backup_id, session_id=session.session_id)


def counts(job: Job, kind: str) -> tuple[str, int, int, int]:
    assert job.state == "completed", job
    report = next(one for one in job.report["kinds"] if one["kind"] == kind)
    return report["state"], report["kept"], report["added"], report["removed"]


def on_the_phone(*, later: bool) -> list[PhoneFile]:
    return [*calendar_events.demo_files(later=later), *reminders.demo_files(later=later)]


async def test_two_runs_of_a_phone_tell_what_was_planned_and_done(vault: Vault) -> None:
    job = await indexed(vault, on_the_phone(later=False))
    assert counts(job, "calendar_event") == ("indexed", 16, 16, 0)
    assert counts(job, "reminder") == ("indexed", 8, 8, 0)
    calendars = await vault.bus.request(ListThreads(kind="calendar_event"))
    assert {one.title: one.artifact_count for one in calendars.items} == {
        "Family": 5, "Pixel": 4, "Boat": 3, "Birthdays": 2, "Swiss holidays": 1, "Ferry times": 1,
    }  # fmt: skip
    lists = await vault.bus.request(ListThreads(kind="reminder"))
    assert {one.title: one.artifact_count for one in lists.items} == {
        "Boat": 4, "Groceries": 3, "Reminders": 1,
    }  # fmt: skip
    pictures = await vault.bus.request(ListArtifacts(kind="reminder"))
    varnish = next(one for one in pictures.items if one.title == "Varnish the deck")
    assert [file.present for file in varnish.attachments] == [True, False]

    job = await indexed(vault, on_the_phone(later=True), at=LATER)
    # What changed leaves its former state behind.
    assert counts(job, "calendar_event") == ("indexed", 16, 1 + 2, 1 + 2)
    assert counts(job, "reminder") == ("indexed", 8, 1 + 1, 1 + 1)
    gone = await vault.bus.request(ListArtifacts(kind="calendar_event", removed="only"))
    assert "Anchor light on" in {one.title for one in gone.items}
    for words, kind in (("Crane Enge", "calendar_event"), ("Varnish Grüße", "reminder")):
        assert (await vault.found(words, kind=kind)).total > 0


async def test_an_old_phone_keeps_its_reminders_in_the_calendar(vault: Vault) -> None:
    job = await indexed(
        vault,
        [PhoneFile("HomeDomain", calendar_events.PATH, reminders.old_tasks().to_bytes())],
    )
    assert counts(job, "calendar_event")[:2] == ("indexed", 1)
    assert counts(job, "reminder")[:2] == ("indexed", 3)
