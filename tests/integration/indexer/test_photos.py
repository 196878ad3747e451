"""Photos from a folder to the history: two runs of a phone, files alone, and none at all."""

from __future__ import annotations

import datetime as dt

from phones import PASSPHRASE, Vault

from deploy.demo.container import PhoneFile
from deploy.demo.photos import attributes_of, demo_files
from deploy.demo.pictures import png
from shared.contracts.indexer import ListArtifacts, ListThreads
from shared.contracts.jobs import Job

KEY = "0D96E8BA-323E-480A-BF27-0DDEE52719A9"
FIRST = dt.datetime(2024, 8, 4, tzinfo=dt.UTC)
LATER = dt.datetime(2024, 9, 1, tzinfo=dt.UTC)


def report_of(job: Job) -> tuple[str, int]:
    assert job.state == "completed", job
    report = next(one for one in job.report["kinds"] if one["kind"] == "photo")
    return report["state"], report["kept"]


async def test_two_runs_of_a_phone_tell_which_photos_came_and_went(vault: Vault) -> None:
    backup_id = await vault.mint_files(
        demo_files(later=False), taken_at=FIRST, passphrase=PASSPHRASE
    )
    session = await vault.unlock(backup_id)
    job = await vault.index(backup_id, session_id=session.session_id)
    assert report_of(job) == ("indexed", 15)
    albums = await vault.bus.request(ListThreads(kind="photo"))
    counts = {album.title: album.artifact_count for album in albums.items}
    assert counts["Lake weekend"] == 6
    assert counts["Lake with everybody"] == 1

    await vault.mint_files(demo_files(later=True), taken_at=LATER, passphrase=PASSPHRASE)
    session = await vault.unlock(backup_id)
    job = await vault.index(backup_id, session_id=session.session_id)
    assert report_of(job) == ("indexed", 13)
    report = next(one for one in job.report["kinds"] if one["kind"] == "photo")
    # One new, three gone; the boat is no favourite any more, and another comment was made.
    assert (report["added"], report["removed"]) == (1 + 2, 3 + 2)
    gone = await vault.bus.request(ListArtifacts(kind="photo", removed="only"))
    assert {one.payload["file_name"] for one in gone.items} >= {"IMG_0134.HEIC"}
    found = await vault.found("Zürichsee", kind="photo")
    assert found.total > 0


async def test_a_backup_without_the_database_gives_the_photos_of_its_files(vault: Vault) -> None:
    said = attributes_of(KEY, name="Sunset.jpg", taken_at=FIRST)
    backup_id = await vault.mint_files(
        [PhoneFile("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.PNG", png(1), attributes=said)]
    )
    assert report_of(await vault.index(backup_id)) == ("indexed", 1)
    page = await vault.bus.request(ListArtifacts(kind="photo"))
    assert [(one.key, one.title) for one in page.items] == [(KEY, "Sunset.jpg")]


async def test_a_backup_without_pictures_has_no_photos(vault: Vault) -> None:
    thumbnail = "Media/PhotoData/Thumbnails/V2/DCIM/100APPLE/IMG_0001.PNG/5005.JPG"
    backup_id = await vault.mint_files([PhoneFile("CameraRollDomain", thumbnail, png(1))])
    assert report_of(await vault.index(backup_id)) == ("absent", 0)
