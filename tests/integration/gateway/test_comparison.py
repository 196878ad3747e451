"""Two backups of one phone beside each other: what changed, why things went, what nobody tells."""

from __future__ import annotations

import datetime as dt
import plistlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo import photos
from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.messages import MessagesDatabase
from tests.integration.gateway.conftest import House, open_house
from tests.integration.gateway.test_history import CommandLine, finished
from tests.stack import Stack

UDID = "00008110-000A1B2C3D4E5F61"
FIRST = dt.datetime(2024, 7, 25, 6, 40, tzinfo=dt.UTC)
SECOND = FIRST + dt.timedelta(days=60)
SETTINGS = "Library/Preferences/com.apple.MobileSMS.plist"


def messages(taken_at: dt.datetime, *, later: bool) -> list[PhoneFile]:
    """Some of each week that the phone still has, for it keeps 30 days; one is deleted later."""
    written = MessagesDatabase()
    handle = written.handle("+4915112345678")
    chat = written.chat([handle], identifier="+4915112345678")
    for week in range(20):
        at = FIRST - dt.timedelta(days=20) + dt.timedelta(days=7 * week)
        if taken_at - dt.timedelta(days=30) < at < taken_at and not (later and week == 9):
            written.message(f"week {week}", at=at, chat=chat, handle=handle, guid=f"week-{week}")
    return [
        PhoneFile("HomeDomain", "Library/SMS/sms.db", written.to_bytes()),
        PhoneFile("HomeDomain", SETTINGS, plistlib.dumps({"KeepMessageForDays": 30})),
    ]


@pytest.fixture
async def twice(stack: Stack) -> AsyncIterator[House]:
    """A phone that was backed up twice, into two folders; both are indexed, the later one first."""
    backups = stack.folder / "backups"
    backups.mkdir(exist_ok=True)
    for later, taken_at in ((False, FIRST), (True, SECOND)):
        mint_backup(
            backups,
            files=[*photos.demo_files(later=later), *messages(taken_at, later=later)],
            device_name="Later" if later else "Earlier",
            udid=UDID,
            taken_at=taken_at,
            folder_name=f"{UDID}-{taken_at:%Y%m%d}",
        )
    async with open_house(stack, "discovery", "unlock", "indexer") as house:
        (await house.client.post("/api/backups/refresh")).raise_for_status()
        for name in ("Later", "Earlier"):
            accepted = await house.client.post(
                f"/api/backups/{await house.backup_id(name)}/index",
                json={"kinds": ["message", "photo"]},
            )
            job = await finished(house.client, accepted.raise_for_status().json()["job_id"])
            assert job["state"] == "completed", job
        yield house


async def get(house: House, path: str, **params: Any) -> Any:
    return (await house.client.get(path, params=params)).raise_for_status().json()


async def test_what_went_is_told_by_its_reason(twice: House, tmp_path: Path) -> None:
    gone = (await get(twice, "/api/artifacts", removed="only"))["items"]
    told = {(one["title"] or one["text"]): one["removal"] for one in gone}
    assert told["IMG_0134.HEIC"]["reason"] == "expired"
    assert told["IMG_0134.HEIC"]["is_certain"]
    assert told["IMG_0110.HEIC"]["reason"] == "deleted"
    assert told["week 0"] == {
        "reason": "expired",
        "is_certain": True,
        "note": "The phone was set to keep messages for 30 days.",
    }
    by_reason = {
        reason: (await get(twice, "/api/artifacts", reason=reason))["items"]
        for reason in ("expired", "deleted", "left_with_app", "unknown")
    }
    assert sum(map(len, by_reason.values())) == len(gone)
    assert {one["removal"]["reason"] for one in by_reason["expired"]} == {"expired"}
    refused = await twice.client.get("/api/artifacts", params={"reason": "boredom"})
    assert refused.status_code == 400

    keepsake = CommandLine(twice, tmp_path)
    shown = await keepsake("gone", "--device", "later", "--reason", "expired")
    assert "IMG_0134.HEIC" in shown
    assert "expired: It stood in Recently Deleted" in shown
    assert "IMG_0110.HEIC" not in shown
    as_json = await keepsake("gone", "--kind", "photo", "--json")
    assert {one["kind"] for one in as_json["items"]} == {"photo"}


async def test_two_backups_are_compared_over_all_kinds_at_once(
    twice: House, tmp_path: Path
) -> None:
    revisions = (await get(twice, f"/api/devices/{UDID}/revisions"))["items"]
    later, earlier = (one["revision"] for one in revisions)
    sides = {"from": earlier, "to": later}
    summary = await get(twice, f"/api/devices/{UDID}/diff/summary", **sides)
    kinds = {one["kind"]: one for one in summary["kinds"]}
    assert kinds.keys() == {"message", "photo"}
    for kind, counted in kinds.items():
        page = await get(twice, f"/api/devices/{UDID}/diff", kind=kind, **sides)
        changes = [one["change"] for one in page["items"]]
        for change in ("added", "removed", "changed"):
            assert counted[change] == page[change] == changes.count(change)
        assert counted["reasons"] == page["reasons"]
        assert sum(counted["reasons"].values()) == counted["removed"] > 0
        assert all(
            one["removal"]["reason"] in counted["reasons"]
            for one in page["items"]
            if one["change"] == "removed"
        )
    backwards = await get(
        twice, f"/api/devices/{UDID}/diff/summary", **{"from": later, "to": earlier}
    )
    assert [one["added"] for one in backwards["kinds"]] == [
        one["removed"] for one in summary["kinds"]
    ]
    unknown = await twice.client.get(
        f"/api/devices/{UDID}/diff/summary", params={"from": "nothing", "to": later}
    )
    assert unknown.status_code == 404

    keepsake = CommandLine(twice, tmp_path)
    assert UDID in await keepsake("devices")
    listed = await keepsake("devices", "revisions", "later")
    assert earlier[:12] in listed
    shown = await keepsake("devices", "compare", "later")
    assert f"{kinds['message']['reasons']['expired']} expired" in shown
    same = await keepsake("devices", "compare", "later", earlier[:6], later[:6], "--json")
    assert same == summary
    await keepsake("devices", "compare", "later", "0000000", code=4)


async def test_times_of_which_no_backup_tells_are_gaps(twice: House, tmp_path: Path) -> None:
    found = await get(twice, f"/api/devices/{UDID.lower()}/gaps")
    kinds = {one["kind"]: one for one in found["kinds"]}
    assert found["devices"] == [UDID]
    assert kinds["photo"]["gaps"] == []
    assert kinds["photo"]["covered_from"] is None
    (gap,) = kinds["message"]["gaps"]
    assert dt.datetime.fromisoformat(gap["from_at"]) == FIRST
    assert dt.datetime.fromisoformat(gap["to_at"]) == SECOND - dt.timedelta(days=30)
    assert gap["holds"] == "nothing"
    survivors = await get(twice, f"/api/devices/{UDID}/gaps", kind="photo", survivors="true")
    (time,) = survivors["kinds"][0]["gaps"]
    assert time["holds"] == "survivors"
    assert dt.datetime.fromisoformat(time["to_at"]) == SECOND - dt.timedelta(days=30)
    assert (await get(twice, "/api/devices/00008110-0000000000000000/gaps"))["kinds"] == []

    keepsake = CommandLine(twice, tmp_path)
    assert "no backup holds anything" in await keepsake("devices", "gaps", "later")
    assert "only what stayed" in await keepsake(
        "devices", "gaps", "later", "--survivors", "--kind", "photo"
    )
    assert not await keepsake("devices", "gaps", "later", "--kind", "photo")
