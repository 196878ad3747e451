"""Finding, unlocking, browsing and downloading over HTTP, with the real services behind."""

from __future__ import annotations

import asyncio
import io
import zipfile

import httpx
import pytest

from tests.integration.gateway.conftest import BIG, PASSPHRASE, House


def session(token: str) -> dict[str, str]:
    return {"X-Backup-Session": token}


async def test_backups_are_listed_with_numbers_masked_unless_revealed(house: House) -> None:
    listed = (await house.client.get("/api/backups")).json()
    assert {one["name"]: one["encrypted"] for one in listed["items"]} == {
        "Plain": False,
        "Locked": True,
    }
    assert {one["index_state"] for one in listed["items"]} == {"none"}
    assert "SAMPLE000001" not in str(listed)
    one = listed["items"][0]["id"]
    shown = (await house.client.get(f"/api/backups/{one}?reveal=true")).json()
    assert shown["serial_number"] == "SAMPLE000001"
    renamed = await house.client.patch(f"/api/backups/{one}", json={"label": "Ada's"})
    assert renamed.json()["label"] == "Ada's"
    assert (await house.client.patch(f"/api/backups/{one}", json={})).status_code == 400
    assert (await house.client.patch(f"/api/backups/{one}", json={"x": 1})).status_code == 400
    devices = (await house.client.get("/api/devices")).json()["items"]
    assert len(devices) == 2


async def test_an_encrypted_backup_is_locked_until_its_passphrase_and_after_its_lock(
    house: House,
) -> None:
    client, backup_id = house.client, await house.backup_id("Locked")
    files = f"/api/backups/{backup_id}/files"
    assert (await client.get(files)).status_code == 423
    wrong = await client.post(f"/api/backups/{backup_id}/unlock", json={"passphrase": "no"})
    assert (wrong.status_code, wrong.json()["type"]) == (403, "/problems/wrong-passphrase")
    token = await house.unlock(backup_id)
    page = (await client.get(files, headers=session(token), params={"limit": 2})).json()
    assert len(page["items"]) == 2
    assert page["next_cursor"]
    sessions = await client.get("/api/sessions")
    assert [one["backup_id"] for one in sessions.json()["items"]] == [backup_id]
    assert token not in sessions.text
    for _ in range(2):
        lock = await client.post(f"/api/backups/{backup_id}/lock", headers=session(token))
        assert lock.status_code == 200
    assert (await client.get(files, headers=session(token))).status_code == 423
    assert (await client.post(f"/api/backups/{backup_id}/lock")).status_code == 401


async def test_a_session_opens_its_own_backup_only(house: House) -> None:
    plain, locked = await house.backup_id("Plain"), await house.backup_id("Locked")
    token = await house.unlock(locked)
    answer = await house.client.get(f"/api/backups/{plain}/files", headers=session(token))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/wrong-session")
    for forged in ("rubbish", token[:-4] + "AAAA", "../../x.y"):
        answer = await house.client.get(f"/api/backups/{locked}/files", headers=session(forged))
        assert answer.status_code == 403, forged


async def test_a_plain_backup_needs_no_session_and_survives_locking_everything(
    house: House,
) -> None:
    backup_id = await house.backup_id("Plain")
    domains = (await house.client.get(f"/api/backups/{backup_id}/domains")).json()["items"]
    assert "CameraRollDomain" in {one["domain"] for one in domains}
    assert (await house.client.delete("/api/sessions")).json() == {"closed": 1}
    assert (await house.client.get(f"/api/backups/{backup_id}/apps")).status_code == 200


async def test_content_is_whole_in_parts_and_conditional(house: House) -> None:
    client, backup_id = house.client, await house.backup_id("Locked")
    token = await house.unlock(backup_id)
    file_id = await house.file_id(backup_id, "IMG_0001.MOV", token)
    url = f"/api/backups/{backup_id}/files/{file_id}/content"
    meta = await client.get(f"/api/backups/{backup_id}/files/{file_id}", headers=session(token))
    assert meta.json()["relative_path"].endswith("IMG_0001.MOV")

    async def get(**headers: str) -> httpx.Response:
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.get(url, headers=session(token) | extra)

    whole = await get()
    assert whole.content == BIG
    assert whole.headers["content-length"] == str(len(BIG))
    assert whole.headers["content-type"] == "video/quicktime"
    assert whole.headers["last-modified"] == "Thu, 04 May 2023 03:02:01 GMT"
    etag = whole.headers["etag"]

    middle = await get(range="bytes=700000-1700000")
    assert middle.status_code == 206
    assert middle.content == BIG[700000:1700001]
    assert middle.headers["content-range"] == f"bytes 700000-1700000/{len(BIG)}"
    assert (await get(range="bytes=-5")).content == BIG[-5:]
    assert (await get(range=f"bytes={len(BIG) - 1}-")).content == BIG[-1:]

    beyond = await get(range=f"bytes={len(BIG)}-")
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(BIG)}"
    assert beyond.headers["content-type"] == "application/problem+json"

    assert (await get(if_none_match=etag)).status_code == 304
    assert (await get(if_none_match='"other"')).status_code == 200
    assert (await get(range="bytes=0-0", if_range=etag)).status_code == 206
    assert (await get(range="bytes=0-0", if_range='"other"')).status_code == 200

    head = await client.head(url, headers=session(token))
    assert head.headers["content-length"] == str(len(BIG))
    assert head.content == b""


