"""Exports for other programs, of a phone that has everything, read as those programs read them."""

from __future__ import annotations

import asyncio
import io
import mailbox
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import gpxpy
import icalendar
import pypdf
import pytest
import vobject

from deploy.demo.everything import whole_phone
from tests.integration.gateway.conftest import PASSPHRASE, House, open_house
from tests.integration.gateway.test_exports import download, manifest_of
from tests.stack import Stack

_PATIENCE_SECONDS = 300


async def over(house: House, job_id: str) -> dict[str, Any]:
    """Return a job when it is over: the whole phone is much for a machine that has other work."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            job: dict[str, Any] = (await house.client.get(f"/api/jobs/{job_id}")).json()
            if job["state"] not in ("pending", "running"):
                assert job["state"] == "completed", job
                return job
            await asyncio.sleep(0.2)


async def indexed(house: House) -> str:
    """Index the phone; returns the token of its session."""
    backup_id = await house.backup_id("Demo")
    url = f"/api/backups/{backup_id}"
    opened = await house.client.post(f"{url}/unlock", json={"passphrase": PASSPHRASE})
    token: str = opened.raise_for_status().json()["session_token"]
    accepted = await house.client.post(f"{url}/index", headers={"X-Backup-Session": token})
    await over(house, accepted.raise_for_status().json()["job_id"])
    return token


async def exported(house: House, name: str, token: str) -> tuple[zipfile.ZipFile, dict[str, int]]:
    """Return an export of everything with all files, and how much of each kind was written."""
    accepted = await house.client.post(
        "/api/exports/content",
        json={"query": {}, "format": name, "include_media": True},
        headers={"X-Backup-Session": token},
    )
    job = await over(house, accepted.raise_for_status().json()["job_id"])
    archive = await download(house, job)
    assert archive.testzip() is None
    kinds = {one["kind"]: one for one in manifest_of(archive)["kinds"]}
    # What is left out is counted with a reason, and nothing of it is a mistake of a format.
    for one in kinds.values():
        assert one["read"] == one["written"] + sum(out["count"] for out in one["left_out"])
        assert not [out for out in one["left_out"] if "could not be written" in out["reason"]]
    return archive, {kind: one["written"] for kind, one in kinds.items()}


def members(archive: zipfile.ZipFile, ending: str) -> dict[str, bytes]:
    """Return the documents of an export; what is below ``media`` is the phone's own."""
    return {
        name: archive.read(name)
        for name in archive.namelist()
        if name.endswith(ending) and not name.startswith("media/")
    }


@pytest.mark.timeout(900)
async def test_everything_on_a_phone_is_read_by_other_programs(
    stack: Stack, tmp_path: Path
) -> None:
    backups = stack.folder / "backups"
    backups.mkdir()
    whole_phone(backups, passphrase=PASSPHRASE, device_name="Demo")
    async with open_house(stack, "discovery", "unlock", "indexer") as house:
        (await house.client.post("/api/backups/refresh")).raise_for_status()
        token = await indexed(house)

        archive, written = await exported(house, "pdf", token)
        documents = [pypdf.PdfReader(io.BytesIO(one)) for one in members(archive, ".pdf").values()]
        assert sum(len(document.pages) for document in documents) >= len(documents) > 40
        assert written["message"] > 10
        shown = [image for one in documents for page in one.pages for image in page.images]
        assert shown

        archive, written = await exported(house, "mbox", token)
        boxes = []
        for number, content in enumerate(members(archive, ".mbox").values()):
            (tmp_path / f"{number}.mbox").write_bytes(content)
            boxes.append(mailbox.mbox(tmp_path / f"{number}.mbox"))
        mails = [mail for box in boxes for mail in box]
        kinds = ("message", "whatsapp", "voicemail", "note")
        assert len(mails) == sum(written[kind] for kind in kinds)
        assert any(mail.is_multipart() for mail in mails)

        archive, written = await exported(house, "vcf", token)
        cards = [
            card
            for content in members(archive, ".vcf").values()
            for card in vobject.readComponents(content.decode())
        ]
        assert len(cards) == written["contact"] > 5

        archive, written = await exported(house, "ics", token)
        calendars = [
            icalendar.Calendar.from_ical(content) for content in members(archive, ".ics").values()
        ]
        parts = [part for one in calendars for part in one.walk()]
        events = [part for part in parts if part.name in {"VEVENT", "VTODO"}]
        assert len(events) == written["calendar_event"] + written["reminder"] > 20
        assert not [error for part in parts for error in part.errors]

        archive, written = await exported(house, "gpx", token)
        tracks = [gpxpy.parse(one.decode()) for one in members(archive, ".gpx").values()]
        assert sum(len(one.tracks) for one in tracks) == written["health"] > 0
        waypoints = sum(written[kind] for kind in ("place", "photo", "whatsapp", "wifi_network"))
        assert sum(len(one.waypoints) for one in tracks) == waypoints > 0

        archive, written = await exported(house, "photos", token)
        sidecars = members(archive, ".xmp")
        assert len(sidecars) >= written["photo"] > 5
        for name, sidecar in sidecars.items():
            ET.fromstring(sidecar)
            if name.startswith("photos/") and name.count(".") > 1:
                assert name.removesuffix(".xmp") in archive.namelist()
        albums = members(archive, "albums.json")
        assert albums