async def test_nothing_hostile_runs_in_a_browser(house: House) -> None:
    client, backup_id = house.client, await house.backup_id("Plain")
    page = await house.file_id(backup_id, "page.html")
    answer = await client.get(
        f"/api/backups/{backup_id}/files/{page}/content", params={"disposition": "inline"}
    )
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    odd = await house.file_id(backup_id, "\u00e9.txt")
    answer = await client.get(
        f"/api/backups/{backup_id}/files/{odd}/content", params={"disposition": "inline"}
    )
    assert answer.headers["content-disposition"] == (
        "inline; filename=\"na_me___.txt\"; filename*=UTF-8''na%22me%3B_%C3%A9.txt"
    )
    assert answer.content == b"odd name"


async def test_an_empty_file_is_an_empty_answer(house: House) -> None:
    backup_id = await house.backup_id("Locked")
    token = await house.unlock(backup_id)
    empty = await house.file_id(backup_id, "empty.plist", token)
    url = f"/api/backups/{backup_id}/files/{empty}/content"
    answer = await house.client.get(url, headers=session(token))
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_zip_holds_the_selection_with_its_times_and_names_what_is_missing(
    house: House,
) -> None:
    backup_id = await house.backup_id("Locked")
    token = await house.unlock(backup_id)
    note = await house.file_id(backup_id, "note.txt", token)
    blob = house.minted["locked"].path / note[:2] / note
    blob.unlink()
    answer = await house.client.get(f"/api/backups/{backup_id}/zip", headers=session(token))
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        movie = "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.MOV"
        assert archive.read(movie) == BIG
        assert archive.getinfo(movie).date_time[:3] == (2023, 5, 4)
        assert names[-1] == "SKIPPED.txt"
        assert "HomeDomain/Library/Notes/note.txt" in archive.read("SKIPPED.txt").decode()
        assert "HomeDomain/Library/Notes/note.txt" not in names
    nothing = await house.client.get(
        f"/api/backups/{backup_id}/zip", params={"domain": "NoDomain"}, headers=session(token)
    )
    assert nothing.status_code == 404


async def test_a_caller_that_goes_away_frees_its_download(house: House) -> None:
    backup_id = await house.backup_id("Plain")
    file_id = await house.file_id(backup_id, "IMG_0001.MOV")
    url = f"/api/backups/{backup_id}/files/{file_id}/content"
    for _ in range(80):  # more than there are slots
        async with house.client.stream("GET", url) as answer:
            assert answer.status_code == 200
    for _ in range(12):
        async with house.client.stream("GET", f"/api/backups/{backup_id}/zip") as answer:
            assert answer.status_code in (200, 503)
    async with asyncio.timeout(10):
        while (await house.client.get(url)).status_code != 200:  # noqa: ASYNC110 -- over HTTP
            await asyncio.sleep(0.05)
        zip_url = f"/api/backups/{backup_id}/zip"
        while (await house.client.get(zip_url)).status_code != 200:  # noqa: ASYNC110 -- over HTTP
            await asyncio.sleep(0.05)


async def test_the_passphrase_is_in_no_answer(house: House) -> None:
    backup_id = await house.backup_id("Locked")
    answer = await house.client.post(
        f"/api/backups/{backup_id}/unlock", json={"passphrase": PASSPHRASE, "tll": 5}
    )
    assert answer.status_code == 400
    assert PASSPHRASE not in answer.text
    answer = await house.client.post(
        f"/api/backups/{backup_id}/unlock", json={"passphrase": {"a": PASSPHRASE}}
    )
    assert answer.status_code == 400
    assert PASSPHRASE not in answer.text


async def test_neither_secrets_nor_what_was_asked_for_stand_in_the_log(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    backup_id = await house.backup_id("Locked")
    token = await house.unlock(backup_id)
    await house.client.get("/api/search?q=embarrassing")
    await house.client.get(f"/nowhere/{token}")
    await house.client.get(
        f"/api/backups/{backup_id}/files?path_like=%25diary%25", headers=session(token)
    )
    logged = "".join(capfd.readouterr())
    assert "request" in logged
    for secret in (PASSPHRASE, token.split(".")[1], "test-token", "embarrassing", "diary"):
        assert secret not in logged
